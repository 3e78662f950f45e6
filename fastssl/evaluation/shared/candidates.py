"""What is compared: encoders with a name, and how each of them sees images.

Covers: the encoders of runs and of encoder files, their names, the folder that belongs to each. Does not cover: what
runs are compared with (`baselines.py`), features (`extraction.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torch import nn

from fastssl.config.paths import run_path
from fastssl.errors import CheckpointError, ConfigError
from fastssl.models.encoder import EncoderSpec, seen_note
from fastssl.models.encoder_file import load_encoder, read_steps
from fastssl.models.spec_text import TrainedSteps
from fastssl.pipelines import Padded, Plain, View
from fastssl.training.run_folder import ENCODER

Runs = str | Path | Sequence[str | Path]
"""Run folders or encoder files, one or several."""
Fit = Literal["resize", "pad"]
"""How images of another size than an encoder's come to it: resized, or surrounded with zeros."""
Kind = Literal["run", "random", "untrained", "ImageNet", "timm"]
"""Where weights come from; "random" ones are drawn anew for each seed, "untrained" is what a run started from, the last
two are published ones, by --imagenet and by --baseline."""


@dataclass(frozen=True, kw_only=True)
class NamedEncoder:
    """An encoder and its name.

    Attributes:
        label: names it in tables and plots.
        encoder: maps `[B, C, S, S]` to `[B, D]`; in eval mode, on the CPU.
        spec: what it was built as, and how its input is normalised.
        steps: how long it was trained; None where that is not known, or means nothing.
        notes: what to know of its weights, for the user.
    """

    label: str
    encoder: nn.Module
    spec: EncoderSpec
    steps: TrainedSteps | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of the encoders that an evaluation compares.

    Attributes:
        label: names it in tables and plots.
        kind: where its weights come from.
        spec: what it is built as.
        size: side in pixels that it sees images at.
        folder: its features are kept in the `features/` of this folder.
        start: returns the encoder that a trial of a seed starts from; only of kind "random" does it differ by seed.
        notes: what to know of it, for the user: a training that has not ended, pixels that it does not see.
        fit: how images become of that size.
    """

    label: str
    kind: Kind
    spec: EncoderSpec
    size: int
    folder: Path
    start: Callable[[int], NamedEncoder]
    notes: tuple[str, ...] = ()
    fit: Fit = "resize"

    @classmethod
    def of(cls, encoder: NamedEncoder, kind: Kind, size: int, folder: Path) -> Candidate:
        """Return the candidate that is this encoder for every seed.

        Args:
            encoder: the encoder, whose label it takes.
            kind: where the weights come from.
            size: side in pixels that it sees images at.
            folder: its features are kept in the `features/` of this folder.

        Raises:
            ConfigError: at this size more than a tenth of each image would be lost.
        """
        spec, steps = encoder.spec, encoder.steps
        unfinished = "" if steps is None or steps.finished else f"{encoder.label}: its training has not ended, {steps}"
        unseen = seen_note(encoder.encoder, spec.in_channels, size, spec.stem)
        return cls(
            label=encoder.label,
            kind=kind,
            spec=spec,
            size=size,
            folder=folder,
            start=lambda _: encoder,
            notes=tuple(filter(None, (unfinished, *encoder.notes, unseen))),
        )

    @property
    def view(self) -> View:
        """How it sees images: whole, at its size, normalised as in its training."""
        kind = Padded if self.fit == "pad" else Plain
        return kind(self.size, self.spec.in_channels, self.spec.channel_mean, self.spec.channel_std)


def run_paths(runs: Runs) -> list[Path]:
    """Return the paths of one or several runs.

    Raises:
        ConfigError: one is no path.
    """
    return [run_path(run) for run in ([runs] if isinstance(runs, str | Path) else runs)]


def open_run(path: Path, label: str | None = None) -> NamedEncoder:
    """Load the encoder of a run folder, or an encoder file.

    Args:
        path: the folder or the file.
        label: its name; None for the folder's or the file's.

    Raises:
        CheckpointError: there is none, or it is not sound.
    """
    encoder, spec = load_encoder(path)
    return NamedEncoder(label=label or name_of(path), encoder=encoder, spec=spec, steps=read_steps(path))


def open_runs(paths: Sequence[Path]) -> tuple[NamedEncoder, ...]:
    """Load the encoders of run folders or encoder files that are compared on the same images.

    Args:
        paths: one or more, no two of them the same.

    Raises:
        CheckpointError: one is not there or not sound.
        ConfigError: none or the same one twice is given, or they take images of different channels.
    """
    if not paths:
        raise ConfigError(["runs: give at least one run folder or encoder file"])
    runs = open_any_runs(paths)
    if len({run.spec.in_channels for run in runs}) > 1:
        found = ", ".join(f"{run.label} {run.spec.in_channels}" for run in runs)
        raise ConfigError([f"runs take images of different channels ({found}): compare runs of the same data"])
    return runs


def open_any_runs(paths: Sequence[Path]) -> tuple[NamedEncoder, ...]:
    """Load the encoders of run folders or encoder files, labelled by name, or by path where names are alike.

    Args:
        paths: any number, no two of them the same.

    Raises:
        CheckpointError: one is not there or not sound.
        ConfigError: the same one is given twice.
    """
    repeated = [path for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if repeated:
        raise ConfigError([f"run {str(repeated[0])!r}: given twice"])
    for path in paths:
        if not path.exists():
            raise CheckpointError(f"{path}: no such run folder or encoder file")
    runs = [open_run(path) for path in paths]
    alike = {label for label, count in Counter(run.label for run in runs).items() if count > 1}
    return tuple(
        replace(run, label=str(path)) if run.label in alike else run for run, path in zip(runs, paths, strict=True)
    )


def run_candidates(runs: Sequence[NamedEncoder], paths: Sequence[Path], size: int | None) -> tuple[Candidate, ...]:
    """Return the runs as candidates, each with the folder of its own run.

    Args:
        runs: as `open_runs` loads them.
        paths: what they were loaded from, in the same order.
        size: side in pixels that all of them see images at; None for each encoder's own.
    """
    return tuple(
        Candidate.of(run, "run", size or run.spec.size, run_folder_of(path))
        for run, path in zip(runs, paths, strict=True)
    )


def run_folder_of(path: Path) -> Path:
    """Return the folder that features and report of a run go into.

    Args:
        path: a run folder, its encoder file, or an encoder file elsewhere, whose folder lies next to it under its name.
    """
    if path.is_dir():
        return path
    return path.parent if path.name == ENCODER else path.with_suffix("")


def name_of(path: Path) -> str:
    """Return what a run folder or an encoder file is called."""
    path = path.resolve()
    return path.name if path.is_dir() else path.parent.name if path.stem == "encoder" else path.stem
