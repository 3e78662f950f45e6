"""What `--foreground` asks for, in the values of a set of masks.

Covers: numbers, #colours, the word any, the value of borders. Does not cover: what is foreground if nobody asks
(`choice.py`), the form of the words (`fastssl.config.segment`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastssl.config.masked_images import ANY_VALUE
from fastssl.errors import DataError

from .coded import CodedMask
from .scale import MaskScale

_VOID = 255
_MOST_CLASSES = 128
"""Classes have lower numbers than this where 255 stands for borders, as in Pascal VOC."""


def requested_values(
    requested: Sequence[str], masks: Sequence[CodedMask], scale: MaskScale, folder: Path
) -> frozenset[int]:
    """Return the values that a request names.

    Args:
        requested: numbers, #rrggbb, or the word any, which stands for all but the background and borders.
        masks: all masks of the set.
        scale: of their values.
        folder: of the masks, for errors.

    Raises:
        DataError: no mask has one of the values.
    """
    if ANY_VALUE in requested:
        found = frozenset(scale.pixels) - {0, void_of(masks, scale)}
        if not found:
            raise DataError(f"{folder}: foreground=any: masks hold nothing but the background, {scale.listed()}")
        return found
    values = {text: _value(text, scale) for text in requested}
    for text, value in values.items():
        if value not in scale.pixels:
            kinds = "colours" if scale.coloured else "values"
            raise DataError(f"{folder}: foreground={text}: no mask has it; the {kinds} are {scale.listed()}")
    return frozenset(value for value in values.values() if value is not None)


def void_of(masks: Sequence[CodedMask], scale: MaskScale) -> int | None:
    """Return the value that stands for borders between classes, or None where there is none.

    Args:
        masks: all masks of the set.
        scale: of their values.
    """
    others = [value for value in scale.pixels if value not in (0, _VOID)]
    if scale.coloured or _VOID not in scale.pixels or not others or max(others) >= _MOST_CLASSES:
        return None
    if not all(mask.kind in ("palette", "grey") for mask in masks) or (max(others) > _VOID // 4 and len(others) < 3):
        return None
    together = any(_VOID in keys and len(set(keys.tolist()) - {0, _VOID}) for keys in scale.keys)
    return _VOID if together else None


def _value(text: str, scale: MaskScale) -> int | None:
    """A number or a colour as a value of the scale; None where it can be none."""
    if text.startswith("#"):
        colour = int(text[1:], 16)
        if scale.coloured:
            return colour
        index = next((index for index, own in scale.palette.items() if own == colour and index in scale.pixels), None)
        grey = colour & 0xFF
        return index if index is not None or colour != grey * 0x010101 else grey
    return None if scale.coloured else int(text)
