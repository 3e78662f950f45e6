"""Heads that sit on an encoder's features.

Covers: the projection head of MoCo v2, the classifier of a pretext task. Does not cover: encoders, decoders, nor the
classifiers of evaluation, which are solved, not trained (`evaluation/linear.py`).
"""

from __future__ import annotations

from torch import nn


def projection_head(feature_dim: int, embedding_dim: int = 128) -> nn.Sequential:
    """Linear-ReLU-Linear, hidden width equal to the features': `[B, feature_dim]` to `[B, embedding_dim]`.

    Source: MoCo v2 (Chen et al., arXiv 2003.04297), section 2, as in SimCLR.
    """
    return nn.Sequential(
        nn.Linear(feature_dim, feature_dim),
        nn.ReLU(inplace=True),
        nn.Linear(feature_dim, embedding_dim),
    )


def classification_head(feature_dim: int, classes: int) -> nn.Linear:
    """`[B, feature_dim]` to logits `[B, classes]`."""
    return nn.Linear(feature_dim, classes)
