"""The one form that holds every image of a folder: its channels, its type.

Covers: finding it, and saying what changes so that all fit. Does not cover: reading files (`fastssl.data.reading`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.reading import ImageHeader
from fastssl.errors import DataError

_FORM_FILE = "form.json"


@dataclass(frozen=True, kw_only=True)
class ImageForm:
    """How the images of a folder are stored.

    Args:
        channels: 1 if all are grey, else 3.
        dtype: the type that holds the values of every file.
    """

    channels: int
    dtype: np.dtype

    def bytes_of(self, size: int) -> int:
        """Return the length of a square.

        Args:
            size: its side, in pixels.
        """
        return size * size * self.channels * self.dtype.itemsize

    def holds(self, pixels: np.ndarray) -> bool:
        """Tell whether pixels can be brought into the form without loss.

        Args:
            pixels: `[S, S, C]` of one image.
        """
        return pixels.shape[-1] in (1, self.channels) and np.can_cast(pixels.dtype, self.dtype)

    def write(self, folder: Path) -> None:
        """Write the form into the folder of a pack.

        Args:
            folder: that exists.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps({"channels": self.channels, "dtype": self.dtype.str})
        (folder / _FORM_FILE).write_text(text, encoding="ascii")

    @classmethod
    def read(cls, folder: Path) -> ImageForm | None:
        """Read the form of a pack.

        Args:
            folder: of the pack.

        Returns:
            The form; None where there is none.
        """
        try:
            kept = json.loads((folder / _FORM_FILE).read_text(encoding="ascii"))
            return cls(channels=int(kept["channels"]), dtype=np.dtype(kept["dtype"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def common_form(headers: Mapping[str, ImageHeader], *, neighbours: bool = False) -> ImageForm:
    """Find the channels and the type that hold every image of a folder.

    Args:
        headers: of the images, by file.
        neighbours: slices that are files of their own get their neighbours as channels.

    Returns:
        The form.

    Raises:
        DataError: there are floats among whole numbers; the text names one of each.
    """
    counted = {path: header for path, header in headers.items() if not header.bilevel} or headers
    floats = next((path for path, header in counted.items() if header.dtype.kind == "f"), None)
    whole = next((path for path, header in counted.items() if header.dtype.kind != "f"), None)
    if floats is not None and whole is not None:
        raise DataError(f"{floats} holds floats and {whole} whole numbers; save all images with one type")
    grey = not neighbours and all(header.channels == 1 for header in headers.values())
    return ImageForm(channels=1 if grey else 3, dtype=np.result_type(*{header.dtype for header in headers.values()}))


def describe_headers(headers: Sequence[ImageHeader], size: int) -> list[str]:
    """Say what is changed in the images of a folder so that they fit one form.

    Args:
        headers: of the images.
        size: side that they are resized to, in pixels.

    Returns:
        A line for each kind of change.
    """
    total = len(headers)
    grey = sum(header.channels == 1 for header in headers)
    wide = sum(header.dtype != np.uint8 for header in headers)
    bilevel = sum(header.bilevel for header in headers)
    pages = [header.pages for header in headers if header.pages > 1 and header.frames == 1]
    lines = []
    if 0 < grey < total:
        lines.append(f"{grey} of {total} images are grey and the rest colour; all are stored as RGB")
    if 0 < wide < total:
        lines.append(f"{wide} of {total} images have more than 8 bits; the others' 8 bits become the same levels")
    if 0 < bilevel < total:
        lines.append(f"{bilevel} of {total} images are black and white only; if they are masks, move them elsewhere")
    if pages:
        most = f"up to {max(pages)} pages" if max(pages) > min(pages) else f"{max(pages)} pages"
        lines.append(f"{len(pages)} of {total} images have {most}; the first is taken")
    short_side = int(np.median([min(header.width, header.height) for header in headers]))
    if short_side < size:
        lines.append(f"images are enlarged to {size} px (median short side {short_side}); a smaller size is faster")
    return lines
