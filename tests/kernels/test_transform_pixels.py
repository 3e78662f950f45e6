"""`transform_pixels` as its callers meet it. Covers: the contract of the public function on the torch reference.

Does not cover: the Triton kernel (test_pixels_kernel.py).
"""

from __future__ import annotations

import pytest
import torch

from fastssl.kernels import transform_pixels
from fastssl.kernels.transform_pixels.reference import permute_tiles


@pytest.mark.parametrize("stored", [torch.uint8, torch.uint16], ids=str)
def test_without_options_it_normalises(stored):
    largest = torch.iinfo(stored).max
    images = torch.tensor([0, 1, largest]).reshape(1, 1, 3, 1).to(stored)
    output = transform_pixels(images, mean=(0.5,), std=(0.25,))
    exact = (torch.tensor([0.0, 1.0 / largest, 1.0]) - 0.5) / 0.25
    torch.testing.assert_close(output.flatten(), exact)


@pytest.mark.parametrize("stored", [torch.uint8, torch.uint16], ids=str)
def test_the_identity_table_changes_nothing(stored):
    images = torch.randint(0, torch.iinfo(stored).max, (2, 8, 8, 3)).to(stored)
    entries = torch.arange(256) / 255 if stored == torch.uint8 else torch.arange(257) * 256 / 65535
    plain, looked_up = (transform_pixels(images, lut=t, mean=(0.4,), std=(0.3,)) for t in (None, entries.repeat(2, 1)))
    torch.testing.assert_close(plain, looked_up, rtol=1e-5, atol=1e-5)


def test_each_image_has_its_own_table():
    images = torch.full((2, 1, 1, 1), 7, dtype=torch.uint8)
    lut = torch.zeros(2, 256)
    lut[:, 7] = torch.tensor([0.25, 0.75])
    assert transform_pixels(images, lut=lut, mean=(0.0,), std=(1.0,)).flatten().tolist() == [0.25, 0.75]


def test_tiles_change_places_and_back():
    images = torch.randint(0, 256, (3, 12, 6, 2), dtype=torch.uint8)
    permutation = torch.stack([torch.randperm(9) for _ in range(3)])
    shuffled = permute_tiles(images, permutation)
    assert torch.equal(
        shuffled[1, :4, :2],
        images[1].unflatten(0, (3, 4)).unflatten(2, (3, 2))[permutation[1, 0] // 3, :, permutation[1, 0] % 3],
    )
    assert torch.equal(permute_tiles(shuffled, permutation.argsort(1)), images)


def test_masked_pixels_become_the_mean():
    images = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    mask = torch.zeros(2, 1, 2, 2, dtype=torch.bool)
    mask[0, 0, 0, 1] = True
    output = transform_pixels(images, mask=mask, mean=(0.3,), std=(0.1,))
    plain = transform_pixels(images, mean=(0.3,), std=(0.1,))
    assert output[0, :, :4, 4:].abs().max() == 0
    output[0, :, :4, 4:] = plain[0, :, :4, 4:]
    assert torch.equal(output, plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_output_is_channels_last_in_the_dtype_asked_for(dtype):
    output = transform_pixels(torch.zeros(2, 4, 6, 3, dtype=torch.uint8), mean=(0.0,), std=(1.0,), dtype=dtype)
    assert output.shape == (2, 3, 4, 6)
    assert output.dtype == dtype
    assert output.is_contiguous(memory_format=torch.channels_last)


def test_compiled_it_is_one_graph():
    images, lut = torch.randint(0, 256, (2, 8, 8, 1), dtype=torch.uint8), torch.rand(2, 256)
    transform = lambda i, t: transform_pixels(i, lut=t, mean=(0.4,), std=(0.3,)) + 1  # noqa: E731
    compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(images, lut), transform(images, lut))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("stored", "entries"), [(torch.uint8, 256), (torch.uint16, 257)], ids=["uint8", "uint16"])
def test_the_registered_operator_passes_opcheck(dtype, stored, entries):
    images = torch.randint(0, 256, (2, 6, 6, 3)).to(stored)
    options = (torch.rand(2, entries), torch.randperm(4).repeat(2, 1), torch.rand(2, 1, 3, 2) < 0.5)
    arguments = (images, *options, [0.1, 0.2, 0.3], [1.0, 1.0, 2.0], dtype, "auto")
    torch.library.opcheck(torch.ops.fastssl.transform_pixels, arguments)


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        ({"images": torch.ones(2, 8, 8, 1)}, TypeError, "images .*float32"),
        ({"images": torch.ones(8, 8, 1).byte()}, ValueError, "images .*\\[8, 8, 1\\]"),
        ({"lut": torch.ones(2, 257)}, ValueError, "lut .*\\[2, 256\\].*\\[2, 257\\]"),
        ({"lut": torch.ones(2, 256).int()}, TypeError, "lut .*int32"),
        ({"permutation": torch.ones(2, 9).long()}, ValueError, "permutation .*9 tiles"),
        ({"permutation": torch.ones(2, 5).long()}, ValueError, "permutation .*5 tiles"),
        ({"permutation": torch.ones(2, 4)}, TypeError, "permutation .*float32"),
        ({"mask": torch.ones(2, 1, 3, 3).bool()}, ValueError, "mask"),
        ({"mean": (0.1, 0.2)}, ValueError, "mean .*2"),
        ({"std": (0.0,)}, ValueError, "std"),
        ({"dtype": torch.int32}, TypeError, "dtype .*int32"),
    ],
)
def test_what_does_not_fit_is_named(change, error, names):
    arguments = {"images": torch.zeros(2, 8, 8, 1, dtype=torch.uint8), "mean": (0.0,), "std": (1.0,), **change}
    with pytest.raises(error, match=names):
        transform_pixels(**arguments)
