"""Settings of `fastssl pack`.

Covers: names, types, ranges. Does not cover: writing the shards (`fastssl.data.shards`).
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from .base import RUN, Count
from .data import ScansConfig
from .paths import PathSetting


class PackConfig(ScansConfig):
    """Settings of `fastssl pack` and `fastssl.pack(...)`."""

    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """Folder of the shards, which must not exist (auto: NAME.shards)."""
    shard_megabytes: Annotated[Count, Parameter(group=RUN)] = 256
    """Size of a file of images, at most."""
    quiet: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Do not print what was read."""
