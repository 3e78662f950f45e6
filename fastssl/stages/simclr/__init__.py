"""SimCLR: contrast of two crops of every image within the batch."""

from __future__ import annotations

from fastssl.stages.entry import StageEntry

from .settings import SimCLRConfig, SimCLRSettings

STAGE = StageEntry(
    title="SimCLR",
    config=SimCLRConfig,
    settings=SimCLRSettings,
    defaults="fastssl.stages.simclr.defaults:SimCLRDefaults",
    next_command="probe {run}",
)
