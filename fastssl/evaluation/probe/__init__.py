"""`fastssl probe`: a linear classifier and nearest neighbours on frozen features.

Covers: one run, on all labels. Does not cover: few labels (`fastssl.evaluation.fewshot`), training the encoder on
labels (`fastssl.evaluation.finetune`).
"""
