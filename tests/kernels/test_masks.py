"""Masks of patches over images, against numpy."""

import numpy as np
import pytest
import torch

from fastssl.kernels.masks import bits_where, expand_mask, keep_

SIZE = (6, 8)


def a_mask(dtype=torch.bool, channels=1, cells=(3, 2)):
    torch.manual_seed(0)
    return torch.where(torch.rand(2, channels, *cells) < 0.5, 255, 0).to(dtype)


def over_pixels(mask):
    rows, columns = (whole // part for whole, part in zip(SIZE, mask.shape[2:], strict=True))
    return np.kron(mask.numpy() != 0, np.ones((1, 1, rows, columns), dtype=bool))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8], ids=str)
@pytest.mark.parametrize("cells", [(1, 1), (3, 2), SIZE], ids=str)
def test_an_entry_stands_for_its_patch(dtype, cells):
    mask = a_mask(dtype, channels=3, cells=cells)
    expanded = expand_mask(mask, *SIZE)
    assert expanded.dtype == torch.bool
    np.testing.assert_array_equal(expanded.numpy(), over_pixels(mask))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=str)
def test_what_is_not_kept_is_zero_whatever_it_was(dtype, channels, form):
    values = torch.randn(2, 3, *SIZE, dtype=dtype).contiguous(memory_format=form)
    values[:, :, 0], values[:, :, 1] = torch.nan, -torch.inf
    mask = a_mask(channels=channels)
    expected = np.where(over_pixels(mask), values.numpy(), 0.0)
    kept = keep_(values, bits_where(mask, dtype))
    assert kept is values
    np.testing.assert_array_equal(values.numpy(), expected)
    assert not np.signbit(values.numpy()[expected == 0]).any()
