"""Barlow Twins: embeddings of two crops whose cross-correlation is the identity."""

from __future__ import annotations

from fastssl.stages.entry import StageEntry

from .settings import BarlowTwinsConfig, BarlowTwinsSettings

STAGE = StageEntry(
    title="Barlow Twins",
    config=BarlowTwinsConfig,
    settings=BarlowTwinsSettings,
    defaults="fastssl_barlow_twins.defaults:BarlowTwinsDefaults",
    next_command="probe {run}",
)
