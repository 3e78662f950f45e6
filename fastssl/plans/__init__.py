"""How each stage is put together from the configuration: one file a stage.

Covers: finding a stage's plan by its name. Does not cover: any plan.
"""

from __future__ import annotations

from .moco import MoCoPlan
from .plan import Facts, Plan, filled
from .pretext import PretextPlan
from .tower import TowerPlan
from .vae import VAEPlan

PLANS: dict[str, Plan] = {"moco": MoCoPlan(), "pretext": PretextPlan(), "tower": TowerPlan(), "vae": VAEPlan()}
"""Stage name -> its plan; the names are those `fastssl.config` offers."""

__all__ = ["PLANS", "Facts", "Plan", "filled"]
