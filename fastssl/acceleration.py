"""What is switched on for this device, and why.

Covers: device, mixed precision, `torch.compile`, memory format; each with a one-line reason that is printed and saved.
Does not cover: using any of it (`engine.py`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch

from fastssl.errors import ConfigError

SMALLEST_BF16_IMAGE = 16
PREFETCH = 3


@dataclass(frozen=True)
class Choice:
    """A setting that was resolved: its value as text, and why it is so."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True)
class Acceleration:
    """How a step runs. `amp_dtype` None means full fp32."""

    device: torch.device
    amp_dtype: torch.dtype | None
    compile: bool
    choices: tuple[Choice, ...] = ()

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

    def autocast(self) -> AbstractContextManager[object]:
        """The autocast context of the forward pass."""
        if self.amp_dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.amp_dtype)


def accelerate(device: str = "auto", amp: bool | None = None, compile: bool | None = None) -> Acceleration:
    """Resolve the three requests (None and "auto" leave the choice to us).

    Raises:
        ConfigError: a CUDA device is asked for that is not there.
    """
    place, device_reason = auto_device(device)
    amp_dtype, amp_reason = auto_amp(place, amp)
    compiled, compile_reason = auto_compile(place, compile)
    if place.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = True
    choices = (
        Choice("device", str(place), device_reason),
        Choice("amp", "off" if amp_dtype is None else str(amp_dtype).removeprefix("torch."), amp_reason),
        Choice("compile", "on" if compiled else "off", compile_reason),
    )
    return Acceleration(place, amp_dtype, compiled, choices)


def avoid_small_bf16(acceleration: Acceleration, size: int) -> Acceleration:
    """fp32 in place of bf16 on a CPU for images of at most 16 pixels.

    There a strided convolution comes upon a 1x1 map, where oneDNN's bf16 weight gradient reads memory that nobody wrote
    (torch 2.14, AVX512-BF16; seen as NaN once that memory was poisoned). In fp32 it is right.
    """
    if acceleration.device.type != "cpu" or acceleration.amp_dtype is None or size > SMALLEST_BF16_IMAGE:
        return acceleration
    off = Choice(
        "amp", "off", f"bf16 gradients are not sound on a CPU for images of {SMALLEST_BF16_IMAGE} pixels or less"
    )
    choices = tuple(off if choice.name == "amp" else choice for choice in acceleration.choices)
    return replace(acceleration, amp_dtype=None, choices=choices)


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


def auto_amp(device: torch.device, request: bool | None) -> tuple[torch.dtype | None, str]:
    """bf16 where the hardware multiplies it, else fp16 on CUDA; fp32 where neither would be faster."""
    if request is False:
        return None, "as asked"
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "this GPU multiplies bf16"
        return torch.float16, "this GPU has no bf16: fp16 with a gradient scaler"
    if _cpu_multiplies_bf16():
        return torch.bfloat16, "this CPU multiplies bf16 (AVX512-BF16 or AMX)"
    if request:
        return torch.bfloat16, "as asked; this CPU emulates bf16, so fp32 would be faster"
    return None, "this CPU has no bf16 instructions"


def _cpu_multiplies_bf16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def auto_compile(device: torch.device, request: bool | None) -> tuple[bool, str]:
    """On CUDA; on a CPU oneDNN already runs the convolutions that fill a step, and compiling takes most of a minute."""
    if request is not None:
        return request, "as asked"
    if device.type == "cuda":
        return True, "fuses everything between the convolutions"
    return False, "on a CPU it costs most of a minute and gains little (bench/test_step.py)"
