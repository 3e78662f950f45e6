"""The values of a whole set of masks on one scale: numbers, or colours.

Covers: palettes that agree or do not, grey files among coloured ones, how values are named. Does not cover: which of
them are foreground (`choice.py`).

The indices of palettes count, not how light their colours are. Only where files give one index different colours, or
where files without a palette lie among them, colours may say more than numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .coded import CodedMask

BLACK = 0
_GREY_STEP = 0x010101
_SHOWN = 8
_DARK, _LIGHT = 64, 192
"""Two values, the one below the first and the other from the second on, are black and white."""


@dataclass(frozen=True, kw_only=True)
class MaskScale:
    """The distinct values of a set.

    Attributes:
        coloured: values are colours, 0xRRGGBB, and black is the background; else numbers.
        keys: of each mask, what its `values` are on this scale; int64 `[K]`.
        pixels: value -> its number of pixels in all masks, by value.
        palette: number -> colour, where palettes give it one.
    """

    coloured: bool
    keys: Sequence[np.ndarray]
    pixels: Mapping[int, int]
    palette: Mapping[int, int]

    @property
    def clear(self) -> bool:
        """Say whether there is the background and one value besides."""
        return len(self.pixels) <= 2 and 0 in self.pixels

    def share(self, value: int) -> float:
        """Return the share of all pixels that have a value, from 0 to 1."""
        return self.pixels.get(value, 0) / sum(self.pixels.values())

    def name(self, value: int) -> str:
        """Return how a value is called: "127", "#ff0000"."""
        return f"#{value:06x}" if self.coloured else str(value)

    def listed(self) -> str:
        """Return all values, or the most frequent, with their share of pixels, such as "0 (61 %), 127 (39 %)"."""
        most = sorted(self.pixels, key=lambda value: -self.pixels[value])[:_SHOWN]
        parts = [f"{self.name(value)} ({self._details(value)})" for value in sorted(most)]
        more = len(self.pixels) - len(most)
        return ", ".join(parts) + (f" and {more} more" if more else "")

    def _details(self, value: int) -> str:
        share = f"{100 * self.share(value):.2g} %" if self.share(value) < 0.995 else f"{100 * self.share(value):.4g} %"
        colour = self.palette.get(value)
        return share if self.coloured or colour is None else f"#{colour:06x}, {share}"


def common_scale(masks: Sequence[CodedMask]) -> MaskScale:
    """Bring the values of all masks to one scale.

    Args:
        masks: all masks of a set, at least one.
    """
    if any(mask.kind == "colour" for mask in masks):
        return _of_colours(masks)
    by_number = _of_numbers(masks)
    with_palette = [mask for mask in masks if mask.kind == "palette"]
    if not with_palette or (len(with_palette) == len(masks) and _palettes_agree(with_palette)):
        return by_number
    by_colour = _of_colours(masks)
    disagree = not _palettes_agree(with_palette)
    return by_colour if disagree or (by_colour.clear and not by_number.clear) else by_number


def lighter_value(scale: MaskScale) -> frozenset[int] | None:
    """Return the value that is not background, where there is no doubt: of 0 and another, or of black and white.

    Args:
        scale: of a set.

    Returns:
        One value, none where all is background, or None where it is not clear.
    """
    values = list(scale.pixels)
    if scale.clear:
        return frozenset(values) - {BLACK}
    black_and_white = len(values) == 2 and not scale.coloured and 0 <= values[0] < _DARK and values[1] >= _LIGHT
    return frozenset(values[1:]) if black_and_white else None


def _of_numbers(masks: Sequence[CodedMask]) -> MaskScale:
    """Numbers as they are; of bilevel files and of transparency, 1 is what the other files have, or white."""
    other = {int(value) for mask in masks if not _is_bilevel(mask) for value in mask.values} - {0}
    one = other.pop() if len(other) == 1 else 255 if other else 1
    keys = [mask.values * one if _is_bilevel(mask) else mask.values for mask in masks]
    colours = {
        int(value): int(colour)
        for mask in masks
        if mask.colours is not None
        for value, colour in zip(mask.values, mask.colours, strict=True)
    }
    return MaskScale(coloured=False, keys=keys, pixels=_counted(masks, keys), palette=colours)


def _of_colours(masks: Sequence[CodedMask]) -> MaskScale:
    """Colours; those of files without any are grey, and white where a bilevel file has 1."""
    keys = [
        mask.colours
        if mask.colours is not None
        else mask.values * 0xFFFFFF
        if _is_bilevel(mask)
        else np.clip(mask.values, 0, 255) * _GREY_STEP
        for mask in masks
    ]
    return MaskScale(coloured=True, keys=keys, pixels=_counted(masks, keys), palette={})


def _palettes_agree(masks: Sequence[CodedMask]) -> bool:
    """Whether no index that is used has two colours."""
    seen: dict[int, int] = {}
    return all(seen.setdefault(index, colour) == colour for index, colour in _entries(masks))


def _entries(masks: Sequence[CodedMask]) -> Iterator[tuple[int, int]]:
    """(index, colour) of everything that is used."""
    for mask in masks:
        if mask.colours is not None:
            yield from zip(mask.values.tolist(), mask.colours.tolist(), strict=True)


def _is_bilevel(mask: CodedMask) -> bool:
    return mask.kind in ("bilevel", "transparency")


def _counted(masks: Sequence[CodedMask], keys: Sequence[np.ndarray]) -> dict[int, int]:
    values, places = np.unique(np.concatenate(keys), return_inverse=True)
    totals = np.bincount(places, weights=np.concatenate([mask.counts for mask in masks]))
    return dict(zip(values.tolist(), totals.astype(np.int64).tolist(), strict=True))
