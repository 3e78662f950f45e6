"""From samples to the labels of a mask.

Covers: what each pixel's whole number is, for bilevel files, palettes, grey, colours, transparency and floats. Does not
cover: which numbers are foreground, which the user or the caller decides.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .records import LabelKind, LabelMap
from .samples import Samples, UnreadableError
from .to_image import narrowed

SCALED_FLOATS = "fractions from 0 to 1, multiplied by 255"


def to_labels(samples: Samples, pages: int) -> LabelMap:
    """Make a label map.

    Where the transparency varies, it counts: what is less than half as opaque as the most opaque pixel is background;
    if everything else has one colour, the transparency alone is the mask.

    Args:
        samples: of the mask's file.
        pages: how many images the file holds.

    Returns:
        The labels.

    Raises:
        UnreadableError: floats that are neither whole numbers nor within 0 and 1, or whole numbers beyond 32 bits.
    """
    notes = samples.notes
    values, palette, top = narrowed(samples.values), samples.palette, samples.top
    if values.dtype.kind == "f":
        values, more = _whole(values)
        notes += more
    found = partial(LabelMap, lossy=samples.lossy, pages=pages, orientation=samples.orientation, notes=notes)
    kind: LabelKind
    colours: np.ndarray | None = None
    visible = _visible(samples)
    if visible is not None:
        if palette is not None:
            values, top = palette[values[..., 0]], np.iinfo(palette.dtype).max
            palette = None
        if _is_one_colour(values[visible]):
            return found(values=visible.astype(np.uint8), kind="transparency")
        values = np.where(visible[..., None], values, np.zeros((), values.dtype))
    if palette is not None:
        values, kind, colours = values[..., 0], "palette", _eight_bit(palette, np.iinfo(palette.dtype).max)
    elif values.shape[-1] == 1 or (values == values[..., :1]).all():
        values, kind = values[..., 0], "bilevel" if top == 1 else "grey"
    else:
        values, table = _table(values)
        kind, colours = "colour", _eight_bit(table, top)
    return found(values=values, kind=kind, colours=colours)


def _whole(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Floats as whole numbers, and what was done to them."""
    lowest, highest = values.min(), values.max()
    if (values == np.rint(values)).all() and max(-lowest, highest) < 2**31:
        return values.astype(np.uint8 if lowest >= 0 and highest <= 255 else np.int32), ()
    if lowest >= 0 and highest <= 1:
        return np.rint(values * 255).astype(np.uint8), (SCALED_FLOATS,)
    raise UnreadableError(f"a mask with fractions from {lowest:.6g} to {highest:.6g}; save whole numbers")


def _visible(samples: Samples) -> np.ndarray | None:
    """`[H, W]` bool, where the image is not transparent; None where it is equally opaque everywhere."""
    alpha = samples.alpha
    if alpha is None or alpha.min() == alpha.max():
        return None
    return alpha.astype(np.float64) * 2 >= float(alpha.max())


def _is_one_colour(pixels: np.ndarray) -> bool:
    return bool((pixels == pixels[:1]).all())


def _table(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of each pixel's colour, `[H, W]`, and the distinct colours, `[K, 3]`, sorted."""
    height, width, _ = values.shape
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        wide = values.astype(np.uint64)
        numbers = wide[..., 0] << np.uint64(32) | wide[..., 1] << np.uint64(16) | wide[..., 2]
        _, first, rows = np.unique(numbers, return_index=True, return_inverse=True)
        colours = values.reshape(-1, 3)[first]
    else:
        colours, rows = np.unique(values.reshape(-1, 3), axis=0, return_inverse=True)
    dtype = np.min_scalar_type(len(colours) - 1)
    return rows.reshape(height, width).astype(dtype), colours


def _eight_bit(colours: np.ndarray, top: int) -> np.ndarray:
    """Colours as uint8, for a person to see and to name."""
    if top == 255 and colours.dtype == np.uint8:
        return colours
    return np.clip(np.rint(colours.astype(np.float64) * 255 / top), 0, 255).astype(np.uint8)
