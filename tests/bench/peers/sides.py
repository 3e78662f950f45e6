"""What the tests of peers ask of each: the same start as ours, views as strong as ours.

Covers: these checks. Does not cover: what a peer's steps do (its own test).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import nn

from fastssl.models.encoder import create_encoder
from fastssl.models.heads import projection_head


def check_start(backbone: nn.Module, head: nn.Module, channels: int) -> None:
    """The encoder's weights are ours, to the bit, and the head's shapes."""
    ours = create_encoder("resnet18", channels, 28, seed=0).state_dict()
    theirs = backbone.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    shapes = [[parameter.shape for parameter in made.parameters()] for made in (head, projection_head(512, 128))]
    assert shapes[0] == shapes[1]


def check_strength(
    one: torch.Tensor, other: torch.Tensor, statistics: Sequence[Callable[[torch.Tensor], torch.Tensor]], rel: float
) -> None:
    """The means of the views' statistics agree within five standard errors, their deviations within `rel`."""
    assert one.shape == other.shape
    assert one.dtype == other.dtype
    for statistic in statistics:
        a, b = (statistic(side).double().numpy() for side in (one, other))
        error = np.sqrt((a.var() + b.var()) / len(one))
        assert abs(a.mean() - b.mean()) <= 5 * error, statistic.__name__
        assert a.std() == pytest.approx(b.std(), rel=rel), statistic.__name__


def brightness(views: torch.Tensor) -> torch.Tensor:
    return views.mean((1, 2, 3))


def contrast(views: torch.Tensor) -> torch.Tensor:
    return views.std((1, 2, 3))


def sharpness(views: torch.Tensor) -> torch.Tensor:
    return views.diff(dim=3).abs().mean((1, 2, 3))
