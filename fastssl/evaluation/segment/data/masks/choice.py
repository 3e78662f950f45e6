"""Which values of a set of masks are foreground: as they clearly are, or as the user says.

Covers: the decision over all masks, what is said of it, one line where it is not clear. Does not cover: how values of
different files compare (`scale.py`), edges (`edges.py`), reading `--foreground` (`request.py`).

Nothing is guessed from how light a value is. Two values of which one is 0 are clear, and so are two near black and
white. More are classes, unless all between are edges; then only the user knows which of them count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.config.masked_images import ANY_VALUE
from fastssl.errors import DataError

from .coded import CodedMask
from .edges import MANY, half_way
from .request import requested_values, void_of
from .scale import MaskScale, common_scale, lighter_value


@dataclass(frozen=True, kw_only=True)
class Foreground:
    """What is foreground in a set of masks.

    Attributes:
        tables: of each mask, which of its values are foreground; bool `[K]`.
        text: such as "255 (7 %), of 0 (93 %) and 255 (7 %)".
        key: the rule alone, such as "255" or "from 128".
        share: of all pixels, from 0 to 1.
        notes: a line for each thing that a user may not expect.
    """

    tables: tuple[np.ndarray, ...]
    text: str
    key: str
    share: float
    notes: tuple[str, ...]


def choose_foreground(masks: Sequence[CodedMask], requested: tuple[str, ...], folder: Path) -> Foreground:
    """Say which values are foreground.

    Args:
        masks: all masks of a set, at least one.
        requested: values, #colours or the word any, as `--foreground` has them; none to decide by the values.
        folder: of the masks, for errors.

    Raises:
        DataError: it is not clear, or a value is asked for that no mask has; the text names those that there are.
    """
    scale = common_scale(masks)
    _check_transparency(masks, folder)
    cut = half_way(masks, scale) if len(scale.pixels) > 2 else None
    if cut is not None and requested in ((), (ANY_VALUE,)):
        return _from(masks, scale, cut)
    if any(mask.lossy for mask in masks) and len(scale.pixels) > 2 and cut is None:
        raise DataError(_third_class_in_jpeg(scale, folder))
    if not requested:
        return _of(masks, scale, _clear_values(masks, scale, folder), cut)
    return _of(masks, scale, requested_values(requested, masks, scale, folder), cut)


def _check_transparency(masks: Sequence[CodedMask], folder: Path) -> None:
    """Refuse a file of one colour, equally transparent everywhere, where transparency is the mask in others."""
    others = [mask for mask in masks if mask.kind != "transparency"]
    blank = next((mask for mask in others if len(mask.values) == 1 and mask.values[0] != 0), None)
    if blank is not None and len(others) < len(masks):
        raise DataError(
            f"{folder}: masks are where files are not transparent, but {blank.path.name} is of one colour and equally "
            "transparent everywhere, so that it may be all foreground or none; store it as black and white"
        )


def _of(masks: Sequence[CodedMask], scale: MaskScale, values: frozenset[int], cut: int | None) -> Foreground:
    """Exactly these values; where all between black and white are edges, the half that the values are in."""
    if cut is not None and len({value >= cut for value in values}) == 1 and not values & set(_between(scale)):
        return _from(masks, scale, cut, lower=min(values) < cut)
    tables = tuple(np.isin(keys, list(values)) for keys in scale.keys)
    names = ", ".join(map(scale.name, sorted(values)))
    notes = [] if (void := void_of(masks, scale)) is None or void in values else [_about_void(scale, void)]
    return _described(masks, scale, tables, key=names, text=f"{names}, of {scale.listed()}", notes=notes)


def _from(masks: Sequence[CodedMask], scale: MaskScale, cut: int, *, lower: bool = False) -> Foreground:
    """What is at least as light as `cut`, or what is darker."""
    tables = tuple((keys < cut) if lower else (keys >= cut) for keys in scale.keys)
    text = f"below {cut}" if lower else f"from {cut} on"
    note = f"masks have {len(scale.pixels)} values, for they were resized or compressed: those between are cut at {cut}"
    return _described(masks, scale, tables, key=text, text=f"{text}, of {scale.listed()}", notes=[note])


def _described(
    masks: Sequence[CodedMask],
    scale: MaskScale,
    tables: tuple[np.ndarray, ...],
    *,
    key: str,
    text: str,
    notes: list[str],
) -> Foreground:
    """The choice, with its share of pixels and what that suggests."""
    inside = [int(mask.counts[table].sum()) for mask, table in zip(masks, tables, strict=True)]
    everywhere = [mask for mask, table in zip(masks, tables, strict=True) if table.all()]
    empty = sum(count == 0 for count in inside)
    share = sum(inside) / sum(scale.pixels.values())
    if everywhere:
        notes.append(f"{len(everywhere)} mask(s) are foreground everywhere, such as {everywhere[0].path.name}")
    if empty:
        notes.append(f"{empty} mask(s) have no foreground")
    if share > 0.5:
        other = next((scale.name(value) for value in scale.pixels if key != scale.name(value)), "")
        turned = f"; if masks are inverted, give --foreground {_quoted(other)}" if other else ""
        notes.append(f"foreground is {share:.0%} of all pixels{turned}")
    return Foreground(tables=tables, text=text, key=key, share=share, notes=tuple(notes))


def _clear_values(masks: Sequence[CodedMask], scale: MaskScale, folder: Path) -> frozenset[int]:
    """The values that are foreground by themselves."""
    values = list(scale.pixels)
    found = lighter_value(scale)
    if found is not None or (len(values) == 1 and all(mask.kind in ("bilevel", "transparency") for mask in masks)):
        return frozenset(values[-1:]) if found is None else found
    if len(values) == 1:
        name = scale.name(values[0])
        raise DataError(
            f"{folder}: all pixels of all masks are {name}, which may be foreground or not; "
            f"give --foreground {_quoted(name)} if it is"
        )
    raise DataError(_not_clear(scale, folder))


def _not_clear(scale: MaskScale, folder: Path) -> str:
    """One line that names the values, and how to choose."""
    others = sorted((value for value in scale.pixels if value), key=lambda value: -scale.pixels[value])
    advice = f"give --foreground with one or more of them, such as {_quoted(scale.name(others[-1]))}"
    advice += f", or any (all but {scale.name(0)})" if 0 in scale.pixels else ""
    one_each = len(scale.pixels) > 2 and all(np.count_nonzero(keys) <= 1 for keys in scale.keys)
    what = "each mask has one value besides 0, but not all the same: " if one_each else ""
    kinds = "colours" if scale.coloured else "values"
    grey_maps = "; if these are grey maps, store them as black and white first; or are images and masks swapped?"
    hint = grey_maps if len(scale.pixels) >= MANY else ""
    return f"{folder}: {what}masks hold {len(scale.pixels)} {kinds}: {scale.listed()}; {advice}{hint}"


def _third_class_in_jpeg(scale: MaskScale, folder: Path) -> str:
    return (
        f"{folder}: masks are compressed with loss (JPEG) and hold more than black and white, {scale.listed()}, which "
        "cannot be told apart for certain, even with --foreground; save them without loss, as PNG"
    )


def _about_void(scale: MaskScale, void: int) -> str:
    return (
        f"value {void} ({100 * scale.share(void):.2g} % of pixels) marks borders in some sets; background unless named"
    )


def _between(scale: MaskScale) -> list[int]:
    """The values that are neither near the lowest nor near the highest."""
    lowest, *_, highest = scale.pixels
    quarter = (highest - lowest) / 4
    return [value for value in scale.pixels if lowest + quarter < value < highest - quarter]


def _quoted(name: str) -> str:
    """A name as a shell takes it."""
    return f"'{name}'" if name.startswith("#") else name
