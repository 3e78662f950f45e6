"""`fastssl fewshot`: linear classifiers on frozen features of a few labelled images per class.

Covers: several runs and baselines, compared over draws of the images. Does not cover: all labels
(`fastssl.evaluation.probe`), training the encoder on labels (`fastssl.evaluation.finetune`).
"""
