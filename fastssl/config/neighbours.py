"""Settings of `fastssl neighbours`.

Covers: names, types, ranges. Does not cover: finding and drawing neighbours (`fastssl.features`).
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from .base import DATA, EVALUATION, RUN, SPEED, Auto, Count, ListOf
from .data import DataConfig
from .embed import SplitName
from .paths import DataText, PathSetting


class NeighboursConfig(DataConfig):
    """Settings of `fastssl neighbours RUN IMAGE ...` and `fastssl.neighbours(run, images, ...)`.

    data and data_root default to the run's own, the size to its encoder's.
    """

    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images to search, as for train (auto: what the run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: the encoder's)."""
    split: Annotated[ListOf[SplitName], Parameter(group=DATA)] = ()
    """Splits that are searched (auto: all)."""
    k: Annotated[Annotated[int, Field(ge=1, le=32)], Parameter(group=EVALUATION)] = 8
    """Neighbours of each image."""
    same_patient: Annotated[bool, Parameter(group=EVALUATION, negative="", show_default=False)] = False
    """Show other images of the same patient, marked; they are left out else."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images per step while features are extracted."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """File of the picture, a PNG (auto: RUN/report/neighbours.png)."""
