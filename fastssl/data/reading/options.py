"""How files are read: what their user chooses, the same for every file of a set.

Covers: the choices and their check. Does not cover: applying them (`dicom`, `volumes`), which files there are
(`fastssl.data.layout`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fastssl.errors import DataError

FILE, AUTO = "file", "auto"
AXES = ("auto", "axial", "coronal", "sagittal", "0", "1", "2")
"""What volumes are cut along: by the body, or by the axes of the array as the file has them."""
WINDOW_COUNTS = (1, 3)
"""How many windows make an image: one of grey, or three as its channels."""


@dataclass(frozen=True, kw_only=True)
class GreyWindow:
    """Black and white of a scan in its own units, such as Hounsfield's.

    Args:
        centre: of the grey levels.
        width: from black to white, above 0.
    """

    centre: float
    width: float


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What is chosen about reading files.

    Args:
        max_megapixels: larger images are refused.
        window: "file": what a DICOM file says, else as "auto"; "auto": found in each image; or "CENTER,WIDTH", or three
            of these with semicolons between them, which become the channels.
        axis: one of `AXES`: what volumes are cut along; "auto": the axis of the coarsest spacing.
        every: of the slices of a volume and the frames of a film, every n-th is taken, from the first on.
        neighbours: a slice's two neighbours are channels next to it (2.5D).
    """

    max_megapixels: int = 200
    window: str = FILE
    axis: str = AUTO
    every: int = 1
    neighbours: bool = False

    def __post_init__(self) -> None:
        if self.axis not in AXES:
            raise DataError(f"axis={self.axis!r}: give one of {', '.join(AXES)}")
        if self.every < 1:
            raise DataError(f"every={self.every}: give 1 for every slice, 2 for every second one")
        if len(self.windows) == 3 and self.neighbours:
            raise DataError("window with three windows and neighbours both make three channels: give one of them")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ReadingOptions:
        """Pick the options out of settings about data.

        Args:
            settings: as `open_source` takes them, by name; those that are not there get their defaults.
        """
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})

    @property
    def windows(self) -> tuple[GreyWindow, ...]:
        """The windows that are given in numbers; none for "file" and "auto"."""
        return () if self.window in (FILE, AUTO) else parse_windows(self.window)

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it, for the key of a cache of pixels."""
        return asdict(self)

    def of_headers(self) -> dict[str, Any]:
        """Return the same for a cache of headers: of the window they know whether it makes one channel or three."""
        return asdict(self) | {"window": len(self.windows) == 3}


def parse_windows(text: str) -> tuple[GreyWindow, ...]:
    """Read windows as a user gives them.

    Args:
        text: "CENTER,WIDTH", or three of these with semicolons between them.

    Returns:
        The windows.

    Raises:
        DataError: it is anything else, or a width is not above 0.
    """
    try:
        pairs = [tuple(float(number) for number in part.split(",")) for part in text.split(";")]
        windows = tuple(GreyWindow(centre=centre, width=width) for centre, width in pairs)
    except ValueError:
        windows = ()
    finite = all(abs(one.centre) < 1e9 and 0 < one.width < 1e9 for one in windows)
    if len(windows) not in WINDOW_COUNTS or not finite:
        raise DataError(
            f"window={text!r}: give file, auto, CENTER,WIDTH (as 40,400), or three of these with ; between them, which "
            "become the channels"
        )
    return windows
