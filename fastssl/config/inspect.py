"""Settings of `fastssl inspect`.

Covers: names, types, ranges. Does not cover: what is looked for (`fastssl.inspection`).
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from .base import EVALUATION, RUN
from .data import ScansConfig
from .paths import PathSetting


class InspectConfig(ScansConfig):
    """Settings of `fastssl inspect DATA` and `fastssl.inspect(data, ...)`."""

    near_distance: Annotated[Annotated[int, Field(ge=0, le=16)], Parameter(group=EVALUATION)] = 6
    """Most of 64 bits by which the perceptual hashes of near duplicates differ."""
    thumbnails: Annotated[Annotated[int, Field(ge=1, le=16)], Parameter(group=EVALUATION)] = 8
    """Images of each class and split on the contact sheets."""
    sheet: Annotated[bool, Parameter(group=RUN)] = True
    """Draw contact sheets; without them nothing is written unless --out is given."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """Folder of inspection.json and the sheets (auto: inspect-NAME)."""
