"""What was read of images with masks.

Covers: the record, with what only masks have, as a short block of text and as JSON. Does not cover: gathering it
(`open.py`), printing it, and the folder that it is written into.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fastssl.data.report import LABEL_WIDTH, DataReport
from fastssl.text import printable

from .files import RawSample


@dataclass(frozen=True, kw_only=True)
class SegmentationReport(DataReport):
    """What was read of images with masks, and what was not.

    Attributes:
        pairs: one image with its masks as an example, and how many pairs there are.
        masks: number of mask files.
        foreground: the values of masks that are foreground, and all that there are, with their shares of pixels.
        foreground_share: of all pixels of masks, from 0 to 1.
        division: where the splits come from.
    """

    pairs: str = ""
    masks: int = 0
    foreground: str = ""
    foreground_share: float = 0.0
    division: str = ""

    def lines(self) -> list[str]:
        """Return a short block for a terminal: one fact per line, in plain text without control characters."""
        masks = f"{self.masks} masks, foreground is {self.foreground}" if self.masks else ""
        own = (("pairs", self.pairs), ("masks", masks), ("splits", self.division))
        added = [f"{label:<{LABEL_WIDTH}}{printable(text)}" for label, text in own if text]
        lines = [line for line in super().lines() if not line.startswith("classes")]
        place = next(
            (place for place, line in enumerate(lines) if line.startswith(("passed over", "note"))), len(lines)
        )
        return [*lines[:place], *added, *lines[place:]]


def describe_sizes(samples: Sequence[RawSample], channels: int, size: int | None) -> str:
    """Say how large images are, in files and for networks.

    Args:
        samples: all images.
        channels: of each, as networks see them.
        size: the short side that they were resized to, or None.
    """
    heights, widths = zip(*(sample.size for sample in samples), strict=True)
    smallest, largest = f"{min(heights)}x{min(widths)}", f"{max(heights)}x{max(widths)}"
    sizes = smallest if smallest == largest else f"from {smallest} to {largest}"
    resized = f" resized to a short side of {size} px" if size is not None else ""
    return f"{sizes} px{resized}, {channels} channel{'s' * (channels > 1)}"


def describe_files(samples: Sequence[RawSample]) -> list[str]:
    """Return a line for each kind of thing that was changed or left out in reading files.

    Args:
        samples: all images.
    """
    counted = Counter(note for sample in samples for note in sample.notes)
    return [f"{count} of {len(samples)} images: {note}" for note, count in counted.items()]
