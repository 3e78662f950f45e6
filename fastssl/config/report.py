"""Settings of `fastssl report`.

Covers: names, types. Does not cover: what is in a report (`fastssl.reports`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from .base import DATA, EVALUATION, RUN, SPEED, Auto, Count
from .data import DataConfig
from .paths import DataText, PathSetting

Projection = Literal["tsne", "umap", "pca"]


class ReportConfig(DataConfig):
    """Settings of `fastssl report RUN ...` and `fastssl.report(runs, ...)`.

    data and data_root default to the first run's own; every encoder sees images at its own size.
    """

    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images, as for train (auto: what the first run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: each encoder's own)."""
    map: Annotated[bool, Parameter(group=EVALUATION)] = True
    """Open images and encoders, to draw samples, the map, neighbours, views."""
    projection: Annotated[Projection, Parameter(group=EVALUATION)] = "tsne"
    """How features become a map; umap needs umap-learn."""
    points: Annotated[Annotated[int, Field(ge=2, le=5000)], Parameter(group=EVALUATION)] = 1500
    """Most images on the map."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images per step while features are extracted."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """File of the report (auto: RUN/report/index.html)."""
    open: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Open it in a web browser."""
