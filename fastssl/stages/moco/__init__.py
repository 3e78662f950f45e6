"""MoCo v2: momentum contrast over a queue of keys."""

from __future__ import annotations

from fastssl.stages.entry import StageEntry

from .settings import MoCoConfig, MoCoSettings

STAGE = StageEntry(
    title="MoCo",
    config=MoCoConfig,
    settings=MoCoSettings,
    defaults="fastssl.stages.moco.defaults:MoCoDefaults",
    next_command="probe {run}",
)
