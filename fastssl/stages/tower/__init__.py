"""TOWER: contrast and restoration of images through a Bezier curve and a mask."""

from __future__ import annotations

from fastssl.stages.entry import StageEntry

from .settings import TowerConfig, TowerSettings

STAGE = StageEntry(
    title="TOWER",
    config=TowerConfig,
    settings=TowerSettings,
    defaults="fastssl.stages.tower.defaults:TowerDefaults",
    next_command="finetune {run}",
)
