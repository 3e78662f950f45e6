"""Reading one image and its masks, and bringing them to the size asked for.

Covers: sizes that must agree, resizing with the sides' proportion kept. Does not cover: the kinds of files
(`fastssl.data.reading`), which files (`pairing`), which values are foreground (`masks`), grey levels (`levels.py`).

Images stay in their file's own values, and masks in theirs, until all of the set were read: what is black, white and
foreground is said for all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.reading import LabelMap, RawImage, read_image_file, read_label_file
from fastssl.data.values.value_span import ValueSpan
from fastssl.errors import DataError

from .masks import CodedMask, code_labels
from .pairing import Pair
from .sample import Channel, Sample, select_channels


class MaskFitError(DataError):
    """A mask that does not lie on its image: it has another size, or may be turned otherwise."""


@dataclass(frozen=True, kw_only=True)
class RawSample:
    """An image and its masks as they were read, before it is known what their values mean.

    Attributes:
        pair: the files.
        image: `[H, W, C]`, in the file's own type and values, resized.
        span: of the file's values, before resizing.
        size: height and width of the file's image in pixels.
        masks: of the file's size.
        fov: likewise, or None.
        notes: what was changed or left out in reading the files, the same words for each file of a kind.
    """

    pair: Pair
    image: np.ndarray
    span: ValueSpan
    size: tuple[int, int]
    masks: tuple[CodedMask, ...]
    fov: CodedMask | None
    notes: tuple[str, ...]

    def finished(self, image: np.ndarray, tables: Sequence[np.ndarray], fov_table: np.ndarray | None) -> Sample:
        """Return the sample that a network sees.

        Masks are resized by area, so that a pixel is foreground where half of it is.

        Args:
            image: uint8 or uint16 `[H, W, C]`, the levels of `image`.
            tables: of each mask, which of its values are foreground.
            fov_table: likewise of the field of view.
        """
        truth = np.logical_or.reduce([mask.looked_up(table) for mask, table in zip(self.masks, tables, strict=True)])
        truth_inside = None if self.fov is None or fov_table is None else self.fov.looked_up(fov_table)
        if image.shape[:2] == self.size:
            return Sample.unresized(name=self.pair.name, image=image, mask=truth, inside=truth_inside)
        return Sample(
            name=self.pair.name,
            image=image,
            mask=_resize_mask(truth, (image.shape[0], image.shape[1])),
            inside=None if truth_inside is None else _resize_mask(truth_inside, (image.shape[0], image.shape[1])),
            truth=truth,
            truth_inside=truth_inside,
        )


def read_pair(pair: Pair, channel: Channel | None, size: int | None, max_megapixels: int) -> RawSample:
    """Read an image with its masks.

    Images are resized bicubically (antialiased).

    Args:
        pair: the files.
        channel: which channels the image has in the end; None for those that the file has.
        size: the short side to resize to, in pixels; None keeps the size.
        max_megapixels: larger files are refused.

    Raises:
        ImageFileError: a file cannot be read.
        MaskFitError: a mask has another size than its image, or may be turned otherwise.
        DataError: the operating system refuses a file.
    """
    raw = read_image_file(pair.image, max_megapixels=max_megapixels)
    height, width = raw.pixels.shape[:2]
    notes = [*raw.notes, *_pages("images", raw.pages)]
    coded = []
    for path in (*pair.masks, *([pair.fov] if pair.fov else [])):
        labels = read_label_file(path, max_megapixels=max_megapixels)
        _check_fit(path, labels, pair.image, raw)
        coded.append(code_labels(path, labels))
        notes += [f"masks: {note}" for note in labels.notes] + _pages("masks", labels.pages)
    span = ValueSpan.of(raw.pixels)
    return RawSample(
        pair=pair,
        image=_resized(raw, span, channel, size),
        span=span,
        size=(height, width),
        masks=tuple(coded[: len(pair.masks)]),
        fov=coded[-1] if pair.fov else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _resized(raw: RawImage, span: ValueSpan, channel: Channel | None, size: int | None) -> np.ndarray:
    """The image at the size and with the channels asked for, in its own type and within its own values."""
    from PIL import Image

    image = raw.pixels if channel is None else select_channels(raw.pixels, channel)
    height, width = image.shape[:2]
    if size is None or size == min(height, width):
        return image
    scale = size / min(height, width)
    new = (round(width * scale), round(height * scale))
    planes = [Image.fromarray(np.ascontiguousarray(image[..., c]).astype(np.float32)) for c in range(image.shape[2])]
    resized = np.stack([np.asarray(plane.resize(new, Image.Resampling.BICUBIC)) for plane in planes], axis=-1)
    if image.dtype.kind == "f":
        return np.clip(resized, span.lowest, span.highest).astype(image.dtype)
    low, high = (0, 255) if image.dtype == np.uint8 else (span.lowest, span.highest)
    return np.clip(np.rint(resized), low, high).astype(image.dtype)


def _resize_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The mask at another shape; a pixel is foreground where half of it or more is."""
    from PIL import Image

    share = Image.fromarray(mask.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(share) >= 0.5


def _check_fit(path: Path, labels: LabelMap, image: Path, raw: RawImage) -> None:
    """Refuse a mask that is not as large as its image, or that would fit as well before one of them was turned."""
    shape, size = labels.values.shape, raw.pixels.shape[:2]
    turned_alike = labels.orientation == raw.orientation
    fitted_before = _stored(shape, labels.orientation) == _stored(size, raw.orientation) and not turned_alike
    if shape != size:
        hint = "; it would fit before the image was turned upright as its orientation tag says: save one of them turned"
        raise MaskFitError(
            f"{path}: is {shape[1]}x{shape[0]} px and {image.name} {size[1]}x{size[0]}; a mask has its image's size"
            f"{hint * fitted_before}"
        )
    if fitted_before:
        raise MaskFitError(
            f"{path}: its orientation tag is {labels.orientation} and that of {image.name} {raw.orientation}, so that "
            "it may have been drawn before or after the image was turned upright; save both upright, without the tag"
        )


def _stored(shape: tuple[int, ...], orientation: int) -> tuple[int, ...]:
    """Height and width in the file, of an image that was turned upright."""
    return shape[::-1] if orientation > 4 else shape


def _pages(kind: str, pages: int) -> list[str]:
    return [f"{kind} of several pages, of which the first is taken"] if pages > 1 else []
