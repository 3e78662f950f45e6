"""MoCo v2's projection head, and the classifier of a pretext task."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from fastssl.models.heads import classification_head, projection_head


def test_it_is_linear_relu_linear_with_the_features_width() -> None:
    head = projection_head(24, 7)
    x = torch.randn(5, 24)
    hidden = F.relu(x @ head[0].weight.T + head[0].bias)
    expected = hidden @ head[2].weight.T + head[2].bias
    torch.testing.assert_close(head(x), expected)
    assert head[0].weight.shape == (24, 24)
    assert head(x).shape == (5, 7)


def test_the_embedding_has_128_numbers_unless_asked_otherwise() -> None:
    assert projection_head(8)(torch.zeros(1, 8)).shape == (1, 128)


def test_the_classifier_is_linear() -> None:
    head = classification_head(6, 24)
    x = torch.randn(5, 6)
    torch.testing.assert_close(head(x), x @ head.weight.T + head.bias)
    assert head(x).shape == (5, 24)
