"""What a fine-tuning comparison is made on: the labelled data, and whether the runs' encoders fit them.

Covers: the images' parts and size, the precision they are trained in, and what to know of them. Does not cover: opening
runs (`fastssl.evaluation.shared.candidates`) and data (`fastssl.evaluation.shared.inputs`), who else is compared (`line_up.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from fastssl.config import FinetuneConfig
from fastssl.evaluation.shared.candidates import Contender
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.partition import Partition, partition
from fastssl.runtime import resolve_runtime

from .trial_data import Labelled


def open_labelled(config: FinetuneConfig, folder: Path, runs: Sequence[Contender], console: Console) -> Labelled:
    """The data asked for, else that of the run in `folder`, at the size asked for, else the first encoder's.

    Raises:
        ConfigError: no data are named, or an encoder cannot take images of this size. DataError: images without labels,
            or with other channels than the encoders'.
    """
    size = config.size or runs[0].spec.size
    source = open_data(config, folder, size, console)
    for run in runs:
        check_fit(run, source, size)
    runtime = resolve_runtime(config.device, config.amp, bool(config.compile), config.precision)
    return Labelled(source, partition(source, config.seed), size, runtime)


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
