"""What a run is made on: the images, the device and what is switched on there.

Covers: opening both as a configuration has them, before anything is written. Does not cover: putting a run together
(`build.py`).
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from fastssl.config.train import TrainConfig
from fastssl.console import say
from fastssl.data import Source, open_source
from fastssl.distributed.leader import first_on_each_machine
from fastssl.errors import ConfigError
from fastssl.pipelines.executors.executor import choose
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.training.compilation import check_compiler
from fastssl.training.run_data import place_of_data


def open_data(config: TrainConfig, console: Console, folder: Path) -> Source:
    """Open the images that a configuration names, where they are now, and tell what was read.

    Args:
        config: what was asked for, or the settings of a run that goes on.
        console: gets a line whenever there is something to tell.
        folder: of the run.

    Returns:
        The data.

    Raises:
        DataError: they cannot be opened.
    """
    data, root = (
        place_of_data(folder, config.data, config.data_root) if config.resume else (config.data, config.data_root)
    )
    with first_on_each_machine():  # which fetches or decodes; the others find the result in its cache
        reading = {**config.reading, "root": root}
        source = open_source(data, **reading, notify=lambda line: say(console, line))
    if not config.quiet:
        say(console, *source.report.lines())
    return source


def open_runtime(config: TrainConfig) -> Runtime:
    """Resolve device, precision, compilation and threads.

    Args:
        config: what was asked for.

    Returns:
        The runtime.

    Raises:
        ConfigError: the device is not there, nothing can be compiled, or the executor is not installed.
    """
    runtime = resolve_runtime(
        config.device,
        config.amp,
        config.compile,
        config.precision,
        config.threads_to_use,
        deterministic=config.deterministic,
    )
    try:
        choose(config.pipeline, runtime.device)
    except ValueError:
        raise ConfigError(["pipeline='dali': NVIDIA DALI is not installed; give --pipeline torch"]) from None
    check_compiler(runtime)
    return runtime
