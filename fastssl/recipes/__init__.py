"""Recipes: named sequences of stages, each starting from the encoder before it, and the evaluation that ends them.

Covers: `train`, the one entry to training, and what a recipe results in. Does not cover: a stage
(`fastssl.training.train`), an evaluation (`fastssl.evaluation`), which stages a recipe has (`fastssl.stages.registry`).
"""

from __future__ import annotations

from .recipe import RecipeResult
from .run import train

__all__ = ["RecipeResult", "train"]
