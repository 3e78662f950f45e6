"""Which implementation runs, and how an operation is made known to torch.

Covers: the meaning of `impl=`, registration with torch.library, casting under autocast.
Does not cover: gradients; each operation has its own autograd.Function.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

# Volta and older have no bf16, and the partial kernels spill kilobytes of registers there (sm_70: 11.6 KB, measured
# with ptxas), so they run the reference.
OLDEST_CAPABILITY = (8, 0)


def interpreting() -> bool:
    """True where Triton runs its kernels in Python on the CPU (the variable is read when Triton is imported)."""
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


def runs_triton(impl: str, *tensors: Tensor, products: bool = False) -> bool:
    """Resolve `impl` for these operands.

    "auto" is Triton for half and single precision on a CUDA device of compute capability 8.0 or newer, else torch; for
    an operation that multiplies matrices (`products`), single precision must be allowed on tensor cores
    (`float32_is_exact`), because without them cuBLAS is the better way.
    Raises ValueError if "triton" is asked for where it cannot run, TypeError for float64 operands.
    """
    if impl == "torch":
        return False
    double = any(tensor.dtype == torch.float64 for tensor in tensors)
    problem = triton_problem(tensors[0].device)
    if impl == "auto":
        exact = products and all(tensor.dtype == torch.float32 for tensor in tensors) and float32_is_exact()
        return tensors[0].is_cuda and not double and not exact and problem is None
    if double:
        raise TypeError("impl='triton' takes float32, bfloat16 and float16, got float64: use impl='torch'")
    if problem is not None:
        raise ValueError(f"impl='triton' cannot run: {problem}")
    return True


def float32_is_exact() -> bool:
    """True where float32 products must not be rounded to tf32 on CUDA: what cuBLAS itself would do.

    `torch.backends.cuda.matmul.fp32_precision` says so however it was set: by `set_float32_matmul_precision`, by
    `allow_tf32`, or by itself. The older `torch.get_float32_matmul_precision()` raises after the last of these.
    """
    return torch.backends.cuda.matmul.fp32_precision != "tf32"


def triton_problem(device: torch.device) -> str | None:
    """Why Triton cannot run on a device, in a few words; None where it can."""
    if not _triton_is_installed():
        return "the package triton is not installed"
    if device.type == "cuda":
        return _capability_problem(device)
    return None if interpreting() else f"the tensors are on {device}, and Triton needs a CUDA device"


# Both are asked before every call of an operation, and neither changes while a process runs.
@cache
def _triton_is_installed() -> bool:
    return importlib.util.find_spec("triton") is not None


@cache
def _capability_problem(device: torch.device) -> str | None:
    capability = torch.cuda.get_device_capability(device)
    return None if capability >= OLDEST_CAPABILITY else f"compute capability {capability} is below 8.0"


def register_op(schema: str, run: Callable, fake: Callable) -> torch._ops.OpOverload:
    """Register `run` as `fastssl::<schema>` for every device and return the operator.

    `torch.compile` sees the operator as one opaque node whose shapes `fake` gives. Callers in eager mode call `run`
    itself: crossing the registration boundary costs more than some of these kernels take.
    """
    name = f"fastssl::{schema.partition('(')[0]}"
    torch.library.define(name, schema[schema.index("(") :])
    torch.library.impl(name, "default", run)
    torch.library.register_fake(name, fake)
    return getattr(torch.ops.fastssl, schema.partition("(")[0]).default


def autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Cast to the autocast dtype if autocast is on for the tensors' device; float64 stays as it is."""
    dtype = autocast_dtype(tensors[0].device.type)
    if dtype is None:
        return tensors
    return tuple(tensor if tensor.dtype == torch.float64 else tensor.to(dtype) for tensor in tensors)


def autocast_dtype(device: str) -> torch.dtype | None:
    """What autocast casts to on a kind of device; None where it is off, or on meta tensors."""
    if device == "meta" or not torch.is_autocast_enabled(device):
        return None
    return torch.get_autocast_dtype(device)


def on_device(tensor: Tensor) -> contextlib.AbstractContextManager:
    """Launch on the tensor's device: Triton launches on the current one, which need not be it."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else contextlib.nullcontext()
