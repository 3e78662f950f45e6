"""Fine-tuning without a run: the word random in its place, which is supervised training from scratch.

Covers: the data that such a comparison names itself, and the encoder that it begins with. Does not cover: runs
(`candidates.py`), training.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from fastssl.config import FinetuneConfig
from fastssl.console import say
from fastssl.data import open_source
from fastssl.distributed.leader import first_on_each_machine
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.baselines import DEFAULT_ENCODER, RANDOM, RANDOM_RUN, SCRATCH, random_baseline
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.partition import partition
from fastssl.models.encoder import EncoderSpec, create_encoder, feature_dim
from fastssl.runtime import resolve_runtime

from .candidates import with_pretrained
from .trial_data import LabelledData


def is_random(paths: Sequence[Path]) -> bool:
    """Tell whether the word random alone is given in place of runs.

    Args:
        paths: what was given.

    Raises:
        ConfigError: it is given together with runs, which are compared with random weights anyway.
    """
    words = [str(path) == RANDOM_RUN for path in paths]
    if any(words) and len(words) > 1:
        raise ConfigError(["random: stands alone; runs are compared with random weights anyway"])
    return any(words)


def folder_without_run(config: FinetuneConfig) -> Path:
    """Choose the folder of a comparison without a run: `runs/supervised-DATA`.

    Args:
        config: names the data.

    Raises:
        ConfigError: it names none.
    """
    if config.data is None:
        raise ConfigError(["data: random is no run, whose data could be taken; give --data"])
    return Path("runs") / f"supervised-{Path(config.data).stem}"


def data_without_run(config: FinetuneConfig, console: Console) -> LabelledData:
    """Open the data of a comparison without a run.

    Args:
        config: names the data.
        console: where notes on the data go.

    Returns:
        The data, of the size that is asked for, else as they are.

    Raises:
        DataError: images that cannot be opened, or have no labels.
    """
    with first_on_each_machine():
        source = open_source(str(config.data), **config.reading, notify=lambda line: say(console, line))
    if not config.quiet:
        say(console, *source.report.lines())
    runtime = resolve_runtime(config.device, config.amp, bool(config.compile), config.precision)
    size = config.size or min(source.image_shape[:2])
    return LabelledData(source=source, parts=partition(source, config.seed), size=size, runtime=runtime)


def candidates_without_run(data: LabelledData, config: FinetuneConfig, folder: Path) -> tuple[Candidate, ...]:
    """Return an encoder with random weights, drawn for each seed, and those with published weights that are asked for.

    Args:
        data: what they see.
        config: names the encoders.
        folder: features are kept in its `features/`.

    Raises:
        ConfigError: there is no such encoder, or no such ImageNet weights here.
        CheckpointError: the file of weights belongs to another model.
    """
    name = DEFAULT_ENCODER if config.encoder == "auto" else config.encoder
    channels = data.source.image_shape[2]
    spec = EncoderSpec(name=name, in_channels=channels, size=data.size, value_range=data.source.value_range)
    feature_dim(create_encoder(spec.name, channels, data.size), channels, data.size)  # refused before anything begins
    start = partial(random_baseline, spec)
    random = Candidate(
        label=RANDOM if config.frozen else SCRATCH, kind="random", spec=spec, size=data.size, folder=folder, start=start
    )
    return with_pretrained((random,), data.size, config)
