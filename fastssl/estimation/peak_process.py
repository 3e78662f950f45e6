"""The peak memory of a few training steps, in a process that does nothing else.

Covers: starting such a process (`peak_of`), what it does (`main`). Does not cover: which batch sizes are tried
(`host_batches.py`).

Peaks of one process after the other are clean: within one process libraries keep memory of the batch before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastssl.config.train import TrainConfig
from fastssl.console import silent_console
from fastssl.errors import FastSSLError
from fastssl.memory import peak_memory
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import usual_torch_state
from fastssl.stages.registry import train_config
from fastssl.threads import use_threads
from fastssl.training.build import build_run
from fastssl.training.inputs import open_data, open_runtime
from fastssl.training.timed_steps import step_kinds, time_steps

MOST_STEPS = 8
"""That are done after the first of each kind, while some kind has come only once: the second has the optimiser's state
as well."""
PATIENCE = 300.0
"""Seconds that a process may take."""

_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from fastssl.estimation.peak_process import main; main()"
"""With the paths of this process: `python -m` would look into the current folder first."""

Line = Sequence[str]


class PeakError(FastSSLError):
    """A batch size of which no peak was measured, and why."""


def peak_of(config: TrainConfig, follows: EncoderSpec | None, *, program: Line | None = None) -> int:
    """Measure the peak memory of a training, without anything that is not part of it.

    Args:
        config: of one stage.
        follows: the encoder whose weights it starts from, where `config.init` is not there yet.
        program: the command line to run; None: this Python's.

    Returns:
        Bytes of the whole process.

    Raises:
        PeakError: the process did not get that far: the batch cannot be trained on, or took too much time or memory.
    """
    settings = {name: getattr(config, name) for name in config.model_fields_set - {"recipe", "out", "resume"}}
    asked = {
        "settings": {**settings, "stage": config.stage, "data": config.data},
        "recipe": config.recipe,
        "follows": None if follows is None else asdict(follows),
    }
    line = [sys.executable, "-c", _PROGRAM, *sys.path] if program is None else program
    try:
        done = subprocess.run(
            line, input=json.dumps(asked, default=str), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise PeakError(f"three steps took longer than {PATIENCE / 60:g} minutes") from None
    try:
        told = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        told = {"error": f"its process ended with status {done.returncode}"}
    if "error" in told:
        raise PeakError(told["error"])
    return int(told["peak"])


def main() -> None:
    """Read what is asked for from standard input, train a few steps, and print the peak as JSON."""
    try:
        told: dict[str, Any] = {"peak": measured_peak(json.load(sys.stdin))}
    except FastSSLError as error:
        told = {"error": str(error)}
    except (MemoryError, RuntimeError) as error:
        told = {"error": f"out of memory, or a fault of a library ({(str(error) or 'MemoryError').splitlines()[0]})"}
    print(json.dumps(told))


@usual_torch_state()
def measured_peak(asked: Mapping[str, Any]) -> int | None:
    """Train a few steps in this process.

    Args:
        asked: the settings, the recipe and the encoder before, as `peak_of` writes them.

    Returns:
        The peak of this process since it began, in bytes; None where the system does not say.

    Raises:
        FastSSLError: settings or data that cannot be used.
    """
    config = train_config(asked["settings"]).model_copy(update={"recipe": asked["recipe"]})
    follows = None if asked["follows"] is None else EncoderSpec(**asked["follows"])
    with use_threads(config.threads_to_use):
        runtime = open_runtime(config)
        source = open_data(config.model_copy(update={"quiet": True}), silent_console(), Path())
        run = build_run(config, source, runtime, follows=follows)
        with run.open() as engine:
            kinds = step_kinds(run, len(engine.loader))
            time_steps(engine, kinds, lambda times: times.complete or times.count >= MOST_STEPS, 0.0)
        return peak_memory()
