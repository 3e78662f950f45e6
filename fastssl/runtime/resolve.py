"""What is switched on for this device, and why.

Covers: device, precision, `torch.compile`, each with a one-line reason that is printed and saved. Does not cover: what
follows from them (`runtime.py`), setting threads (`fastssl.threads`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import torch

from fastssl.errors import ConfigError
from fastssl.instructions import without_bf16
from fastssl.runtime.runtime import ResolvedSetting, Runtime
from fastssl.threads import thread_policy

OLDEST_FP16 = (7, 0)
"""Compute capability from which a GPU multiplies fp16 in tensor cores."""

FULL_PRECISION = "as asked: full single precision, TF32 off"

CPU_BITS = "equal bits on every run, on one thread; another kind of processor or version of torch rounds otherwise"
APPLE_BITS = "equal bits are wanted; whether Apple's GPU gives them is not known: it has not been run"
CUDA_BITS = "equal bits on every run on this kind of GPU, where torch has such an algorithm; it warns where it has none"

BITS = {"cpu": CPU_BITS, "cuda": CUDA_BITS, "mps": APPLE_BITS}

NOT_RUN = "not yet run on an Apple GPU"


def resolve_runtime(
    device: str = "auto",
    amp: bool | None = None,
    compile: bool | None = None,
    precision: str = "auto",
    threads: int | None = None,
    *,
    deterministic: bool = False,
) -> Runtime:
    """Resolve what was asked for, and set torch's global switches for it: TF32, how algorithms are chosen.

    Args:
        device: "cpu", "mps", "cuda", "cuda:N", or "auto": CUDA where there is a GPU.
        amp: mixed precision where the hardware multiplies it faster; None: yes.
        compile: whether to compile; None: on CUDA.
        precision: a key of `DTYPES`, which is taken as it is, or "auto": as `amp` has it.
        threads: how many were asked for, if any; they are on already (`fastssl.threads.use_threads`).
        deterministic: choose algorithms that give equal bits on every run; the caller sees to a single thread.

    Returns:
        The runtime, with the reason of everything in it.

    Raises:
        ConfigError: a GPU is asked for that is not there.
    """
    place, reason = auto_device(device)
    runtime = runtime_on(place, reason, amp, compile, precision, threads, deterministic=deterministic)
    if place.type == "cuda":
        _choose_algorithms(deterministic)
        _allow_tf32(runtime.precision != "fp32")
    return runtime


def runtime_on(
    device: torch.device,
    reason: str,
    amp: bool | None = None,
    compile: bool | None = None,
    precision: str = "auto",
    threads: int | None = None,
    *,
    deterministic: bool = False,
) -> Runtime:
    """Resolve everything but the device, and change nothing.

    Args:
        device: that was chosen.
        reason: why.
        amp: as of `resolve_runtime`, and so are the others.
        compile: as above.
        precision: as above.
        threads: as above.
        deterministic: as above.

    Returns:
        The runtime, with the reason of everything in it.
    """
    name, precision_reason = auto_precision(device, amp, precision)
    compiled, compile_reason = auto_compile(device, compile)
    resolved = [("device", str(device), reason)]
    if device.type != "cuda":
        resolved.append(("threads", str(torch.get_num_threads()), "as asked" if threads else thread_policy()))
    resolved += [("precision", name, precision_reason), ("compile", "on" if compiled else "off", compile_reason)]
    if compiled and device.type == "cuda":
        resolved.append(("cuda_graph", "on", "a replayed step costs the host one launch"))
    if deterministic:
        resolved.append(("determinism", "on", BITS[device.type]))
    reasons = tuple(ResolvedSetting(name=name, value=value, reason=why) for name, value, why in resolved)
    return Runtime(device=device, precision=name, compile=compiled, reasons=reasons)


def auto_device(
    request: str, gpus: Sequence[str] | None = None, *, apple: bool | None = None
) -> tuple[torch.device, str]:
    """Choose the device: CUDA where there is a GPU, unless another one is named.

    An Apple GPU has to be asked for: no run has shown yet that its results are right.

    Args:
        request: "auto", "cpu", "mps", "cuda" or "cuda:N".
        gpus: the names of the CUDA GPUs; default: of those that torch finds here.
        apple: whether there is an Apple GPU; default: as torch finds it here.

    Returns:
        The device, and why.

    Raises:
        ConfigError: there is no such GPU.
    """
    gpus = _found_gpus() if gpus is None else gpus
    apple = torch.backends.mps.is_available() if apple is None else apple
    if request == "auto":
        if gpus:
            current = torch.cuda.current_device()
            return torch.device("cuda", current), gpus[current]
        offer = f"; --device mps takes the Apple GPU ({NOT_RUN})" if apple else ""
        return torch.device("cpu"), f"no CUDA device found{offer}"
    device = torch.device(request)
    if device.type == "mps":
        return _apple_gpu(apple)
    if device.type != "cuda":
        return device, "as asked"
    current = torch.cuda.current_device() if torch.cuda.is_available() else 0
    index = current if device.index is None else device.index
    if index >= len(gpus):
        found = f"only {len(gpus)} CUDA device(s) were found" if gpus else "no CUDA device was found"
        raise ConfigError([f"device={request!r}: {found}; use --device cpu or auto"])
    return torch.device("cuda", index), gpus[index]


def auto_precision(
    device: torch.device, amp: bool | None, precision: str, native: Collection[str] | None = None
) -> tuple[str, str]:
    """Choose the precision: as named, else mixed where the hardware multiplies it, else fp32.

    `amp` never makes a run slower: a CPU without bf16 instructions takes 7 to 10 times as long to emulate them (AMD
    EPYC with AVX2), so that emulation has to be asked for by name.

    Args:
        device: what computes.
        amp: whether mixed precision was asked for; None: it is left to us.
        precision: a key of `DTYPES`, or "auto".
        native: those of "bf16" and "fp16" that `device` multiplies itself; default: by `native_precisions`.

    Returns:
        A key of `DTYPES`, and why.
    """
    on_cpu = device.type == "cpu"
    if device.type == "mps":
        return _apple_precision(amp, precision)
    if precision == "fp32" or (precision == "auto" and amp is False):
        return "fp32", FULL_PRECISION
    if precision != "auto" and not (precision == "bf16" and on_cpu):
        return precision, "as asked"
    native = native_precisions(device) if native is None else native
    if precision == "bf16":
        return "bf16", "as asked" if "bf16" in native else "as asked; this CPU emulates bf16: fp32 would be faster"
    if "bf16" in native:
        return "bf16", "this CPU multiplies bf16 (AVX512-BF16 or AMX)" if on_cpu else "this GPU multiplies bf16"
    if "fp16" in native:
        return "fp16", "this GPU has no bf16: fp16 with a gradient scaler"
    instead = "instead of --amp: " if amp else ""
    if on_cpu:
        return "fp32", f"{instead}this CPU has no bf16 instructions; --precision bf16 would emulate them, slowly"
    return "fp32", f"{instead}this GPU multiplies neither bf16 nor fp16 faster"


def native_precisions(device: torch.device) -> set[str]:
    """Find out which of "bf16" and "fp16" a device multiplies without emulating it, and faster than fp32.

    Args:
        device: a CPU, or a GPU that is there.

    Returns:
        The names; of a CPU at most "bf16", of an Apple GPU none, since none was measured.
    """
    if device.type == "mps":
        return set()
    if device.type != "cuda":
        instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return {"bf16"} if instructions and not without_bf16(os.environ) else set()
    found = {"bf16"} if torch.cuda.is_bf16_supported(including_emulation=False) else set()
    return found | ({"fp16"} if torch.cuda.get_device_capability(device) >= OLDEST_FP16 else set())


def auto_compile(device: torch.device, request: bool | None) -> tuple[bool, str]:
    """Choose whether to compile steps: on CUDA, unless something else is asked for.

    On a CPU oneDNN already runs the convolutions that fill a step, and compiling takes most of a minute.

    Args:
        device: what computes.
        request: what was asked for; None: it is left to us.

    Returns:
        Whether to compile, and why.
    """
    if request is not None:
        return request, "as asked"
    if device.type == "cuda":
        return True, "fuses everything between the convolutions"
    if device.type == "mps":
        return False, f"torch.compile is a prototype there, and {NOT_RUN}"
    return False, "on a CPU it costs most of a minute and gains little (bench/step)"


def _apple_gpu(found: bool) -> tuple[torch.device, str]:
    """Return the Apple GPU, and what to know of it; ConfigError where there is none."""
    if not found:
        raise ConfigError(["device='mps': no Apple GPU was found; use --device cpu or auto"])
    return torch.device("mps"), f"as asked; {NOT_RUN}: check a first result against --device cpu"


def _apple_precision(amp: bool | None, precision: str) -> tuple[str, str]:
    """Choose fp32 on an Apple GPU, unless another precision is named; `amp` alone asks for what is known to be faster.

    Its autocast takes bf16 and fp16 (torch 2.14.1), but which of them is faster, or exact enough, is not yet measured.
    """
    if precision in ("bf16", "fp16"):
        return precision, f"as asked; {NOT_RUN}"
    if precision == "tf32":
        return "fp32", "instead of tf32, which only NVIDIA's GPUs have"
    if precision == "fp32" or amp is False:
        return "fp32", "as asked"
    instead = "instead of --amp: " if amp else ""
    return "fp32", f"{instead}mixed precision is {NOT_RUN}; --precision bf16 or fp16 asks for it"


def _found_gpus() -> list[str]:
    """Return the names of the GPUs that torch can use."""
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _allow_tf32(allowed: bool) -> None:
    """For products and convolutions alike, so that "fp32" means one thing."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def _choose_algorithms(deterministic: bool) -> None:
    """By speed, or by equal bits; cuBLAS reads its variable when it is first used, which is later than this."""
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.deterministic = deterministic
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
