"""A trained run, read back from its folder: what it was made from, and its stage as it was left.

Covers: configuration, data and view of a run; the stage with the weights of its newest sound checkpoint, in eval mode.
Does not cover: going on with the training (`run.py`), or the encoder alone (`fastssl.models.encoder.load_encoder`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from fastssl.config import TrainConfig
from fastssl.data import Source, open_source
from fastssl.errors import CheckpointError, DataError
from fastssl.models.encoder import EncoderSpec, create_encoder, read_spec
from fastssl.pipelines import View
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.stages.registry import PLANS, RunInfo, StageDefaults
from fastssl.stages.stage import Stage
from fastssl.training.assembly import facts_of, spec_of
from fastssl.training.checkpoint import load_newest, restore_module
from fastssl.training.run_folder import CHECKPOINTS, CONFIG, ENCODER, settings_to_resume

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """What a run was made from. config: its own, nothing automatic left; runtime: of here and now."""

    config: TrainConfig
    plan: StageDefaults
    source: Source
    facts: RunInfo
    spec: EncoderSpec
    runtime: Runtime

    @property
    def view(self) -> View:
        """What the stage is trained on."""
        return self.plan.view(self.config, self.facts)


@dataclass(frozen=True)
class Restored(Run):
    """A run with its stage, in eval mode on `runtime.device`. step: of the checkpoint that it was read from."""

    stage: Stage
    step: int


def open_run(
    folder: str | Path,
    *,
    data: str | os.PathLike[str] | None = None,
    data_root: str | os.PathLike[str] | None = None,
    device: str = "auto",
    amp: bool | None = None,
    precision: str = "auto",
    skip_corrupt: bool = False,
    notify: Notify | None = None,
) -> Run:
    """Read what the run in `folder` was made from, without its weights.

    Args:
        data, data_root: other images of the run's kind; default: its own.
        device, amp, precision: where and how the stage is meant to run, as for training.
        notify: called with one line of text whenever there is something to tell.

    Raises:
        CheckpointError: no run there. DataError: images that cannot be opened, or have other channels than the run's.
        ConfigError: the device is not there.
    """
    folder = Path(folder)
    runtime = resolve_runtime(device, amp, False, precision)
    config = settings_to_resume(folder, TrainConfig())
    if config.recipe:
        runs = ", ".join(str(path.parent) for path in sorted(folder.glob(f"*/{CONFIG}"))) or "none yet"
        raise CheckpointError(f"{folder}: holds the runs of recipe {config.recipe}; give one of them ({runs})")
    source = open_source(
        data or config.data,
        root=data_root or config.data_root,
        size=config.size,
        skip_corrupt=skip_corrupt or config.skip_corrupt,
        notify=notify,
    )
    channels = source.image_shape[2]
    trained_on = _trained_channels(folder, channels)
    if channels != trained_on:
        raise DataError(f"{source.name}: images have {channels} channel(s), the run was trained on {trained_on}")
    spec = spec_of(config, channels)
    facts = facts_of(source, runtime, _new_encoder(spec))
    return Run(config, PLANS[config.stage], source, facts, spec, runtime)


def restore(folder: str | Path, *, notify: Notify | None = None, **choices: Any) -> Restored:
    """Read the run in `folder` back, with its newest sound checkpoint; arguments are those of `open_run`.

    Raises:
        CheckpointError: no run, no checkpoint, or none that is sound. DataError, ConfigError: as `open_run`.
    """
    checkpoints = Path(folder) / CHECKPOINTS
    run = open_run(folder, notify=notify, **choices)
    checkpoint = load_newest(checkpoints, notify or (lambda line: None))
    stage = run.plan.stage(run.config, _new_encoder(run.spec), run.spec, run.facts)
    restore_module(stage, checkpoint.tensors["stage"], str(checkpoints))
    stage = run.runtime.place(stage).eval()
    return Restored(**vars(run), stage=stage, step=checkpoint.step)


def _new_encoder(spec: EncoderSpec) -> nn.Module:
    return create_encoder(spec.name, spec.in_channels, spec.size, spec.stem)


def _trained_channels(folder: Path, otherwise: int) -> int:
    """Of the exported encoder; a run that was stopped before its first export has only its data to go by."""
    path = folder / ENCODER
    known = read_spec(path) if path.is_file() else None
    return known.in_channels if known else otherwise
