"""What pairing finds.

Covers: the files of one image, and of all images with what was left over. Does not cover: finding them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The files of one image.

    Attributes:
        name: the image's file name without folder, extension and suffix; with its folders where names repeat.
        image: the file of the image.
        masks: the files of its masks, at least one; all of them together are its foreground.
        fov: the file of its field-of-view mask, or None.
        place: the image's path below the folder of images, without extension, with slashes, and without folders
            that only say images.
    """

    name: str
    image: Path
    masks: tuple[Path, ...]
    fov: Path | None = None
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """All images with their masks.

    Attributes:
        pairs: sorted by name.
        how: one pair as an example, and how many there are.
        images_alone: image files without a mask, as paths below their folder.
        masks_alone: mask files without an image, likewise.
        notes: a line for each thing that was assumed, such as masks that were united.
        passed_over: ending in lower case -> files that were not looked at because of it.
    """

    pairs: tuple[Pair, ...]
    how: str = ""
    images_alone: tuple[str, ...] = ()
    masks_alone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def leftovers(self) -> list[str]:
        """Return a line for images without a mask, and one for masks without an image, with their number and names."""
        return [
            f"{len(left)} {what}, left out: {listed(left)}"
            for left, what in (
                (self.images_alone, "image(s) without a mask"),
                (self.masks_alone, "mask(s) without an image"),
            )
            if left
        ]


SHOWN = 3


def listed(names: list[str] | tuple[str, ...]) -> str:
    """Return the first few names, and how many more there are.

    Args:
        names: any number of them.
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
