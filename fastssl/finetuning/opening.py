"""What a fine-tuning comparison is made on: the labelled data, and whether the runs' encoders fit them.

Covers: opening them, and refusing what cannot be compared before anything is trained. Does not cover: opening runs
(`fastssl.evaluation.contenders`), who else is compared (`line_up.py`), training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from fastssl.acceleration import accelerate, avoid_small_bf16
from fastssl.config import FinetuneConfig
from fastssl.data import Source, open_source
from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.contenders import Contender
from fastssl.evaluation.partition import Partition, partition
from fastssl.models.encoder import feature_dim
from fastssl.run_folder import CONFIG, read_settings

from .materials import Labelled


def open_labelled(config: FinetuneConfig, folder: Path, runs: Sequence[Contender], console: Console) -> Labelled:
    """The data asked for, else that of the run in `folder`, at the size asked for, else the first encoder's.

    Raises:
        ConfigError: no data are named, or an encoder cannot take images of this size. DataError: images without labels,
            or with other channels than the encoders'.
    """
    own = read_settings(folder) if (folder / CONFIG).is_file() else {}
    data = config.data or own.get("data")
    if data is None:
        raise ConfigError([f"data: {folder} has no {CONFIG} that names its data; give --data"])
    size = config.size or runs[0].spec.size
    source = open_source(
        data,
        root=config.data_root or own.get("data_root"),
        size=size,
        skip_corrupt=config.skip_corrupt,
        notify=lambda line: console.print(escape(line)),
    )
    _check_fit(source, runs, size)
    acceleration = avoid_small_bf16(accelerate(config.device, config.amp, bool(config.compile)), size)
    return Labelled(source, partition(source, config.seed), size, acceleration)


def notes_on(parts: Partition, seed: int) -> list[str]:
    """What a reader should know about where the images come from."""
    notes = ["a label fraction takes labels from the training part alone; validation keeps all of its own"]
    for name, part in (("test", parts.test), ("validation", parts.val)):
        if part.split == "train":
            notes.append(
                f"no labelled {name} split: {len(part)} images held out of train (seed {seed}), which the encoder may "
                "have seen unlabelled"
            )
    return notes


def _check_fit(source: Source, runs: Sequence[Contender], size: int) -> None:
    channels, expected = source.image_shape[2], runs[0].spec.in_channels
    if channels != expected:
        raise DataError(
            f"{source.name}: images have {channels} channel(s), the encoder was trained on {expected}; fine-tune it on "
            "data of its own kind"
        )
    for run in runs:
        if size != run.spec.size:
            feature_dim(run.encoder, channels, size)
