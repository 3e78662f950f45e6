"""What is chosen automatically on this machine, and why: as a training would choose it.

Covers: device, precision, compilation, the executor, kernels, the compiler of C++. Does not cover: choosing
(`fastssl.runtime`, `fastssl.pipelines`, `fastssl.kernels`). PyTorch is imported here; where that fails there is nothing
to choose.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fastssl.errors import ConfigError

from .facts import Switch, Threads

if TYPE_CHECKING:
    from fastssl.runtime import Runtime

TRITON_KERNELS = {
    "ema_update_": False,
    "info_nce": True,
    "masked_mse": False,
    "nt_xent": True,
    "transform_pixels": False,
}
"""Public functions that have a Triton kernel -> whether it multiplies matrices."""
TORCH_KERNELS = ("grouped_batch_norm", "small_map_conv2d")
"""Public functions that are made of PyTorch's operations on every device."""

COMPILERS = ("c++", "g++", "clang++")


def usual_runtime() -> Runtime:
    """Resolve everything as a training without options would; nothing is changed.

    Returns:
        The runtime.
    """
    from fastssl.runtime.resolve import auto_device, runtime_on

    return runtime_on(*auto_device("auto"))


def find_threads() -> Threads:
    """Ask PyTorch how many threads it uses.

    Returns:
        Their number, and why.
    """
    import torch

    from fastssl.threads import thread_policy

    return Threads(count=torch.get_num_threads(), reason=thread_policy())


def find_switches(runtime: Runtime) -> tuple[Switch, ...]:
    """List what is chosen automatically.

    Args:
        runtime: of this machine.

    Returns:
        Device, precision, compilation and executor.
    """
    from fastssl.pipelines.executors.executor import choose

    chosen = choose("auto", runtime.device)
    listed = [Switch(name=one.name, value=one.value, reason=one.reason) for one in runtime.reasons]
    listed = [one for one in listed if one.name != "threads"]  # told with the processor
    return (*listed, Switch(name="executor", value=chosen.name, reason=chosen.reason))


def find_kernels(runtime: Runtime) -> tuple[Switch, ...]:
    """List which implementation of every kernel runs on a device, in its precision.

    Args:
        runtime: of this machine.

    Returns:
        "triton" or "torch", by public name.
    """
    return tuple(_kernels(runtime))


def find_compiler(runtime: Runtime, *, tried: bool, environment: Mapping[str, str] | None = None) -> Switch:
    """Look for what `torch.compile` needs.

    Args:
        runtime: of this machine.
        tried: compile a sum as well, which takes some seconds.
        environment: variables; None for those of this process.

    Returns:
        The compiler's name, or "none"; with Python's headers, and what came of trying.
    """
    given = os.environ if environment is None else environment
    named = given.get("CXX")
    found = next((name for name in ((named,) if named else COMPILERS) if shutil.which(name)), None)
    headers = Path(sysconfig.get_paths()["include"], "Python.h").is_file()
    facts = "Python's headers are there" if headers else "Python's headers are missing (python3-dev)"
    facts = f"{facts}; {_tried(runtime) if tried else 'not tried: fastssl doctor --compile tries it'}"
    return Switch(name="compiler", value=Path(found).name if found else "none", reason=facts)


def _kernels(runtime: Runtime) -> Iterator[Switch]:
    import torch

    from fastssl.kernels.dispatch import runs_triton, triton_problem

    probe = torch.empty(1, device=runtime.device, dtype=runtime.compute_dtype)
    problem = triton_problem(runtime.device) if probe.is_cuda else "Triton needs a CUDA device"
    for name, products in TRITON_KERNELS.items():
        if runs_triton("auto", probe, products=products):
            yield Switch(name=name, value="triton", reason=f"on {runtime.device}")
        else:
            exact = "single precision is multiplied exactly, which cuBLAS does better"
            yield Switch(name=name, value="torch", reason=problem or exact)
    for name in TORCH_KERNELS:
        yield Switch(name=name, value="torch", reason="made of PyTorch's operations on every device")


def _tried(runtime: Runtime) -> str:
    from dataclasses import replace

    from fastssl.training.compilation import check_compiler

    began = time.monotonic()
    try:
        check_compiler(replace(runtime, compile=True))
    except ConfigError as error:
        return str(error)
    return f"torch.compile works: a sum took {time.monotonic() - began:.0f} s"
