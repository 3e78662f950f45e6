"""Multi-pretext: jigsaw, centre-patch inpainting and colorization on one encoder, as MTCP continues MoCo."""

from __future__ import annotations

from fastssl.stages.entry import StageEntry

from .settings import PretextConfig, PretextSettings

STAGE = StageEntry(
    title="Pretext",
    config=PretextConfig,
    settings=PretextSettings,
    defaults="fastssl.stages.pretext.defaults:PretextDefaults",
    next_command="probe {run}",
    follows="moco",
)
