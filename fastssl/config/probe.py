"""Settings of `fastssl probe`.

Covers: names, types, ranges. Does not cover: what "auto" becomes (`fastssl.evaluation.probe.run`).
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from .base import DATA, RUN, SPEED, Auto, Count, DataConfig
from .paths import DataText


class ProbeConfig(DataConfig):
    """Settings of `fastssl probe RUN` and `fastssl.probe(run, ...)`.

    data and data_root default to the run's own, the size to its encoder's.
    """

    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images, as for train (auto: what the run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: the encoder's)."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images per step while features are extracted."""
    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(group=RUN)] = 0
    """Seed of what is held out of train where val or test is missing, and of random init where the run has none."""
