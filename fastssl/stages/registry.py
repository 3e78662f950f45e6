"""How each stage is put together from the configuration: one file a stage.

Covers: finding a stage's plan by its name. Does not cover: any plan.
"""

from __future__ import annotations

from fastssl.stages.moco.defaults import MoCoDefaults
from fastssl.stages.pretext.defaults import PretextDefaults
from fastssl.stages.tower.defaults import TowerDefaults
from fastssl.stages.vae.defaults import VAEDefaults

from .stage_defaults import RunInfo, StageDefaults, filled

PLANS: dict[str, StageDefaults] = {
    "moco": MoCoDefaults(),
    "pretext": PretextDefaults(),
    "tower": TowerDefaults(),
    "vae": VAEDefaults(),
}
"""Stage name -> its plan; the names are those `fastssl.config` offers."""

__all__ = ["PLANS", "RunInfo", "StageDefaults", "filled"]
