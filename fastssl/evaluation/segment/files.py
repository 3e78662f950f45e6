"""Reading one image and its masks, and bringing them to the size asked for.

Covers: every format and mode that Pillow reads, 1-bit masks and 16-bit grey among them; resizing with the sides'
proportion kept. Does not cover: which files (`pairs.py`), label maps of several classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fastssl.errors import DataError

from .pairing import Pair

if TYPE_CHECKING:
    from PIL import Image

Channel = Literal["rgb", "grey", "red", "green", "blue"]

_PLANE = {"red": 0, "green": 1, "blue": 2}
_WIDE_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_GREY = ("1", "L", "LA", "La", *_WIDE_GREY)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image as a network sees it, and the truth at the size it was drawn in.

    Attributes:
        name: identifies the image among all of its set.
        image: `[H, W, C]` uint8 or uint16.
        mask: `[H, W]` bool, True where there is foreground.
        inside: `[H, W]` bool, the field of view, or None for all of the image.
        truth: the mask as it lies on disk, `[H0, W0]` bool; the same array as `mask` where nothing was resized.
        truth_inside: likewise of the field of view.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    inside: np.ndarray | None
    truth: np.ndarray
    truth_inside: np.ndarray | None

    @classmethod
    def unresized(cls, *, name: str, image: np.ndarray, mask: np.ndarray, inside: np.ndarray | None = None) -> Sample:
        """Make a sample whose truth has the size of its image.

        Args:
            name: identifies the image.
            image: `[H, W, C]` uint8 or uint16.
            mask: `[H, W]` bool.
            inside: `[H, W]` bool, or None.
        """
        return cls(name=name, image=image, mask=mask, inside=inside, truth=mask, truth_inside=inside)


def is_grey(path: Path) -> bool:
    """Return whether an image has one channel, by its header alone.

    Args:
        path: the file of the image.

    Raises:
        DataError: the file cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.mode in _GREY
    except Exception as error:
        raise DataError(_unreadable(path, error)) from None


def read_sample(pair: Pair, channel: Channel, size: int | None = None) -> Sample:
    """Read an image with its masks.

    Images are resized bicubically (antialiased), masks by area, so that a pixel is foreground where half of it is.

    Args:
        pair: the files.
        channel: which channels the image has in the end.
        size: the short side to resize to, in pixels; None keeps the size.

    Raises:
        DataError: a file cannot be read, a mask has another size than its image, or a mask has several classes.
    """
    from PIL import Image

    picture = _open(pair.image)
    truth = _read_mask(pair.masks[0], picture, pair)
    truth_inside = None if pair.fov is None else _read_mask(pair.fov, picture, pair)
    image = select_channels(_pixels(picture), channel)
    height, width = truth.shape
    scale = 1.0 if size is None else size / min(height, width)
    if scale == 1.0:
        return Sample.unresized(name=pair.name, image=image, mask=truth, inside=truth_inside)
    new = (round(height * scale), round(width * scale))
    planes = [Image.fromarray(np.ascontiguousarray(image[..., c]).astype(np.float32)) for c in range(image.shape[2])]
    resized = np.stack([np.asarray(plane.resize(new[::-1], Image.Resampling.BICUBIC)) for plane in planes], axis=-1)
    image = np.clip(np.rint(resized), 0, np.iinfo(image.dtype).max).astype(image.dtype)
    inside = None if truth_inside is None else _resize_mask(truth_inside, new)
    return Sample(
        name=pair.name,
        image=image,
        mask=_resize_mask(truth, new),
        inside=inside,
        truth=truth,
        truth_inside=truth_inside,
    )


def _open(path: Path) -> Image.Image:
    """The picture in a file, turned as its metadata say."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            return ImageOps.exif_transpose(opened)
    except Exception as error:  # Pillow's plugins raise whatever comes to them
        raise DataError(_unreadable(path, error)) from None


def select_channels(pixels: np.ndarray, channel: Channel) -> np.ndarray:
    """Return the pixels with the channels asked for: `[H, W, 3]` for rgb, else `[H, W, 1]`.

    Args:
        pixels: `[H, W, 1]` or `[H, W, 3]`, uint8 or uint16. One channel is repeated for rgb and kept for all others.
        channel: grey is the luma of Rec. 601.
    """
    from PIL import Image

    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2) if channel == "rgb" else pixels
    if channel == "grey":
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return pixels if channel == "rgb" else pixels[..., _PLANE[channel], None]


def _pixels(image: Image.Image) -> np.ndarray:
    """`[H, W, 1]` of grey images, uint16 where they are wider than 8 bits, `[H, W, 3]` of all others."""
    if image.mode in _WIDE_GREY:
        return np.clip(np.asarray(image), 0, 65535).astype(np.uint16)[..., None]
    if image.mode in _GREY:
        return np.asarray(image.convert("L"))[..., None]
    return np.asarray(image.convert("RGB"))


def _read_mask(path: Path, image: Image.Image, pair: Pair) -> np.ndarray:
    """Where a mask has foreground, `[H, W]` bool."""
    mask = _open(path)
    if mask.size != image.size:
        raise DataError(
            f"{path.name} is {mask.width}x{mask.height} px and {pair.image.name} {image.width}x{image.height}; "
            "a mask has its image's size"
        )
    wide = mask.mode in _WIDE_GREY
    values = np.asarray(mask if wide or mask.mode == "1" else mask.convert("RGB").convert("L"))
    highest = int(values.max())
    if highest <= 1:
        return values > 0
    half = 32768 if wide and highest > 255 else 128
    if highest < half:
        raise DataError(
            f"{path}: the highest value is {highest}; a mask has 0 for background and 1 or {2 * half - 1} for "
            "foreground, and no further classes"
        )
    return values >= half


def _resize_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The mask at another shape; a pixel is foreground where half of it or more is."""
    from PIL import Image

    share = Image.fromarray(mask.astype(np.float32)).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(share) >= 0.5


def _unreadable(path: Path, error: Exception) -> str:
    """One line that names the file and the cause."""
    return f"{path}: cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
