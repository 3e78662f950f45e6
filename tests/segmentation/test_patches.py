"""Patches: cut from the images, mask and image turned alike, seeded, resumable, nothing counted beyond the image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fastssl.segmentation.files import Sample
from fastssl.segmentation.patches import PatchLoader, covering_patch

MakeSample = Callable[..., Sample]
HALF = {"mean": (0.5,), "std": (0.5,)}


def loader(samples: list[Sample], patch: tuple[int, int] = (8, 8), **settings: object) -> PatchLoader:
    return PatchLoader(samples, patch, **{"batch_size": 3, "seed": 1, **HALF, **settings})  # type: ignore[arg-type]


def symmetries(patch: np.ndarray) -> list[np.ndarray]:
    return [turned for flat in (patch, patch[:, ::-1]) for turned in (np.rot90(flat, k) for k in range(4))]


def test_every_patch_is_a_turned_or_flipped_piece_of_an_image_with_its_mask(sample: MakeSample) -> None:
    one = sample(20, 24)
    pieces = {
        symmetry.tobytes(): one.mask[top : top + 8, left : left + 8]
        for top in range(13)
        for left in range(17)
        for symmetry in symmetries(one.image[top : top + 8, left : left + 8, 0])
    }
    for batch in loader([one]):
        levels = ((batch["image"] * 0.5 + 0.5) * 255).round().to(torch.uint8).numpy()[:, 0]
        for pixels, mask in zip(levels, batch["mask"].numpy()[:, 0], strict=True):
            assert pixels.tobytes() in pieces
            np.testing.assert_array_equal(mask, pixels > 200)


def test_an_epoch_has_as_many_patches_as_would_tile_the_images(sample: MakeSample) -> None:
    samples = [sample(16, 16, seed=1), sample(32, 16, seed=2), sample(8, 8, seed=3)]
    assert len(loader(samples, batch_size=1)) == 4 + 8 + 1
    assert len(loader(samples, batch_size=5)) == 2
    few = loader(samples, batch_size=50)
    assert (few.batch_size, len(few)) == (13, 1)
    (batch,) = few
    assert len(batch["image"]) == 13


def test_all_symmetries_and_places_occur(sample: MakeSample) -> None:
    one = sample(8, 8)
    patches = loader([one], batch_size=1)
    seen = {next(iter(patches))["image"].numpy().tobytes() for _ in range(80)}
    assert len(seen) == 8
    still = loader([one], batch_size=1, augment=False)
    assert len({next(iter(still))["image"].numpy().tobytes() for _ in range(20)}) == 1


def test_patches_that_are_not_square_keep_their_shape(sample: MakeSample) -> None:
    patches = loader([sample(10, 12)], patch=(10, 12), batch_size=1)
    shapes, seen = set(), set()
    for _ in range(40):
        batch = next(iter(patches))
        shapes.add(tuple(batch["image"].shape))
        seen.add(batch["image"].numpy().tobytes())
    assert shapes == {(1, 1, 10, 12)}
    assert len(seen) == 4


def test_equal_seeds_give_equal_batches_and_epochs_differ(sample: MakeSample) -> None:
    samples = [sample(seed=seed) for seed in range(3)]
    first, again, other = loader(samples), loader(samples), loader(samples, seed=2)
    one, two = [b["image"] for b in first], [b["image"] for b in again]
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], next(iter(first))["image"])
    assert not torch.equal(one[0], next(iter(other))["image"])


def test_it_goes_on_from_a_saved_place(sample: MakeSample) -> None:
    samples = [sample(seed=seed) for seed in range(3)]
    whole, resumed = loader(samples), loader(samples)
    expected = [batch["image"] for _ in range(2) for batch in whole]
    cut = loader(samples)
    next(iter(cut))
    resumed.load_state_dict(cut.state_dict())
    found = [batch["image"] for _ in range(2) for batch in resumed]
    assert all(torch.equal(a, b) for a, b in zip(expected[1:], found, strict=True))


def test_inside_is_the_field_of_view_and_never_beyond_the_image(sample: MakeSample) -> None:
    view = np.zeros((8, 8), bool)
    view[2:5] = True
    (batch,) = loader([sample(8, 8, inside=view)], patch=(16, 16), batch_size=1, augment=False)
    expected = np.zeros((16, 16), np.float32)
    expected[2:5, :8] = 1
    np.testing.assert_array_equal(batch["inside"][0, 0].numpy(), expected)
    assert batch["mask"][0, 0, 8:].sum() == 0
    assert torch.equal(batch["image"][..., 8:, :8], batch["image"][..., 7:8, :8].expand(1, 1, 8, 8))


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_white_is_one_whatever_the_depth_and_every_channel_has_its_own_mean(dtype: type, white: int) -> None:
    image = np.full((8, 8, 3), white, dtype)
    mask = np.zeros((8, 8), bool)
    patches = loader([Sample("a", image, mask, None, mask, None)], mean=(0.0, 0.5, 0.2), std=(1.0, 0.5, 0.4))
    (batch,) = patches
    torch.testing.assert_close(batch["image"][0, :, 0, 0], torch.tensor([1.0, 1.0, 2.0]))


def test_the_covering_patch_holds_every_image_in_multiples_of_32(sample: MakeSample) -> None:
    assert covering_patch([sample(20, 70), sample(33, 10)]) == (64, 96)
