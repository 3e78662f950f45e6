"""Recipes: named sequences of stages, each starting from the encoder before it, and methods that are compared.

Covers: `train`, the one entry to training, and what a sequence results in. Does not cover: a stage
(`fastssl.training.train`), an evaluation (`fastssl.evaluation`), which stages a recipe has (`fastssl.stages.registry`),
the comparison of methods, which imports the evaluations (`fastssl.recipes.aligned`).
"""

from __future__ import annotations

from .recipe import RecipeResult
from .run import train

__all__ = ["RecipeResult", "train"]
