"""What is switched on for this device, and why.

Covers: device, precision, `torch.compile`, threads, how a network is laid out there; each choice with a one-line reason
that is printed and saved. Does not cover: using any of it (`engine.py`), setting threads (`fastssl.threads`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from fastssl.errors import ConfigError
from fastssl.models.small_maps import use_small_maps
from fastssl.threads import thread_policy

PREFETCH = 3

OLDEST_FP16 = (7, 0)
"""Compute capability from which a GPU multiplies fp16 in tensor cores."""

DTYPES: dict[str, torch.dtype | None] = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None, "tf32": None}
"""Name of a precision -> the dtype that autocast computes in; None: no autocast."""

FULL_PRECISION = "as asked: full single precision, TF32 off"

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class ResolvedSetting:
    """A setting that was resolved: its value as text, and why it is so."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True)
class Runtime:
    """How a step runs. `amp_dtype` None means fp32. graphs: whole steps are replayed from CUDA graphs."""

    device: torch.device
    amp_dtype: torch.dtype | None
    compile: bool
    choices: tuple[ResolvedSetting, ...] = ()
    graphs: bool = False

    @property
    def precision(self) -> str:
        """The name of the precision, as `--precision` takes it, to run the same way again."""
        named = next((choice.value for choice in self.choices if choice.name == "precision"), None)
        return named or next(name for name, dtype in DTYPES.items() if dtype == self.amp_dtype)

    @property
    def compute_dtype(self) -> torch.dtype:
        """The dtype that batches and the queue are kept in."""
        return self.amp_dtype or torch.float32

    @property
    def needs_scaler(self) -> bool:
        """fp16 gradients underflow without loss scaling; bf16 has fp32's range."""
        return self.amp_dtype is torch.float16

    @property
    def prefetch(self) -> int:
        """Batches that a loader's threads make ahead; none on a CPU, where the training thread makes them itself.

        There a second thread that uses OpenMP makes every parallel region of the first one slower: a step took 165 to
        195 ms without such threads and 240 to 310 with them, while a batch takes 4 (ResNet-18, 28 px, 2 cores).
        """
        return PREFETCH if self.device.type == "cuda" else 0

    def place(self, module: ModuleT) -> ModuleT:
        """Move a network to the device, in place: channels-last, its convolutions fit for maps of a few pixels.

        Channels-last on a CPU too: there the first convolution of a ResNet-18 at 28 px takes 2.2 ms and not 10.7, the
        others as long as row-major (fp32, batch 128, one thread of an AMD EPYC of family 26).
        """
        module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        use_small_maps(module)
        return module

    def autocast(self) -> AbstractContextManager[object]:
        """The autocast context of the forward pass."""
        if self.amp_dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.amp_dtype)


def resolve_runtime(
    device: str = "auto",
    amp: bool | None = None,
    compile: bool | None = None,
    precision: str = "auto",
    threads: int | None = None,
) -> Runtime:
    """Resolve the requests (None and "auto" leave the choice to us).

    Args:
        threads: how many were asked for, if any; they are on already (`fastssl.threads.use_threads`).

    Raises:
        ConfigError: a CUDA device is asked for that is not there.
    """
    place, device_reason = auto_device(device)
    name, precision_reason = auto_precision(place, amp, precision)
    compiled, compile_reason = auto_compile(place, compile)
    choices = [ResolvedSetting("device", str(place), device_reason)]
    if place.type == "cuda":
        torch.backends.cudnn.benchmark = True
        _allow_tf32(name != "fp32")
    else:
        choices.append(
            ResolvedSetting("threads", str(torch.get_num_threads()), "as asked" if threads else thread_policy())
        )
    choices += [
        ResolvedSetting("precision", name, precision_reason),
        ResolvedSetting("compile", _switch(compiled), compile_reason),
    ]
    graphs = compiled and place.type == "cuda"
    if graphs:
        choices.append(ResolvedSetting("cuda_graph", "on", "a replayed step costs the host one launch"))
    return Runtime(place, DTYPES[name], compiled, tuple(choices), graphs)


def auto_device(request: str) -> tuple[torch.device, str]:
    """CUDA where there is one."""
    if request == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device()), torch.cuda.get_device_name()
        return torch.device("cpu"), "no CUDA device found"
    device = torch.device(request)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = "no CUDA device was found" if count == 0 else f"only {count} CUDA device(s) were found"
            raise ConfigError([f"device={request!r}: {found}; use --device cpu or auto"])
        return torch.device("cuda", device.index or 0), torch.cuda.get_device_name(device)
    return device, "as asked"


def auto_precision(device: torch.device, amp: bool | None, precision: str) -> tuple[str, str]:
    """(name, why) of the precision: as named, else mixed where the hardware multiplies it, else fp32.

    `amp` never makes a run slower: a CPU without bf16 instructions takes 7 to 10 times as long to emulate them (AMD
    EPYC with AVX2), so that emulation has to be asked for by name.
    """
    if precision != "auto":
        return precision, _reason_as_asked(device, precision)
    if amp is False:
        return "fp32", FULL_PRECISION
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", "this GPU multiplies bf16"
        if torch.cuda.get_device_capability(device) >= OLDEST_FP16:
            return "fp16", "this GPU has no bf16: fp16 with a gradient scaler"
        return "fp32", f"{_not_mixed(amp)}this GPU multiplies neither bf16 nor fp16 faster"
    if _cpu_multiplies_bf16():
        return "bf16", "this CPU multiplies bf16 (AVX512-BF16 or AMX)"
    return "fp32", f"{_not_mixed(amp)}this CPU has no bf16 instructions; --precision bf16 would emulate them, slowly"


def _reason_as_asked(device: torch.device, precision: str) -> str:
    if precision == "bf16" and device.type == "cpu" and not _cpu_multiplies_bf16():
        return "as asked; this CPU emulates bf16: fp32 would be faster"
    return FULL_PRECISION if precision == "fp32" else "as asked"


def _not_mixed(amp: bool | None) -> str:
    return "in place of --amp: " if amp else ""


def _allow_tf32(allowed: bool) -> None:
    """For products and convolutions alike, so that "fp32" means one thing."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def _switch(on: bool) -> str:
    return "on" if on else "off"


def _cpu_multiplies_bf16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def auto_compile(device: torch.device, request: bool | None) -> tuple[bool, str]:
    """On CUDA; on a CPU oneDNN already runs the convolutions that fill a step, and compiling takes most of a minute."""
    if request is not None:
        return request, "as asked"
    if device.type == "cuda":
        return True, "fuses everything between the convolutions"
    return False, "on a CPU it costs most of a minute and gains little (bench/test_step.py)"
