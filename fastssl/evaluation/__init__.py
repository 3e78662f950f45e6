"""What a trained encoder is worth: frozen features, few labels, fine-tuning, segmentation.

Covers: a folder per evaluation (`probe/`, `fewshot/`, `finetune/`, `segment/`), each with its `run.py` and what is
special to it; `shared/`, what they have in common; `solvers/`, the convex problems. Does not cover: training an encoder
without labels.
"""
