"""What is compared: trained encoders, a randomly initialised one, one pre-trained on ImageNet.

Covers: each as a label, a module and how to feed it. Does not cover: features (`extraction.py`), what they are worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from fastssl.errors import CheckpointError, ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder, load_encoder
from fastssl.models.imagenet import imagenet_encoder
from fastssl.training.run_folder import ENCODER

RANDOM = "random init"


@dataclass(frozen=True)
class Contender:
    """An encoder that maps `[B, C, S, S]` to `[B, D]`, in eval mode on the CPU. label: names it in tables and plots."""

    label: str
    encoder: nn.Module
    spec: EncoderSpec


def run_contender(path: Path, label: str | None = None) -> Contender:
    """The encoder of a run folder, or an encoder file; label: the folder's or the file's name by default.

    Raises CheckpointError: there is none, or it is not sound.
    """
    encoder, spec = load_encoder(path)
    return Contender(label or name_of(path), encoder, spec)


def open_runs(paths: Sequence[Path]) -> tuple[Contender, ...]:
    """The encoders of run folders or encoder files, labelled by their names, or by their paths where names are alike.

    Raises:
        CheckpointError: one is not there or not sound. ConfigError: none or the same one twice is given, or they take
            images of different channels.
    """
    if not paths:
        raise ConfigError(["runs: give at least one run folder or encoder file"])
    repeated = [path for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if repeated:
        raise ConfigError([f"run {str(repeated[0])!r}: given twice"])
    for path in paths:
        if not path.exists():
            raise CheckpointError(f"{path}: no such run folder or encoder file")
    runs = [run_contender(path) for path in paths]
    alike = {label for label, count in Counter(run.label for run in runs).items() if count > 1}
    runs = [replace(run, label=str(path)) if run.label in alike else run for run, path in zip(runs, paths, strict=True)]
    if len({run.spec.in_channels for run in runs}) > 1:
        found = ", ".join(f"{run.label} {run.spec.in_channels}" for run in runs)
        raise ConfigError([f"runs take images of different channels ({found}): compare runs of the same data"])
    return tuple(runs)


def home_of(path: Path) -> Path:
    """The folder that features and the report of a run go into; for an encoder file elsewhere, one beside it."""
    if path.is_dir():
        return path
    return path.parent if path.name == ENCODER else path.with_suffix("")


def random_contender(spec: EncoderSpec, seed: int = 0) -> Contender:
    """What `spec` describes, before any training."""
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=seed)
    return Contender(RANDOM, encoder.eval(), spec)


def imagenet_contender(name: str, in_channels: int, size: int, weights: Path | None = None) -> Contender:
    """A timm model with ImageNet weights, seeing images of side `size`.

    Raises:
        ConfigError: no such model, or its weights cannot be had here. CheckpointError: `weights` are another model's.
    """
    encoder, spec = imagenet_encoder(name, in_channels, size, weights)
    return Contender(f"ImageNet {name}", encoder, spec)


def name_of(path: Path) -> str:
    """What a run folder or an encoder file is called."""
    path = path.resolve()
    return path.name if path.is_dir() else path.parent.name if path.stem == "encoder" else path.stem
