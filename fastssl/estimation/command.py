"""`fastssl estimate`: what a training would take, printed as lines or as JSON.

Covers: the call, several processes, where the lines go. Does not cover: estimating (`estimate.py`), the lines
(`report.py`).
"""

from __future__ import annotations

import json as json_format
from typing import Any

from rich.console import Console

from fastssl.config.train import TrainConfig
from fastssl.console import new_console, say, silent_console
from fastssl.distributed.environment import launched
from fastssl.distributed.join import joined
from fastssl.runtime import usual_torch_state
from fastssl.stages.registry import coerce_train_config

from .estimate import estimate_training
from .report import estimate_lines
from .result import Estimate


@usual_torch_state()
def estimate(
    config: TrainConfig | None = None,
    /,
    *,
    largest_batch: bool = True,
    json: bool = False,
    console: Console | None = None,
    **settings: Any,
) -> Estimate:
    """Estimate the time, memory and room on the disk of a training by about 20 of its steps; nothing is trained.

    Nothing is written to the folder of the run, whether there is one already or not.

    Args:
        config: what would be trained, a stage's own configuration; or give its fields as keywords.
        largest_batch: also find the largest batch that fits.
        json: print the result as JSON; all other lines go to standard error.
        console: where lines go; standard output by default.
        **settings: as `fastssl.train` takes them.

    Returns:
        The figures.

    Raises:
        ConfigError: a setting that cannot be used.
        DataError: images that cannot be used.
        CheckpointError: weights to start from that cannot be read.
        OSError: there is no room for a checkpoint in the system's temporary folder.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_train_config(config, settings)
    if config.gpus > 1 and launched() is None:
        return _on_gpus(config, largest_batch, json)
    with joined(config.device, config.peer_timeout) as here:
        printed = (console or new_console()) if here.leads else silent_console()
        meanwhile = new_console(stderr=True) if json and here.leads else printed
        result = estimate_training(config, meanwhile, largest_batch=largest_batch)
        if json:
            say(printed, *json_format.dumps(result.as_dict(), indent=1, allow_nan=False).splitlines())
        else:
            say(printed, *estimate_lines(result))
        return result


def _on_gpus(config: TrainConfig, largest_batch: bool, json: bool) -> Estimate:
    """Estimate in a process for each GPU."""
    from fastssl.distributed.launch import check_gpus, start

    check_gpus(config.gpus, config.device)
    settings = config.model_dump(exclude_unset=True)
    result: Estimate = start(config.gpus, _estimate_settings, settings, largest_batch, json)
    return result


def _estimate_settings(settings: dict[str, Any], largest_batch: bool, json: bool) -> Estimate:
    """What each process does; the class of a configuration, which is made as it is needed, cannot be sent to it."""
    return estimate(largest_batch=largest_batch, json=json, **settings)
