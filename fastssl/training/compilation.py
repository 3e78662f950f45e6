"""Whether torch.compile can build anything here, and what is said where it cannot.

Covers: a trial before anything is written, one line in place of a compiler's output. Does not cover: what is compiled
(`step.py`), whether to compile (`fastssl.runtime`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fastssl.errors import ConfigError
from fastssl.runtime import Runtime


def check_compiler(runtime: Runtime) -> None:
    """Compile a sum, so that a missing compiler or header is told before a run begins.

    On a CPU that takes some seconds, of the minute that a step takes to compile.

    Args:
        runtime: whose device and backend are tried; nothing is done unless it compiles.

    Raises:
        ConfigError: nothing can be compiled here.
    """
    if not runtime.compile:
        return
    new = secrets.randbelow(1 << 30)  # so that no cache has it
    with compile_errors("install a C++ compiler, or give --no-compile"):
        torch.compile(lambda values: values * new + 1, backend=runtime.backend)(torch.ones(8, device=runtime.device))


@contextmanager
def compile_errors(advice: str) -> Iterator[None]:
    """Turn what a compiler raises inside the block into one line.

    Args:
        advice: what to do about it.

    Yields:
        Nothing.

    Raises:
        ConfigError: something could not be compiled.
    """
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import TorchDynamoException  # takes a second

        if not isinstance(error, TorchDynamoException):
            raise
        raise ConfigError([f"compile=True: torch.compile fails here ({_reason(error)}); {advice}"]) from error


def _reason(error: Exception) -> str:
    """The line of a compiler's output that says what is wrong: "fatal error: omp.h: No such file", or the first."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith("backend=")]
    worst = [line for line in told if "error: " in line]
    return (worst or told or [type(error).__name__])[0]
