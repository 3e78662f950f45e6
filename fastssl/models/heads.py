"""Small networks on top of an encoder's pooled features.

Covers: the projection head of MoCo v2, the classifier of a pretext task. Does not cover: encoders, decoders, nor the
classifiers of evaluation (`fastssl.evaluation`).
"""

from __future__ import annotations

from torch import nn


def projection_head(feature_dim: int, embedding_dim: int = 128) -> nn.Sequential:
    """Make the projection head of MoCo v2: linear, ReLU, linear, as wide inside as the features are long.

    Source: MoCo v2 (Chen et al., arXiv 2003.04297), section 2, as in SimCLR.

    Args:
        feature_dim: length of the features.
        embedding_dim: length of the embeddings.

    Returns:
        A module from `[B, feature_dim]` to `[B, embedding_dim]`.
    """
    return nn.Sequential(
        nn.Linear(feature_dim, feature_dim),
        nn.ReLU(inplace=True),
        nn.Linear(feature_dim, embedding_dim),
    )


def classification_head(feature_dim: int, classes: int) -> nn.Linear:
    """Make a linear classifier.

    Args:
        feature_dim: length of the features.
        classes: how many there are.

    Returns:
        A module from `[B, feature_dim]` to logits `[B, classes]`.
    """
    return nn.Linear(feature_dim, classes)
