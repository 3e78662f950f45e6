"""The pixel transform kernel, on the GPU or in Triton's interpreter. Covers: every path against a loop in NumPy.

Does not cover: the public function's contract (test_transform_pixels.py).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.usefixtures("kernel_device", "poisoned")
launch_transform = pytest.importorskip("fastssl.kernels.transform_pixels.launch").launch_transform
pytest.importorskip("fastssl.kernels.transform_pixels.op")  # registers the operator

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


def naive(images, lut, permutation, mask) -> np.ndarray:
    """Pixel by pixel, [B, C, H, W] fp64, straight from the docstring of `transform_pixels`."""
    n_images, height, width, channels = images.shape
    wide = images.dtype == np.uint16
    grid = 1 if permutation is None else round(permutation.shape[1] ** 0.5)
    rows, columns = height // grid, width // grid
    output = np.empty((n_images, channels, height, width))
    for b, c, y, x in np.ndindex(output.shape):
        tile = (y // rows) * grid + x // columns
        source = tile if permutation is None else int(permutation[b, tile])
        v = int(images[b, source // grid * rows + y % rows, source % grid * columns + x % columns, c])
        if lut is None:
            value = v / (65535 if wide else 255)
        elif wide:
            value = np.interp(v, np.arange(257) * 256, lut[b])
        else:
            value = lut[b, v]
        value = (value - MEAN[c]) / STD[c]
        if mask is not None and mask[b, c % mask.shape[1], y * mask.shape[2] // height, x * mask.shape[3] // width]:
            value = 0.0
        output[b, c, y, x] = value
    return output


@pytest.mark.parametrize("stored", [np.uint8, np.uint16])
@pytest.mark.parametrize("with_lut", [False, True])
@pytest.mark.parametrize("grid", [None, 1, 3])
@pytest.mark.parametrize("mask_shape", [None, (2, 1, 6, 4), (2, 3, 12, 12)])
def test_every_path_meets_the_loop(stored, with_lut, grid, mask_shape):
    rng = np.random.default_rng(0)
    images = rng.integers(0, np.iinfo(stored).max, (2, 12, 12, 3), endpoint=True, dtype=stored)
    lut = rng.random((2, 257 if stored == np.uint16 else 256)).astype(np.float32) if with_lut else None
    permutation = None if grid is None else np.stack([rng.permutation(grid * grid) for _ in range(2)])
    mask = None if mask_shape is None else rng.random(mask_shape) < 0.5
    device = torch.get_default_device()
    given = [None if a is None else torch.from_numpy(a).to(device) for a in (images, lut, permutation, mask)]
    output = launch_transform(*given, MEAN, STD, torch.float32)
    expected = naive(images, lut, permutation, mask)
    np.testing.assert_allclose(output.cpu().double().numpy(), expected, rtol=1e-5, atol=1e-5)
    assert output.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(1, 224, 224, 1), (1, 60, 52, 3), (3, 7, 5, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_any_image_size_is_covered_in_every_output_dtype(shape, dtype):
    torch.manual_seed(0)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    output = launch_transform(images, None, None, None, MEAN[: shape[3]], STD[: shape[3]], dtype)
    mean, std = (torch.tensor(values[: shape[3]], dtype=torch.float64) for values in (MEAN, STD))
    exact = ((images.double() / 255 - mean) / std).permute(0, 3, 1, 2)
    tolerance = {torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 2**-7}[dtype]
    torch.testing.assert_close(output.double(), exact, rtol=tolerance, atol=tolerance)


def test_a_permutation_index_out_of_range_makes_a_black_tile_and_reads_nothing():
    images = torch.full((1, 4, 4, 1), 255, dtype=torch.uint8)
    permutation = torch.tensor([[0, 99, -1, 3]])
    output = launch_transform(images, None, permutation, None, (0.0,), (1.0,), torch.float32)
    assert output[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_what_the_kernel_returns_is_what_the_registered_operator_promises(dtype):
    images = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    arguments = (images, torch.rand(2, 256), None, None, [0.5] * 3, [0.5] * 3, dtype, "triton")
    torch.library.opcheck(torch.ops.fastssl.transform_pixels, arguments)
