"""Settings of `fastssl probe`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from .base import DATA, SPEED, Count, DataConfig


class ProbeConfig(DataConfig):
    """Settings of `fastssl probe RUN` and `fastssl.probe(run, ...)`; data, root and size default to the run's own."""

    data: Annotated[str | None, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """As for train (auto: what the run was trained on)."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images a step while features are extracted."""
