"""Settings of `fastssl embed`.

Covers: names, types, ranges. Does not cover: running an encoder and writing the file (`fastssl.features`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field

from .base import DATA, EVALUATION, RUN, SPEED, Auto, Count, ListOf
from .data import DataConfig
from .paths import DataText, PathSetting

SplitName = Literal["train", "val", "test"]


class EmbedConfig(DataConfig):
    """Settings of `fastssl embed RUN` and `fastssl.embed(run, ...)`.

    data and data_root default to the run's own, the size to its encoder's.
    """

    data: Annotated[str | None, DataText, Parameter(group=DATA)] = None  # type: ignore[assignment]
    """Images, as for train (auto: what the run was trained on)."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: the encoder's)."""
    split: Annotated[ListOf[SplitName], Parameter(group=DATA)] = ()
    """Splits whose images are embedded (auto: all)."""
    normalize: Annotated[bool, Parameter(group=EVALUATION, negative="", show_default=False)] = False
    """Divide each vector by its length (L2)."""
    dtype: Annotated[Literal["float32", "float16"], Parameter(group=EVALUATION)] = "float32"
    """Type of the numbers in the file."""
    batch_size: Annotated[Count, Parameter(group=SPEED)] = 256
    """Images per step of the encoder."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """File to write, .parquet or .npz (auto: RUN/embeddings.parquet)."""
    overwrite: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Replace a file that is there."""
