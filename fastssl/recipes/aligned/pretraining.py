"""Pre-training the methods one after the other, each with its share of the budget.

Covers: going on where a call stopped, methods that fail and are left out, what each has cost. Does not cover: a stage
or a sequence of stages (`fastssl.training.train`, `fastssl.recipes.sequence`), scoring what came of it (`proxy.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fastssl.console import say
from fastssl.data import Source
from fastssl.distributed.leader import by_leader
from fastssl.distributed.world import world
from fastssl.errors import ConfigError, DivergenceError
from fastssl.models.encoder_file import read_steps
from fastssl.recipes.recipe import Recipe, RecipeResult
from fastssl.recipes.sequence import train_recipe
from fastssl.runtime import Runtime
from fastssl.stages.registry import RECIPE_STAGES
from fastssl.training.fit import TrainResult
from fastssl.training.run_folder import ENCODER, holds_run
from fastssl.training.stored_settings import read_settings
from fastssl.training.timed_steps import Clock
from fastssl.training.train import Prepared, train_stage

from .costs import CostLedger
from .methods import SEQUENCES, ComparedMethod

_UNEVALUATED = dict.fromkeys(SEQUENCES.values(), Recipe(evaluate=None, report=None))


@dataclass(frozen=True, kw_only=True)
class PreTraining:
    """How far pre-training has come.

    Attributes:
        trained: the methods that are trained to their end.
        left_out: name of a method that failed -> why.
        finished: there is nothing more to train.
        stopped_by: the name of the signal that stopped this call; None: nobody did.
    """

    trained: tuple[ComparedMethod, ...]
    left_out: dict[str, str]
    finished: bool
    stopped_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class PreTrainer:
    """What all methods are trained with.

    Attributes:
        source: the data.
        runtime: of methods that begin.
        ledger: told what each has cost.
        console: where progress goes.
        clock: what budgets of minutes are measured by.
    """

    source: Source
    runtime: Runtime
    ledger: CostLedger
    console: Console
    clock: Clock

    def train_all(self, methods: Sequence[ComparedMethod], stop_after: int | None) -> PreTraining:
        """Train all methods that are not finished, one after the other.

        A method whose loss diverges, or whose share of the budget is too short, is left out, and the others go on; of
        several processes all end by it.

        Args:
            methods: in their order.
            stop_after: how many steps to do at most in this call, over all methods; None: all.

        Returns:
            How far it has come.

        Raises:
            CheckpointError: a run cannot be gone on with.
            ConfigError, DivergenceError: of several processes, as above; or a run cannot go on on this machine.
            OSError: the disk is full, or the like.
        """
        trained: list[ComparedMethod] = []
        left_out: dict[str, str] = {}
        for number, method in enumerate(methods, start=1):
            if is_trained(method):
                trained.append(method)
                continue
            if stop_after == 0:
                return PreTraining(trained=tuple(trained), left_out=left_out, finished=False)
            self.console.rule(f"pre-training {number}/{len(methods)}: {method.name}", align="left")
            begun = _has_begun(method)
            try:
                result = self._train(method, begun, stop_after)
            except (ConfigError, DivergenceError) as error:
                if world().size > 1 or (begun and isinstance(error, ConfigError)):
                    raise  # other processes may not have met it; or the machine has changed, and not the method
                left_out[method.name] = str(error)
                if method.config.minutes is not None and isinstance(error, ConfigError):
                    left_out[method.name] += f" (for this method alone: --minutes is divided by {len(methods)})"
                say(self.console, f"{method.name} is left out: {left_out[method.name]}")
                continue
            done = sum(stage.steps_run for stage in _stage_results(result))
            stop_after = None if stop_after is None else stop_after - done
            if not result.finished or result.stopped_by is not None:
                trained += [method] if result.finished else []
                return PreTraining(
                    trained=tuple(trained), left_out=left_out, finished=False, stopped_by=result.stopped_by
                )
            trained.append(method)
        return PreTraining(trained=tuple(trained), left_out=left_out, finished=True)

    def _train(self, method: ComparedMethod, begun: bool, stop_after: int | None) -> TrainResult | RecipeResult:
        config = method.config.model_copy(update={"resume": begun, "stop_after": stop_after})
        with self.ledger.timed(method.name, method.folder):
            if config.recipe is not None:
                return train_recipe(config, self.console, recipes=_UNEVALUATED, clock=self.clock, source=self.source)
            prepared = Prepared(source=self.source, runtime=self.runtime, run=None)
            return train_stage(config, self.console, prepared=prepared, clock=self.clock)


def _has_begun(method: ComparedMethod) -> bool:
    return by_leader(lambda: holds_run(method.folder))


def is_trained(method: ComparedMethod) -> bool:
    """Tell whether a method is trained to its end, as the process of rank 0 sees it.

    Args:
        method: the method.
    """

    def finished() -> bool:
        path = method.folder / ENCODER
        steps = read_steps(path) if path.is_file() else None
        return steps is not None and steps.finished

    return by_leader(finished)


def steps_of(method: ComparedMethod) -> int:
    """Return how many steps a method's stages have together, once they have begun.

    Args:
        method: the method.

    Raises:
        CheckpointError: the settings of a run cannot be read.
    """
    return sum(int(read_settings(folder)["steps"]) for folder in _run_folders(method))


def _run_folders(method: ComparedMethod) -> list[Path]:
    if method.config.recipe is None:
        return [method.folder]
    return [method.folder / stage for stage in RECIPE_STAGES[method.config.recipe]]


def _stage_results(result: TrainResult | RecipeResult) -> Sequence[TrainResult]:
    return result.stages if isinstance(result, RecipeResult) else (result,)
