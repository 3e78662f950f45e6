"""Which values of masks are foreground: decided over all masks of a set, by what is written in their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data.reading import read_label_file
from fastssl.errors import DataError
from fastssl.evaluation.segment.data.masks import Foreground, choose_foreground, code_labels, field_tables

SHAPE = (40, 48)
RED, GREEN, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 0), (255, 255, 255)
VOC = [BLACK, (128, 0, 0), (0, 128, 0)] + [(9, 9, 9)] * 252 + [(224, 224, 192)]


def disc(seed: int, radius: int = 9) -> np.ndarray:
    """Where a disc is, bool."""
    y, x = np.random.default_rng(seed).integers(radius + 2, 40 - radius - 2, 2)
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


DISCS = [disc(seed) for seed in range(4)]
CORES = [disc(seed, 4) for seed in range(4)]


def grey(low: int, high: int, dtype: type = np.uint8) -> Callable[[np.ndarray], Image.Image]:
    return lambda truth: Image.fromarray(np.where(truth, high, low).astype(dtype))


def coloured(back: tuple[int, ...], front: tuple[int, ...]) -> Callable[[np.ndarray], Image.Image]:
    return lambda truth: Image.fromarray(np.where(truth[..., None], front, back).astype(np.uint8))


def palette(*colours: tuple[int, int, int]) -> Callable[[np.ndarray], Image.Image]:
    def make(indices: np.ndarray) -> Image.Image:
        image = Image.fromarray(indices.astype(np.uint8)).convert("L")
        image.putpalette(np.array(colours, np.uint8).tobytes())
        return image

    return make


def choose(folder: Path, images: list[Image.Image], *requested: str, ending: str = ".png", **how: object) -> Foreground:
    folder.mkdir(exist_ok=True)
    masks = []
    for number, image in enumerate(images):
        path = folder / f"{number}{ending}"
        image.save(path, **how)
        masks.append(code_labels(path, read_label_file(path, max_megapixels=1)))
    chosen = choose_foreground(masks, requested, folder)
    found = [mask.looked_up(table) for mask, table in zip(masks, chosen.tables, strict=True)]
    FOUND[:] = found
    return chosen


FOUND: list[np.ndarray] = []
"""The foreground of each mask of the last choice."""


def assert_found(truths: list[np.ndarray]) -> None:
    for found, truth in zip(FOUND, truths, strict=True):
        np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize(
    ("make", "ending", "text"),
    [
        (grey(0, 1), ".png", "1, of 0 ("),
        (grey(0, 255), ".png", "255, of 0 ("),
        (grey(0, 38), ".png", "38, of 0 ("),
        (grey(0, 255), ".tif", "255, of 0 ("),
        (grey(0, 255), ".bmp", "255, of 0 ("),
        (grey(0, 1), ".gif", "1, of 0 ("),
        (grey(0, 65535, np.uint16), ".png", "65535, of 0 ("),
        (grey(0, 1, np.uint16), ".tif", "1, of 0 ("),
        (grey(0, 1, np.float32), ".tif", "1, of 0 ("),
        (grey(0, 255, np.float32), ".tif", "255, of 0 ("),
        (grey(0, 70000, np.int32), ".tif", "70000, of 0 ("),
        (Image.fromarray, ".png", "1, of 0 ("),
        (Image.fromarray, ".tif", "1, of 0 ("),
        (coloured(BLACK, WHITE), ".png", "255, of 0 ("),
        (coloured(BLACK, RED), ".png", "#ff0000, of #000000 ("),
        (coloured((*BLACK, 255), (*GREEN, 255)), ".png", "#00ff00, of #000000 ("),
        (palette(BLACK, (128, 0, 0)), ".png", "1, of 0 (#000000, "),
        (palette(WHITE, BLACK), ".png", "1, of 0 (#ffffff, "),
        (palette((200, 220, 250), (0, 0, 40)), ".png", "1, of 0 (#c8dcfa, "),
        (palette((200, 220, 250), (0, 0, 40)), ".gif", "1, of 0 (#c8dcfa, "),
        (palette(BLACK, BLACK), ".png", "1, of 0 (#000000, "),
    ],
)
def test_two_values_of_which_one_is_background_are_clear(
    tmp_path: Path, make: Callable[[np.ndarray], Image.Image], ending: str, text: str
) -> None:
    truths = [*DISCS, np.zeros(SHAPE, bool)]
    chosen = choose(tmp_path / "m", [make(truth) for truth in truths], ending=ending)
    assert_found(truths)
    assert chosen.text.startswith(text)
    assert chosen.share == pytest.approx(np.mean(truths))
    assert chosen.notes == ("1 mask(s) have no foreground",)


@pytest.mark.parametrize(("back", "front"), [(WHITE, WHITE), (RED, RED), (GREEN, RED), (BLACK, BLACK)])
@pytest.mark.parametrize("opacity", [255, 90])
def test_what_is_transparent_is_background(
    tmp_path: Path, back: tuple[int, ...], front: tuple[int, ...], opacity: int
) -> None:
    make = coloured((*back, 0), (*front, opacity))
    assert choose(tmp_path / "m", [make(truth) for truth in DISCS]).key == "1"
    assert_found(DISCS)
    images = [*(make(truth) for truth in DISCS), coloured((*GREEN, 0), (*GREEN, 0))(DISCS[0])]
    with pytest.raises(DataError, match=r"4.png is of one colour and equally transparent everywhere"):
        choose(tmp_path / "n", images)
    choose(tmp_path / "o", [*images[:4], coloured((0, 0, 0, 0), (0, 0, 0, 0))(DISCS[0])])
    assert_found([*DISCS, np.zeros(SHAPE, bool)])


def layered(*values: int) -> list[Image.Image]:
    """0 outside, the first value in a disc, the second in its core."""
    outer, inner = values
    maps = [np.select([c, d], [inner, outer], 0) for d, c in zip(DISCS, CORES, strict=True)]
    return [Image.fromarray(one.astype(np.uint8)) for one in maps]


def in_colours() -> list[Image.Image]:
    return [
        Image.fromarray(np.select([c[..., None], d[..., None]], [GREEN, RED], BLACK).astype(np.uint8))
        for d, c in zip(DISCS, CORES, strict=True)
    ]


def in_voc() -> list[Image.Image]:
    return [palette(*VOC)(np.select([c, d], [1, 255], 0)) for d, c in zip(DISCS, CORES, strict=True)]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: layered(127, 255), ["masks hold 3 values: 0 (", "127 (", "255 (", "such as 255, or any (all but 0)"]),
        (lambda: layered(128, 255), ["128 ("]),
        (lambda: layered(1, 255), ["masks hold 3 values: 0 (", "1 (", "255 ("]),
        (lambda: layered(1, 2), ["1 (", "2 ("]),
        (lambda: [grey(1, 2)(d) for d in DISCS], ["masks hold 2 values: 1 (", "2 (", "such as 2"]),
        (lambda: [grey(100, 200)(d) for d in DISCS], ["100 (", "200 ("]),
        (lambda: [coloured(WHITE, RED)(d) for d in DISCS], ["#ffffff (", "#ff0000 (", "such as '#ff0000'"]),
        (in_colours, ["masks hold 3 colours: #000000 (", "#00ff00 (", "#ff0000 (", "or any (all but #000000)"]),
        (in_voc, ["1 (#800000, ", "255 (#e0e0c0, "]),
        (
            lambda: [grey(0, 1)(DISCS[0]), grey(0, 255)(DISCS[1])],
            ["each mask has one value besides 0, but not all the same", "1 (", "255 ("],
        ),
        (lambda: [grey(0, 255)(DISCS[0]), grey(0, 65535, np.uint16)(DISCS[1])], ["255 (", "65535 ("]),
        (lambda: [palette(BLACK, RED)(DISCS[0]), palette(BLACK, GREEN)(DISCS[1])], ["#00ff00 (", "#ff0000 ("]),
        (lambda: [grey(255, 255)(d) for d in DISCS], ["all pixels of all masks are 255", "give --foreground 255"]),
        (lambda: [grey(7, 7)(d) for d in DISCS], ["all pixels of all masks are 7"]),
        (lambda: [Image.fromarray(np.arange(1920, dtype=np.uint16).reshape(SHAPE))], ["1920 values", "grey maps"]),
    ],
)
def test_what_is_not_clear_is_one_line_that_names_the_values(
    tmp_path: Path, make: Callable[[], list[Image.Image]], named: list[str]
) -> None:
    with pytest.raises(DataError, match="--foreground") as caught:
        choose(tmp_path / "m", make())
    assert "\n" not in str(caught.value)
    assert [part for part in named if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("make", "requested", "expected"),
    [
        (lambda: layered(127, 255), ["127"], lambda d, c: d & ~c),
        (lambda: layered(127, 255), ["255"], lambda d, c: c),
        (lambda: layered(127, 255), ["127", "255"], lambda d, c: d | c),
        (lambda: layered(127, 255), ["any"], lambda d, c: d | c),
        (lambda: layered(127, 255), ["#7f7f7f"], lambda d, c: d & ~c),
        (lambda: layered(1, 2), ["0"], lambda d, c: ~(d | c)),
        (in_colours, ["#ff0000"], lambda d, c: d & ~c),
        (in_colours, ["any"], lambda d, c: d | c),
        (in_voc, ["any"], lambda d, c: c),
        (in_voc, ["1"], lambda d, c: c),
        (in_voc, ["#800000"], lambda d, c: c),
        (in_voc, ["1", "255"], lambda d, c: d | c),
        (lambda: [grey(1, 2)(d) for d in DISCS], ["2"], lambda d, c: d),
        (lambda: [grey(255, 255)(d) for d in DISCS], ["255"], lambda d, c: d | True),
    ],
)
def test_the_user_chooses(
    tmp_path: Path,
    make: Callable[[], list[Image.Image]],
    requested: list[str],
    expected: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    choose(tmp_path / "m", make(), *requested)
    assert_found([expected(d, c) for d, c in zip(DISCS, CORES, strict=True)])


@pytest.mark.parametrize(
    ("make", "requested", "expected"),
    [
        (lambda: layered(127, 255), "3", r"foreground=3: no mask has it; the values are 0 \(.*127 \(.*255 \("),
        (lambda: layered(127, 255), "#ff0000", r"foreground=#ff0000: no mask has it; the values are 0 \("),
        (in_colours, "255", r"foreground=255: no mask has it; the colours are #000000 \("),
        (in_colours, "#0000ff", r"no mask has it; the colours are #000000 \("),
        (lambda: [grey(0, 0)(d) for d in DISCS], "any", r"foreground=any: masks hold nothing but the background"),
    ],
)
def test_a_value_that_no_mask_has_is_an_error_that_names_those_there_are(
    tmp_path: Path, make: Callable[[], list[Image.Image]], requested: str, expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        choose(tmp_path / "m", make(), requested)


def test_instances_below_128_are_all_foreground_by_any(tmp_path: Path) -> None:
    ids = [np.arange(1, 41).repeat(48).reshape(SHAPE) * d for d in DISCS]
    choose(tmp_path / "m", [Image.fromarray(one.astype(np.uint8)) for one in ids], "any")
    assert_found(DISCS)
    with pytest.raises(DataError, match="more; give --foreground"):
        choose(tmp_path / "m", [Image.fromarray(one.astype(np.uint8)) for one in ids])


def test_files_of_several_kinds_may_mean_the_same(tmp_path: Path) -> None:
    """Black is background and white foreground, whether it is a bit, a grey level, a palette or a colour."""
    kinds = [Image.fromarray, grey(0, 255), palette(BLACK, WHITE), coloured(BLACK, WHITE)]
    choose(tmp_path / "m", [make(truth) for make, truth in zip(kinds, DISCS, strict=True)])
    assert_found(DISCS)
    choose(tmp_path / "m", [coloured(BLACK, RED)(DISCS[0]), grey(0, 0)(DISCS[1]), coloured(BLACK, RED)(DISCS[2])])
    assert_found([DISCS[0], np.zeros(SHAPE, bool), DISCS[2]])


def test_palettes_whose_order_differs_go_by_their_colours(tmp_path: Path) -> None:
    choose(tmp_path / "m", [palette(BLACK, RED)(DISCS[0]), palette(RED, BLACK)(~DISCS[1])])
    assert_found(DISCS[:2])


def test_what_may_be_a_mistake_is_said(tmp_path: Path) -> None:
    chosen = choose(tmp_path / "m", [grey(0, 255)(~DISCS[0]), grey(255, 255)(DISCS[1])])
    share = (2 - np.mean(DISCS[0])) / 2
    assert chosen.notes == (
        "1 mask(s) are foreground everywhere, such as 1.png",
        f"foreground is {share:.0%} of all pixels; if masks are inverted, give --foreground 0",
    )
    assert "255 (" in choose(tmp_path / "n", in_voc(), "1").notes[0]


def test_a_field_of_view_has_two_values_or_is_everything(tmp_path: Path) -> None:
    def tables(*images: Image.Image) -> list[np.ndarray]:
        masks = []
        for number, image in enumerate(images):
            path = tmp_path / f"{number}.png"
            image.save(path)
            masks.append(code_labels(path, read_label_file(path, max_megapixels=1)))
        return [mask.looked_up(table) for mask, table in zip(masks, field_tables(masks, tmp_path), strict=True)]

    np.testing.assert_array_equal(tables(grey(0, 3)(DISCS[0]))[0], DISCS[0])
    assert tables(grey(255, 255)(DISCS[0]))[0].all()
    with pytest.raises(DataError, match=r"field-of-view masks hold 0 .*127 .*255"):
        tables(*layered(127, 255))
    with pytest.raises(DataError, match=r"1.png: nothing lies inside the field of view"):
        tables(grey(0, 1)(DISCS[0]), grey(0, 0)(DISCS[1]))


def test_photographs_in_the_place_of_masks_are_one_line(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    with pytest.raises(DataError, match="are images and masks swapped") as caught:
        choose(tmp_path / "m", [Image.fromarray(noise)])
    assert "\n" not in str(caught.value)
