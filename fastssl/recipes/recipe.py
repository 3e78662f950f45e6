"""The records of a recipe: as it is asked for, how it ends, what it results in.

Covers: these three. Does not cover: running it (`run.py`), the evaluations by name (`evaluations.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fastssl.config.train import TrainConfig
from fastssl.training.fit import TrainResult


@dataclass(frozen=True, kw_only=True)
class RecipeRun:
    """A recipe as asked for.

    Args:
        config: of the whole recipe.
        folder: holds one run folder per stage, named after it, and `report/`.
        stages: the configuration of each stage, in order.
    """

    config: TrainConfig
    folder: Path
    stages: tuple[TrainConfig, ...]

    @property
    def runs(self) -> list[Path]:
        """The stages' run folders, in order."""
        return [self.folder / config.stage for config in self.stages]


@dataclass(frozen=True, kw_only=True)
class RecipeResult:
    """The results of a recipe.

    Args:
        folder: of the recipe.
        stages: results of those stages that ran in this call.
        finished: every stage was trained to its end.
        evaluated: and then evaluated.
    """

    folder: Path
    stages: tuple[TrainResult, ...]
    finished: bool
    evaluated: bool

    @property
    def stopped_by(self) -> str | None:
        """The name of the signal that stopped this call, such as "SIGTERM"; None: nobody stopped it."""
        return self.stages[-1].stopped_by if self.stages else None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What ends a recipe.

    Args:
        evaluate: evaluates the trained runs, printing to a console; None: that is left to the caller.
        report: writes the report after that; the process of rank 0 alone calls it. None with `evaluate`.
        title: of the evaluation, for the heading above it.
        own_length: its stages choose the length of their runs, on the demo data too.
    """

    evaluate: Callable[[RecipeRun, Console], None] | None
    report: Callable[[RecipeRun, Console], None] | None
    title: str = ""
    own_length: bool = False

    def parts(self, run: RecipeRun) -> int:
        """Return how many parts it has: its stages, and its evaluation if there is one.

        Args:
            run: of this recipe.
        """
        return len(run.stages) + (self.evaluate is not None)
