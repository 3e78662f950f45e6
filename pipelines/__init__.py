"""Augmentation pipelines: every view of every stage, as DALI graphs and as batched torch."""
