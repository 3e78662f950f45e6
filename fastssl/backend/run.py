"""A run without a folder: view, stage, optimiser and schedule of images at hand, for another trainer to step.

Covers: `open_run`, which takes an array, a `Source` or whatever `--data` takes, and the settings of a stage.
Does not cover: steps (`loop_step.py`, `lightning.py`), runs with a folder (`fastssl.train`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastssl.config.data import HOW_DATA_ARE_READ
from fastssl.config.train import TrainConfig
from fastssl.data import Source, open_source
from fastssl.data.source import Split
from fastssl.errors import ConfigError, DataError
from fastssl.runtime import Runtime, resolve_runtime, usual_torch_state
from fastssl.stages.registry import train_config
from fastssl.training.build import TrainingRun, build_run

_ELSEWHERE = {
    "data": "images are the first argument",
    "recipe": "one stage is built, give stage",
    "minutes": "give steps or epochs",
    "out": "nothing is written",
    "resume": "nothing is written; a trainer's own checkpoint goes on",
    "overwrite": "nothing is written",
    "checkpoint_every": "nothing is written",
    "keep": "nothing is written",
    "stop_after": "the trainer stops by itself",
    "gpus": "the program starts its processes, by torchrun for one",
    "peer_timeout": "the program meets its processes by itself",
    "threads": "the program sets its threads, by torch.set_num_threads",
}
"""Settings of `fastssl train` that are the host program's here, and what to do instead."""
_OF_OPENING = ("data_root", *HOW_DATA_ARE_READ)
"""Settings that say how data are read, and so mean nothing for images at hand."""

Images = np.ndarray | Source | str | os.PathLike[str]


@usual_torch_state()
def open_run(
    images: Images,
    *,
    stage: str = "moco",
    labels: np.ndarray | str | os.PathLike[str] | None = None,
    runtime: Runtime | None = None,
    **settings: Any,
) -> TrainingRun:
    """Put a run together from images, without a folder: nothing is trained and nothing is written.

    Args:
        images: `[N, H, W, C]` uint8 or uint16, C in 1, 3, 4, in memory or memory-mapped; or a `Source`; or what
            `fastssl train --data` takes.
        stage: its name.
        labels: `[N]` or `[N, L]` of an array's images, kept in `run.source`; of a folder, the path of a table, as
            `fastssl train --labels` takes it; None for none.
        runtime: device, precision and compilation; None: by the settings of these names, as `fastssl train` has them.
        **settings: of the stage, as `fastssl train --stage NAME --help` lists them: `batch_size`, `epochs` or `steps`,
            `encoder`, `init`, `device`, `amp`, `precision`, `compile`, `seed` and its own.

    Returns:
        The run: `run.stage`, `run.optimizer`, `run.schedule`, `run.view`, `run.loader()`, and `run.settings`, in which
        nothing is automatic any more.

    Raises:
        ConfigError: naming every setting that is unknown, cannot be used, or does not fit the images.
        DataError: images that cannot be used.
        CheckpointError: `init` cannot be read, or is another encoder's.
    """
    at_hand = isinstance(images, (np.ndarray, Source))
    if labels is not None and not isinstance(labels, np.ndarray):
        settings, labels = {**settings, "labels": labels}, None
    config = _config(stage, settings, at_hand=at_hand)
    source = source_of(images, labels, reading=config.reading)
    if runtime is None:
        runtime = resolve_runtime(
            config.device, config.amp, config.compile, config.precision, deterministic=config.deterministic
        )
    return build_run(config, source, runtime)


def source_of(images: Images, labels: np.ndarray | None = None, reading: Mapping[str, Any] | None = None) -> Source:
    """Make a source of whatever images are given as.

    Args:
        images: as `open_run` takes them.
        labels: of an array's images; None for none.
        reading: how data are opened by name or path, as `open_source` takes it.

    Returns:
        The source.

    Raises:
        DataError: they cannot be used.
    """
    if isinstance(images, np.ndarray):
        return array_source(images, labels)
    if labels is not None:
        raise DataError("labels: only an array of images takes them; a source has its own")
    if isinstance(images, Source):
        return images
    try:
        place = os.fspath(images)
    except TypeError:
        kind = type(images).__name__
        raise DataError(f"images are a {kind}; give a NumPy array [N, H, W, C], a Source, or a name or path") from None
    return open_source(place, **(reading or {}))


def array_source(images: np.ndarray, labels: np.ndarray | None = None) -> Source:
    """Make a source of an array of images.

    Args:
        images: `[N, H, W, C]` uint8 or uint16, C in 1, 3, 4, in memory or memory-mapped; not copied.
        labels: `[N]` or `[N, L]`; None for none.

    Returns:
        The source, with the one split "train" and without a fingerprint.

    Raises:
        DataError: the array cannot be used.
    """
    wrong = next(_wrong_with(images), None)
    if wrong is None and labels is not None and len(labels) != len(images):
        wrong = f"{len(images)} images with {len(labels)} labels: give one for each image"
    if wrong is not None:
        raise DataError(f"images: {wrong}")
    return Source(name="images", splits={"train": Split(images=images, labels=labels)})


def _wrong_with(images: np.ndarray) -> Iterator[str]:
    if images.dtype not in (np.uint8, np.uint16):
        yield f"they are {images.dtype}; give uint8 or uint16, scaled to whole grey levels"
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4):
        yield f"their shape is {list(images.shape)}; give [N, H, W, C] with 1, 3 or 4 channels"
    if images.size == 0:
        yield f"there are none in an array of shape {list(images.shape)}"


def _config(stage: str, settings: Mapping[str, Any], *, at_hand: bool) -> TrainConfig:
    problems = [f"{name}: {instead}" for name, instead in _ELSEWHERE.items() if name in settings]
    if at_hand:
        problems += [f"{name}: for data that are opened by name or path" for name in _OF_OPENING if name in settings]
    if problems:
        raise ConfigError(problems)
    return train_config({**settings, "stage": stage})
