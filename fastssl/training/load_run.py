"""A trained run, read back from its folder: what it was made from, and its stage as it was left.

Covers: settings, data and view of a run; the stage with the weights of its newest sound checkpoint, in eval mode.
Does not cover: going on with the training (`train.py`), or the encoder alone
(`fastssl.models.encoder_file.load_encoder`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastssl.config.paths import run_path
from fastssl.data import Source
from fastssl.errors import CheckpointError, DataError
from fastssl.models.encoder_file import read_spec
from fastssl.runtime import resolve_runtime
from fastssl.training.build import TrainingRun, build_run
from fastssl.training.checkpoint import load_newest
from fastssl.training.run_data import open_run_data
from fastssl.training.run_folder import CHECKPOINTS, ENCODER
from fastssl.training.run_state import restore_module
from fastssl.training.stored_settings import CONFIG, read_settings, stored_config

Notify = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """A run that was read back.

    Args:
        run: built from the run's own settings, for the device of here and now.
        step: of the checkpoint whose weights the stage has; None where they are random, as none were asked for.
    """

    run: TrainingRun
    step: int | None


def load_run(
    folder: str | Path,
    *,
    weights: bool = True,
    data: str | os.PathLike[str] | None = None,
    reading: Mapping[str, Any] | None = None,
    device: str = "auto",
    amp: bool | None = None,
    precision: str = "auto",
    notify: Notify | None = None,
) -> LoadedRun:
    """Read a run back.

    Args:
        folder: of a run of one stage.
        weights: give the stage the weights of the newest sound checkpoint, on the device and in eval mode.
        data: other images of the run's kind; default: its own.
        reading: how they are read, of the arguments of `open_source` those that are not to be the run's own; a value
            range of "auto" is found anew.
        device: where the stage is meant to run, as for training.
        amp: whether in mixed precision, as for training.
        precision: by name, as for training.
        notify: called with one line of text whenever there is something to tell.

    Returns:
        The run, and the step of its weights.

    Raises:
        CheckpointError: no run there, or no sound checkpoint.
        DataError: images that cannot be opened, or have other channels than the run's.
        ConfigError: the device is not there.
    """
    folder = run_path(folder)
    runtime = resolve_runtime(device, amp, False, precision)
    config = stored_config(read_settings(folder))
    if config.recipe:
        runs = ", ".join(str(path.parent) for path in sorted(folder.glob(f"*/{CONFIG}"))) or "none yet"
        raise CheckpointError(f"{folder}: holds the runs of recipe {config.recipe}; give one of them ({runs})")
    given = {**(reading or {}), **({} if data is None else {"data": os.fspath(data)})}
    source = open_run_data(folder, given, known_range=config.value_range, size=config.size, notify=notify)
    _check_channels(folder, source)
    checkpoint = load_newest(folder / CHECKPOINTS, notify or (lambda line: None)) if weights else None
    run = build_run(config, source, runtime, init=False)
    if checkpoint is None:
        return LoadedRun(run=run, step=None)
    restore_module(run.stage, checkpoint.tensors["stage"], str(folder / CHECKPOINTS))
    runtime.place(run.stage).eval()
    return LoadedRun(run=run, step=checkpoint.step)


def _check_channels(folder: Path, source: Source) -> None:
    """By the exported encoder; a run that was stopped before its first export has only its data to go by."""
    path, channels = folder / ENCODER, source.image_shape[2]
    known = read_spec(path) if path.is_file() else None
    if known is not None and channels != known.in_channels:
        raise DataError(f"{source.name}: images have {channels} channel(s), the run was trained on {known.in_channels}")
