"""Patches: cut from the images, mask and image turned alike, seeded, resumable, nothing counted beyond the image."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from fastssl.evaluation.segment.augmentation import AUGMENTATIONS
from fastssl.evaluation.segment.data import Sample
from fastssl.evaluation.segment.patches import PatchLoader, covering_patch, steps_per_epoch
from fastssl.pipelines.random import permutation, uniform

MakeSample = Callable[..., Sample]
HALF = {"mean": (0.5,), "std": (0.5,)}
STILL = AUGMENTATIONS["none"]


def loader(samples: list[Sample], patch: tuple[int, int] = (8, 8), **settings: object) -> PatchLoader:
    white = float(np.iinfo(samples[0].image.dtype).max)
    given = {"batch_size": 3, "seed": 1, "white": white, **HALF, **settings}
    return PatchLoader(samples, patch, **given)  # type: ignore[arg-type]


def one_by_one(samples: list[Sample], patch: tuple[int, int], epoch: int, flips: bool) -> list[list[np.ndarray]]:
    """[image, mask, inside] of an epoch's patches `[P, Q, C]`, as they were cut in a loop before: seed 1."""
    tiles = [max(1, round(sample.mask.size / (patch[0] * patch[1]))) for sample in samples]
    owners = np.repeat(np.arange(len(samples)), tiles)
    order = permutation(1, epoch, len(owners))
    found = []
    for owner, (u, v, w) in zip(owners[order], uniform(1, epoch, order, 0, 3), strict=True):
        sample = samples[owner]
        missing = [(0, max(0, side - own)) for side, own in zip(patch, sample.mask.shape, strict=True)]
        inside = np.ones_like(sample.mask) if sample.inside is None else sample.inside
        image = np.pad(sample.image, [*missing, (0, 0)], mode="edge")
        planes = [image, *(np.pad(plane, missing)[..., None] for plane in (sample.mask, inside))]
        top, left = int(u * (image.shape[0] - patch[0] + 1)), int(v * (image.shape[1] - patch[1] + 1))
        planes = [plane[top : top + patch[0], left : left + patch[1]] for plane in planes]
        if flips:
            turns = 4 if patch[0] == patch[1] else 2
            flip, turn = divmod(int(w * 2 * turns), turns)
            planes = [np.rot90(plane, turn * (4 // turns))[:, :: -1 if flip else 1] for plane in planes]
        found.append(planes)
    return found


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


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("flips", [True, False])
@pytest.mark.parametrize("patch", [(8, 8), (8, 12), (32, 32)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_patches_are_bit_equal_to_those_cut_one_by_one(
    sample: MakeSample, dtype: type, patch: tuple[int, int], flips: bool, prefetch: int
) -> None:
    view = np.random.default_rng(0).random((20, 24)) > 0.3
    samples = [sample(20, 24, 3, 1, view), sample(31, 16, 3, 2), sample(9, 40, 3, 3)]
    wide = 1 if dtype is np.uint8 else 257
    samples = [replace(s, image=s.image.astype(dtype) * wide) for s in samples]
    colours = {"mean": (0.5, 0.4, 0.3), "std": (0.5, 0.2, 0.3)}
    mean, std = (torch.tensor(values)[:, None, None] for values in colours.values())
    own = loader(samples, patch, augmentation=AUGMENTATIONS["flips" if flips else "none"], prefetch=prefetch, **colours)
    for epoch in range(2):
        expected = one_by_one(samples, patch, epoch, flips)
        for number, batch in enumerate(own):
            for place, (image, mask, inside) in enumerate(expected[3 * number : 3 * number + 3]):
                levels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)
                assert torch.equal(batch["image"][place], (levels / float(np.iinfo(dtype).max) - mean) / std)
                np.testing.assert_array_equal(batch["mask"][place, 0].numpy(), mask[..., 0])
                np.testing.assert_array_equal(batch["inside"][place, 0].numpy(), inside[..., 0])
        assert number == len(expected) // 3 - 1


def test_a_batch_makes_no_tensor_out_of_a_list(sample: MakeSample, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU each would have the host wait for the device."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("torch.tensor was called for a batch")

    patches = loader([sample(channels=3)], mean=(0.5,) * 3, std=(0.5,) * 3, augmentation=AUGMENTATIONS["fundus"])
    for name in ("tensor", "as_tensor", "stack"):
        monkeypatch.setattr(torch, name, refuse)
    assert len(list(patches)) == len(patches)


def test_an_epoch_has_as_many_patches_as_would_tile_the_images(sample: MakeSample) -> None:
    samples = [sample(16, 16, seed=1), sample(32, 16, seed=2), sample(8, 8, seed=3)]
    assert len(loader(samples, batch_size=1)) == 4 + 8 + 1
    assert len(loader(samples, batch_size=5)) == 2 == steps_per_epoch(samples, (8, 8), 5)
    few = loader(samples, batch_size=50)
    assert (few.batch_size, len(few)) == (13, 1)
    assert steps_per_epoch(samples, (8, 8), 50) == 1
    (batch,) = few
    assert len(batch["image"]) == 13


def test_all_symmetries_and_places_occur(sample: MakeSample) -> None:
    one = sample(8, 8)
    patches = loader([one], batch_size=1)
    seen = {next(iter(patches))["image"].numpy().tobytes() for _ in range(80)}
    assert len(seen) == 8
    still = loader([one], batch_size=1, augmentation=STILL)
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


@pytest.mark.parametrize("prefetch", [1, 3])
def test_batches_made_ahead_are_those_made_when_asked_for(sample: MakeSample, prefetch: int) -> None:
    """Also after breaking off, across epochs, and from a saved place while others are under way."""
    samples, fundus = [sample(seed=seed) for seed in range(3)], AUGMENTATIONS["fundus"]
    plain, ahead = (loader(samples, augmentation=fundus, prefetch=depth) for depth in (0, prefetch))
    for _ in range(3):
        for wanted in (2, None):
            pairs = list(zip(islice(plain, wanted), islice(ahead, wanted), strict=True))
            assert all(torch.equal(one[name], other[name]) for one, other in pairs for name in one)
    start = {"epoch": 1, "iteration": 2}
    for each in (plain, ahead):
        each.load_state_dict(start)
    assert torch.equal(next(iter(plain))["image"], next(iter(ahead))["image"])
    assert plain.state_dict() == ahead.state_dict() == {"epoch": 1, "iteration": 3}


def test_the_thread_that_makes_batches_ahead_starts_with_the_first_and_ends_with_its_loader(
    sample: MakeSample,
) -> None:
    def running() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name.startswith("fastssl-patches")}

    earlier = running()
    patches = loader([sample()], prefetch=2)
    assert running() <= earlier
    next(iter(patches))
    (own,) = running() - earlier
    del patches
    gc.collect()
    own.join(timeout=10)
    assert not own.is_alive()


def test_inside_is_the_field_of_view_and_never_beyond_the_image(sample: MakeSample) -> None:
    view = np.zeros((8, 8), bool)
    view[2:5] = True
    (batch,) = loader([sample(8, 8, inside=view)], patch=(16, 16), batch_size=1, augmentation=STILL)
    expected = np.zeros((16, 16), np.float32)
    expected[2:5, :8] = 1
    np.testing.assert_array_equal(batch["inside"][0, 0].numpy(), expected)
    assert batch["mask"][0, 0, 8:].sum() == 0
    assert torch.equal(batch["image"][..., 8:, :8], batch["image"][..., 7:8, :8].expand(1, 1, 8, 8))


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_white_is_one_whatever_the_depth_and_every_channel_has_its_own_mean(dtype: type, white: int) -> None:
    image = np.full((8, 8, 3), white, dtype)
    mask = np.zeros((8, 8), bool)
    patches = loader([Sample.unresized(name="a", image=image, mask=mask)], mean=(0.0, 0.5, 0.2), std=(1.0, 0.5, 0.4))
    (batch,) = patches
    torch.testing.assert_close(batch["image"][0, :, 0, 0], torch.tensor([1.0, 1.0, 2.0]))


def test_there_is_one_white_for_all_images_and_none_of_another_type(sample: MakeSample) -> None:
    one, other = sample(8, 8, seed=1), sample(8, 8, seed=2)
    wide = [Sample.unresized(name=s.name, image=s.image.astype(np.uint16) * 257, mask=s.mask) for s in (one, other)]
    for expected, found in zip(loader([one, other], batch_size=2), loader(wide, batch_size=2), strict=True):
        torch.testing.assert_close(found["image"], expected["image"])
        assert torch.equal(found["mask"], expected["mask"])
    with pytest.raises(ValueError, match="all images of a table have one type"):
        loader([one, wide[1]])


def test_pictures_are_channels_last_and_in_the_dtype_asked_for(sample: MakeSample) -> None:
    for name in ("flips", "fundus"):
        (batch, *_) = loader(
            [sample(channels=3)], mean=(0,) * 3, std=(1,) * 3, dtype=torch.bfloat16, augmentation=AUGMENTATIONS[name]
        )
        assert batch["image"].dtype == torch.bfloat16
        assert batch["image"].is_contiguous(memory_format=torch.channels_last)
        assert {batch["mask"].dtype, batch["inside"].dtype} == {torch.float32}


def test_the_covering_patch_holds_every_image_in_multiples_of_32(sample: MakeSample) -> None:
    assert covering_patch([sample(20, 70), sample(33, 10)]) == (64, 96)
