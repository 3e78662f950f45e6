"""What is shown is what the loader yielded: images, masks, curves, and their labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from fastssl.pipelines import (
    Bezier,
    BlockMask,
    CentrePatch,
    Jigsaw,
    Masked,
    Plain,
    PretextTasks,
    TowerPairs,
    TwoCrops,
    View,
)
from fastssl.previews.sections import original_section, to_pixels, view_sections, without_repeats
from fastssl.previews.sheet import CellRow, Section

SEED, EPOCH = 3, 2  # of conftest's batches

Batches = Callable[[np.ndarray, View], dict[str, Tensor]]


def sections_of(
    view: View, batch: dict[str, Tensor], images: np.ndarray, outputs: dict[str, Tensor] | None = None
) -> list[Section]:
    """The sections of a batch that was drawn by conftest's loader."""
    settings = {"seed": SEED, "epoch": EPOCH, "shape": images.shape[1:3], "dtype": images.dtype}
    return view_sections("Title", view, batch, outputs or {}, **settings)


def stacked(row: CellRow) -> np.ndarray:
    """The pixels of a row: uint8 `[N, H, W, 3]`."""
    return np.stack([cell.pixels for cell in row.cells])


def test_pixels_are_denormalised_by_each_channels_own_numbers_and_clipped() -> None:
    levels = np.random.default_rng(0).uniform(-40, 300, (2, 5, 5, 3))
    mean, std = (0.2, 0.5, 0.7), (0.3, 0.2, 0.1)
    normalised = torch.from_numpy((levels / 255 - mean) / std).permute(0, 3, 1, 2).float()
    assert np.abs(to_pixels(normalised, mean, std) - levels.clip(0, 255)).max() <= 0.501


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_both_crops_are_shown_as_the_loader_yields_them(
    channels: int, dtype: type, make_images: Callable[..., np.ndarray], first_batch: Batches
) -> None:
    images = make_images(channels, dtype)
    view = TwoCrops(24, channels)
    batch = first_batch(images, view)
    (section,) = sections_of(view, batch, images)
    assert section.title == "Title"
    assert [row.label for row in section.rows] == ["query crop", "key crop"]
    for row, name in zip(section.rows, ("query", "key"), strict=True):
        levels = (batch[name].double().numpy().transpose(0, 2, 3, 1).clip(-1, 1) + 1) * 127.5
        assert np.abs(stacked(row) - levels).max() <= 0.501


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_originals_are_the_stored_pixels(dtype: type, make_images: Callable[..., np.ndarray]) -> None:
    images = make_images(3, dtype)
    row = original_section(images, ["word"] * 12).rows[0]
    assert np.abs(stacked(row).astype(float) - images / (np.iinfo(dtype).max / 255)).max() <= 0.5
    assert {cell.caption for cell in row.cells} == {"word"}


def test_four_channels_are_four_quarters(make_images: Callable[..., np.ndarray]) -> None:
    images = make_images(4)
    shown = stacked(original_section(images, [""] * 12).rows[0])
    assert shown.shape == (12, 48, 48, 3)
    for channel, (top, left) in enumerate([(0, 0), (0, 24), (24, 0), (24, 24)]):
        quarter = shown[:, top : top + 24, left : left + 24]
        assert np.array_equal(quarter, np.repeat(images[..., channel : channel + 1], 3, axis=3))


def test_masks_are_white_where_masked_and_their_share_is_named(
    make_images: Callable[..., np.ndarray], first_batch: Batches
) -> None:
    images = make_images(1)
    view = Masked(24, 1, horizontal_flip=0.0, mask=BlockMask(0.3, grid=10))
    batch = first_batch(images, view)
    (section,) = sections_of(view, batch, images)
    image, mask, target = section.rows
    assert (image.label, mask.label, target.label) == ("input", "mask, 30%", "target")
    white = stacked(mask)[..., 0] == 255
    assert set(np.unique(stacked(mask))) == {0, 255}
    assert np.array_equal(white, batch["mask"][:, 0].numpy() == 1)
    assert white.mean() == pytest.approx(0.3, abs=1 / 24**2)
    assert (stacked(image)[white] == 128).all()
    assert np.array_equal(stacked(image)[~white], stacked(target)[~white])


@pytest.mark.parametrize("curves", ["random", "tower"])
def test_the_curve_shown_is_the_one_that_was_applied_to_the_image(
    curves: str, make_images: Callable[..., np.ndarray], first_batch: Batches
) -> None:
    images = make_images(3)
    view = Bezier(24, 3, curves=curves)
    batch = first_batch(images, view)
    (section,) = sections_of(view, batch, images)
    curve, image, target = section.rows
    assert (curve.label, image.label) == ("curve", "input")
    for shown, curved, clean in zip(curve.cells, stacked(image), stacked(target), strict=True):
        assert len(shown.levels) == 256
        assert np.abs(shown.levels[clean] - curved).max() <= 0.51


def test_a_curve_is_the_bezier_curve_of_its_control_points_also_where_it_falls(
    make_images: Callable[..., np.ndarray], first_batch: Batches
) -> None:
    images = make_images(1)
    view = Bezier(24, 1, probability=1.0)
    batch = first_batch(images, view)
    drawn = view.draw(SEED, EPOCH, batch["index"].numpy(), (24, 24))
    cells = sections_of(view, batch, images)[0].rows[0].cells
    assert {cell.falls for cell in cells} == {True, False}
    s = np.linspace(0, 1, 200_001)
    for cell, control, falls in zip(cells, drawn["control"].astype(np.float64), drawn["falls"], strict=True):
        x, y = (3 * s * (1 - s) ** 2 * p + 3 * s**2 * (1 - s) * q + s**3 for p, q in control.T)
        dense = np.interp(np.linspace(0, 1, 256), x, y[::-1] if falls else y) * 255
        assert np.abs(cell.levels - dense).max() < 0.5
        assert cell.falls == falls


def test_16_bit_images_have_a_finer_curve(make_images: Callable[..., np.ndarray], first_batch: Batches) -> None:
    deep, shallow = make_images(1, np.uint16), make_images(1)
    view = TowerPairs(24, 1)
    fine, coarse = (sections_of(view, first_batch(images, view), images)[0].rows[0] for images in (deep, shallow))
    for cell, other in zip(fine.cells, coarse.cells, strict=True):
        assert len(cell.levels) == 5 * 255 + 1
        assert np.allclose(cell.levels[::5], other.levels, atol=1e-3)


def test_a_jigsaw_shows_its_borders_and_orders(make_images: Callable[..., np.ndarray], first_batch: Batches) -> None:
    images = make_images(3)
    view = Jigsaw(24, 3, grid=2)
    batch = first_batch(images, view)
    shuffled, target = sections_of(view, batch, images)[0].rows
    assert (shuffled.label, target.label) == ("input", "target")
    corners = [
        (slice(12 * row, 12 * row + 12), slice(12 * column, 12 * column + 12)) for row in (0, 1) for column in (0, 1)
    ]
    for cell, clean in zip(shuffled.cells, target.cells, strict=True):
        assert cell.tiles == clean.tiles == 2
        order = view.orders[int(cell.caption.removeprefix("order "))]
        for place, tile in zip(corners, order, strict=True):
            assert np.array_equal(cell.pixels[place], clean.pixels[corners[tile]])


def test_every_task_is_a_section_with_what_the_stage_made_before_the_target(
    make_images: Callable[..., np.ndarray], first_batch: Batches
) -> None:
    images = make_images(3)
    tasks = {"jigsaw": Jigsaw(24, 3), "inpaint": CentrePatch(24, 3)}
    view = PretextTasks(24, 3, tasks=tasks, one_per_batch=False)
    batch = first_batch(images, view)
    made = {"inpaint/restored": batch["inpaint/target"].flip(3), "sample": batch["jigsaw/image"] * 0}
    jigsaw, inpaint, output = sections_of(view, batch, images, made)
    assert [section.title for section in (jigsaw, inpaint, output)] == ["Jigsaw", "Inpaint", "Output"]
    assert [row.label for row in jigsaw.rows] == ["input", "target"]
    assert jigsaw.rows[0].cells[0].tiles == 2
    assert [row.label for row in inpaint.rows] == ["input", "mask, 25%", "restored", "target"]
    assert np.array_equal(stacked(inpaint.rows[2]), stacked(inpaint.rows[3])[:, :, ::-1])
    assert [row.label for row in output.rows] == ["sample"]
    assert (stacked(output.rows[0]) == 128).all()


def test_the_outputs_of_a_single_view_go_into_its_own_section(
    make_images: Callable[..., np.ndarray], first_batch: Batches
) -> None:
    images = make_images(1)
    view = Plain(24, 1)
    batch = first_batch(images, view)
    (section,) = sections_of(view, batch, images, {"re_made": -batch["image"]})
    assert [row.label for row in section.rows] == ["input", "re made"]
    assert np.array_equal(stacked(section.rows[1]), 255 - stacked(section.rows[0]))


def test_a_target_that_is_the_original_is_not_repeated(
    make_images: Callable[..., np.ndarray], first_batch: Batches
) -> None:
    images = make_images(3)
    flipped, upright = (Masked(24, 3, horizontal_flip=probability) for probability in (1.0, 0.0))
    batch = first_batch(images, upright)
    original = original_section(images[batch["index"].numpy()], [""] * 5)
    sections = [
        *sections_of(upright, batch, images),
        *sections_of(flipped, first_batch(images, flipped), images),
    ]
    labels = [[row.label for row in section.rows] for section in without_repeats(sections, original)]
    assert labels == [["input", "mask, 75%"], ["input", "mask, 75%", "target"]]
