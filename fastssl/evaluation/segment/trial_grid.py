"""The trials of a comparison: every initialization once per seed, all by one recipe.

Covers: which trials there are, what the result of each depends on, running those that are not finished yet. Does not
cover: a trial (`trial.py`), keeping them (`trial_record.py`), the loop (`evaluation/shared/trials.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from fastssl.evaluation.shared.features import encoder_digest
from fastssl.evaluation.shared.trial_cache import TrialCache
from fastssl.evaluation.shared.trials import TrialSpec, Update, run_trials
from fastssl.runtime import Runtime

from .data import SegmentationData
from .initialization import Initialization, build_network
from .patches import steps_per_epoch
from .recipe import SegmentRecipe
from .trial import run_segment_trial
from .trial_record import FinishedTrial


@dataclass(frozen=True, kw_only=True)
class SegmentTrialSpec(TrialSpec):
    """A trial that is to be done.

    Attributes:
        initialization: the weights that the network begins with.
        seed: of all that is random.
    """

    initialization: Initialization
    seed: int


def plan_trials(
    initializations: Sequence[Initialization],
    data: SegmentationData,
    recipe: SegmentRecipe,
    seeds: Sequence[int],
    runtime: Runtime,
) -> list[SegmentTrialSpec]:
    """Return all trials, seed by seed, so that a comparison that is stopped is whole for the seeds that it got through.

    Args:
        initializations: what is compared.
        data: all images.
        recipe: how every network is trained.
        seeds: of the trials of each initialization.
        runtime: device and precision.

    Raises:
        CheckpointError: a file of initial weights is damaged or of another network.
        ConfigError: there is no U-Net on an encoder.
    """
    shared = {
        "data": data.fingerprint(),
        "splits": {split: len(samples) for split, samples in data.splits.items()},
        "recipe": recipe.settings(),
        "precision": runtime.precision,
    }
    if data.value_range is not None:
        shared["value_range"] = data.value_range
    digests = {one: _network_digest(one, max(recipe.patch)) for one in initializations}
    steps = recipe.total_steps(steps_per_epoch(data.splits["train"], recipe.patch, recipe.batch_size))
    return [
        _spec(one, seed, {**shared, "network": digests[one], "seed": seed}, steps, recipe.batch_size)
        for seed in seeds
        for one in initializations
    ]


def finish_trials(
    specs: Sequence[SegmentTrialSpec],
    data: SegmentationData,
    recipe: SegmentRecipe,
    runtime: Runtime,
    cache: TrialCache[FinishedTrial],
    console: Console,
    run: Callable[..., FinishedTrial] = run_segment_trial,
) -> list[FinishedTrial]:
    """Return the result of every trial, from the cache where it is there, else by running it.

    Args:
        specs: as `plan_trials` returned them, for the same data, recipe and runtime.
        data: all images.
        recipe: how every network is trained.
        runtime: device, precision, compilation.
        cache: receives every trial as soon as it is finished.
        console: where progress goes.
        run: does one trial; called as `run_segment_trial` is.

    Raises:
        DivergenceError: a loss or a probability is not finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM came. Finished trials are in the cache, here as above.
    """

    def run_one(spec: SegmentTrialSpec, update: Update) -> FinishedTrial:
        return run(spec.initialization, data, recipe, seed=spec.seed, runtime=runtime, update=update)

    rows, seeds = len({spec.label for spec in specs}), len({spec.seed for spec in specs})
    return run_trials(
        specs,
        cache,
        run_one,
        summary=f"{rows} initialization(s), {seeds} seed(s)",
        describe=describe_trial,
        console=console,
    )


def describe_trial(trial: FinishedTrial) -> str:
    """Return a trial's validation Dice, where it was reached and how fast, in a few words.

    Args:
        trial: a finished one.
    """
    figures = trial.figures
    advice = "" if figures.val_dice else "; nothing is found yet: train longer, or give --objective bce+dice"
    return (
        f"best at step {figures.best_step} of {figures.steps}, validation Dice {figures.val_dice:.3f}, "
        f"{1000 * figures.seconds_per_step:.0f} ms per step{advice}"
    )


def _spec(
    initialization: Initialization, seed: int, settings: dict[str, Any], steps: int, patches: int
) -> SegmentTrialSpec:
    return SegmentTrialSpec(
        label=initialization.label,
        title=f"{initialization.label}, seed {seed}",
        settings=settings,
        length=steps,
        unit="step",
        images=patches,
        initialization=initialization,
        seed=seed,
    )


def _network_digest(initialization: Initialization, patch: int) -> str:
    """Identifies the initial weights of encoder and decoder; those that are random stand for any seed's."""
    return encoder_digest(build_network(initialization, patch, seed=0), repr(initialization.spec))
