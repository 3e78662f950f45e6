"""Settings of folders of images with masks, which several commands take.

Covers: names, types, ranges. Does not cover: which images train and which test but for a file that says so, what the
folders hold (`fastssl.evaluation.segment.data`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import AfterValidator, BeforeValidator, Field

from .base import DATA, SEVERAL, Config, ListOf
from .paths import PathSetting

WHOLE = 0
"""The patch that is a whole image."""
ANY_VALUE = "any"
"""The word for every mask value but the background."""


PatchSide = Annotated[
    Annotated[int, Field(ge=0)] | None,
    BeforeValidator(lambda value: {"auto": None, "whole": WHOLE}.get(value, value)),
]
"""The type of a patch's side in pixels; accepts "whole", and "auto" for None."""


def _as_words(value: Any) -> Any:
    """Whole numbers as text, alone or in a sequence."""
    if isinstance(value, (list, tuple)):
        return [_as_words(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _foreground(values: tuple[str, ...]) -> tuple[str, ...]:
    """Whole numbers, #rrggbb in lower case, or the word any alone."""
    words = tuple(value.lower() for value in values)
    for word in words:
        if word != ANY_VALUE and not re.fullmatch(r"-?\d{1,10}|#[0-9a-f]{6}", word):
            raise ValueError(f"{word!r}: give whole numbers, colours such as '#ff0000', or any")
    if ANY_VALUE in words and len(words) > 1:
        raise ValueError("any stands alone: it is every value but the background")
    return tuple(word if word.startswith("#") or word == ANY_VALUE else str(int(word)) for word in words)


class MaskedImagesConfig(Config):
    """Folders of images and masks, and how they are read."""

    images: Annotated[PathSetting | None, Parameter(group=DATA)] = None
    """Folder of images; every image has a mask in --masks."""
    masks: Annotated[PathSetting | None, Parameter(group=DATA)] = None
    """Folder of masks, each named after its image."""
    image_suffix: Annotated[str, Parameter(group=DATA, show_default=False)] = ""
    """Ending that image names have and mask names lack (DRIVE: _training)."""
    mask_suffix: Annotated[str, Parameter(group=DATA, show_default=False)] = ""
    """Ending of the mask to take where several fit an image (CHASE: _1stHO)."""
    foreground: Annotated[
        ListOf[str],
        BeforeValidator(_as_words),
        AfterValidator(_foreground),
        SEVERAL,
        Parameter(group=DATA, show_default=False),
    ] = ()
    """Mask values or #colours that are foreground, or any (auto: if clear)."""
    fov: Annotated[PathSetting | None, Parameter(group=DATA)] = None
    """Folder of field-of-view masks, outside of which pixels do not count."""
    channel: Annotated[Literal["auto", "rgb", "grey", "red", "green", "blue"], Parameter(group=DATA)] = "auto"
    """Channels that the encoder is given (auto: as the images have them)."""
    split: Annotated[PathSetting | None, Parameter(group=DATA)] = None
    """File of lines NAME,train|val|test that splits the images instead."""
