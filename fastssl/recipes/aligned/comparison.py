"""What is compared: the task, the methods, the baselines, opened and checked.

Covers: opening them, so that what cannot be done is said before anything is trained; saying who is compared. Does not
cover: training (`pretraining.py`), scoring (`scoring.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from fastssl.config.aligned import AlignedConfig
from fastssl.console import say
from fastssl.errors import ConfigError
from fastssl.runtime import Runtime
from fastssl.training.inputs import open_runtime

from .baselines import baselines_of
from .classification import ClassificationTarget
from .methods import ComparedMethod, check_candidates, methods_of, why_not, with_minutes, with_shares
from .segmentation import SegmentationTarget
from .target import Target


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is compared.

    Attributes:
        target: the task.
        methods: to pre-train.
        baselines: what they have to beat.
        left_out: method -> why it cannot be trained on these data.
        notes: on what could not be had.
        runtime: of methods that begin.
    """

    target: Target
    methods: tuple[ComparedMethod, ...]
    baselines: tuple[str, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    runtime: Runtime

    @property
    def config(self) -> AlignedConfig:
        """What was asked for."""
        return self.target.config

    @property
    def folder(self) -> Path:
        """The folder of the recipe."""
        return self.target.folder


def open_comparison(config: AlignedConfig, folder: Path, console: Console) -> Comparison:
    """Open the data and build every method.

    Args:
        config: what was asked for.
        folder: of the recipe.
        console: told what was read.

    Returns:
        The comparison; methods that cannot be trained are left out, unless candidates are named.

    Raises:
        ConfigError: a setting that cannot be used.
        DataError: images that cannot be used.
    """
    check_candidates(config)
    target: Target = (SegmentationTarget if config.segments else ClassificationTarget).open(config, folder, console)
    runtime = open_runtime(config)
    baselines, notes = baselines_of(config)
    methods = methods_of(config, target.training_data, folder)
    problems = {method.name: problem for method in methods if (problem := why_not(method, target.source, runtime))}
    sound = tuple(method for method in methods if method.name not in problems)
    if problems and (config.candidates or not sound):
        raise ConfigError([f"{name}: {problem}" for name, problem in problems.items()])
    config = with_minutes(config, len(sound))
    return Comparison(
        target=replace(target, config=config),
        methods=with_shares(sound, config.minutes),
        baselines=baselines,
        left_out=problems,
        notes=notes,
        runtime=runtime,
    )


def introduce(comparison: Comparison, console: Console) -> None:
    """Say who is compared, with which encoder and which budget.

    Args:
        comparison: as it was opened.
        console: where to.
    """
    config, names = comparison.config, ", ".join(method.name for method in comparison.methods)
    encoder = comparison.methods[0].config.encoder
    length = f"{config.steps} steps of each stage, not equal times"
    if config.minutes is not None:
        each = comparison.methods[0].config.minutes or 0.0
        length = f"--minutes {config.minutes:g}: {each:g} each; proxy and fine-tuning are not counted"
    say(console, f"methods     {names}: {length}")
    say(console, f"baselines   {', '.join(comparison.baselines) or 'none'}")
    say(console, f"encoder     {encoder} in all methods, so that they are compared and not architectures")
    left_out = [f"{name} is left out: {why}" for name, why in comparison.left_out.items()]
    say(console, *(f"note        {note}" for note in (*left_out, *comparison.notes)))
