"""Batched operations of the views, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.pipelines.ops.torch_ops import normalise

ALIKE = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
UNLIKE = ((0.1, 0.5, 0.9), (0.2, 0.3, 0.4))


def by_hand(levels: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    share = levels.numpy().astype(np.float64) / 255
    return (share - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize(("mean", "std"), [ALIKE, UNLIKE], ids=["alike", "unlike"])
def test_every_channel_is_normalised_by_its_own_numbers(
    form: torch.memory_format, dtype: torch.dtype, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    levels = torch.randint(0, 256, (2, 3, 5, 7)).to(dtype).contiguous(memory_format=form)
    found = normalise(levels, mean, std)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=form)
    np.testing.assert_allclose(found.numpy(), by_hand(levels, mean, std), atol=2e-6)


@pytest.mark.parametrize(("mean", "std", "channels"), [(*ALIKE, 1), (*UNLIKE, 3)], ids=["alike", "unlike"])
def test_one_plane_is_normalised_for_every_channel(
    mean: tuple[float, ...], std: tuple[float, ...], channels: int
) -> None:
    levels = torch.randint(0, 256, (2, 1, 5, 7)).float()
    found = normalise(levels, mean, std)
    assert found.shape == (2, channels, 5, 7)
    np.testing.assert_allclose(found.expand(2, 3, 5, 7).numpy(), by_hand(levels, mean, std), atol=2e-6)
