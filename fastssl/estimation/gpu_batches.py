"""The largest batch that fits into a GPU's memory, by trying.

Covers: doubling and bisecting, a trial of some steps, giving the memory back. Does not cover: CPUs
(`host_batches.py`). Not yet run on a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import torch

from fastssl.config.train import TrainConfig
from fastssl.data import Source
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import Runtime
from fastssl.training.build import build_run
from fastssl.training.timed_steps import step_kinds, time_steps

from .batch_sizes import FINENESS, largest_that_fits
from .measure import release
from .result import LargestBatch

MOST_SECONDS = 120.0
"""After which no further batch is tried."""
MOST_STEPS = 4
"""Of a trial, after the first of each kind."""


def largest_on_gpu(
    config: TrainConfig, source: Source, runtime: Runtime, follows: EncoderSpec | None = None
) -> LargestBatch:
    """Find the largest batch that fits, by steps with larger and larger ones.

    Args:
        config: of one stage.
        source: the data.
        runtime: of a CUDA device. Trials are not compiled: each would compile for a minute.
        follows: the encoder whose weights it starts from, where `config.init` is not there yet.

    Returns:
        What was found.
    """
    images = len(source.splits["train"])
    eager = replace(runtime, compile=False)
    began = time.monotonic()
    found, more = largest_that_fits(
        lambda batch: fits_on_gpu(config.model_copy(update={"batch_size": batch}), source, eager, follows),
        config.batch_size,
        images,
        lambda: time.monotonic() - began < MOST_SECONDS,
    )
    how = "tried without compilation" if runtime.compile else "tried"
    if found is None:
        return LargestBatch(images=None, limit="memory", method="tried", reason=f"not even 2 images fit, {how}")
    if found == images:
        return LargestBatch(images=found, limit="images", method="tried", reason=f"all training images, {how}")
    if more:
        why = f"larger ones were not tried within {MOST_SECONDS / 60:g} minutes"
        return LargestBatch(images=found, limit="search", method="tried", reason=f"{how}; {why}")
    return LargestBatch(
        images=found, limit="memory", method="tried", reason=f"{how}; it may be up to {FINENESS:.0%} larger"
    )


def fits_on_gpu(config: TrainConfig, source: Source, runtime: Runtime, follows: EncoderSpec | None) -> bool:
    """Try whether some steps of a run fit into the GPU's memory, which is free again afterwards.

    Args:
        config: of one stage.
        source: the data.
        runtime: of a CUDA device.
        follows: as of `largest_on_gpu`.

    Returns:
        Whether they do; False as well for a batch that the stage refuses.
    """
    try:
        _some_steps(config, source, runtime, follows)
    except ConfigError:
        return False
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        release(runtime.device)
    return True


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether a GPU's memory did not suffice; cuDNN and cuBLAS say so in errors without a class of their own."""
    signs = ("out of memory", "alloc_failed")
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error).lower() for sign in signs)


def _some_steps(config: TrainConfig, source: Source, runtime: Runtime, follows: EncoderSpec | None) -> None:
    """In a function of its own, so that nothing of the run is held when its memory is given back."""
    run = build_run(config, source, runtime, follows=follows)
    with run.open() as engine:
        kinds: Callable[[int], Hashable] = step_kinds(run, len(engine.loader))
        enough: Callable[[Any], bool] = lambda times: times.complete or times.count >= MOST_STEPS  # noqa: E731
        time_steps(engine, kinds, enough, 0.0)
