"""Device, precision and compilation: what is chosen on this machine, and what is refused."""

from __future__ import annotations

import pytest
import torch

from fastssl import acceleration
from fastssl.acceleration import accelerate, auto_amp, auto_compile, auto_device, avoid_small_bf16
from fastssl.errors import ConfigError

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


@no_gpu
def test_without_a_gpu_the_cpu_is_chosen_and_a_gpu_refused() -> None:
    assert auto_device("auto") == (CPU, "no CUDA device found")
    with pytest.raises(ConfigError, match="no CUDA device was found; use --device cpu or auto"):
        auto_device("cuda")


def test_a_gpu_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "a GPU")
    assert auto_device("cuda") == (CUDA, "a GPU")
    assert auto_device("cuda:1")[0] == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match=r"only 2 CUDA device\(s\) were found"):
        auto_device("cuda:2")


@pytest.mark.parametrize(
    ("native", "request_", "dtype"),
    [
        (True, None, torch.bfloat16),
        (True, True, torch.bfloat16),
        (True, False, None),
        (False, None, None),
        (False, True, torch.bfloat16),
        (False, False, None),
    ],
)
def test_a_cpu_takes_bf16_where_it_multiplies_it_or_is_asked_to(
    monkeypatch: pytest.MonkeyPatch, native: bool, request_: bool | None, dtype: torch.dtype | None
) -> None:
    monkeypatch.setattr(acceleration, "_cpu_multiplies_bf16", lambda: native)
    assert auto_amp(CPU, request_)[0] == dtype


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_takes_bf16_or_else_fp16(monkeypatch: pytest.MonkeyPatch, native: bool, dtype: torch.dtype) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert auto_amp(CUDA, None)[0] == dtype
    assert auto_amp(CUDA, False)[0] is None


def test_tiny_images_are_not_trained_in_bf16_on_a_cpu() -> None:
    asked = accelerate("cpu", amp=True)
    assert avoid_small_bf16(asked, 17) is asked
    tiny = avoid_small_bf16(asked, 16)
    assert tiny.amp_dtype is None
    assert next(choice.value for choice in tiny.choices if choice.name == "amp") == "off"


def test_compilation_is_for_gpus_unless_asked_for() -> None:
    assert [auto_compile(device, None)[0] for device in (CPU, CUDA)] == [False, True]
    assert [auto_compile(CPU, request)[0] for request in (True, False)] == [True, False]


def test_every_choice_comes_with_a_reason() -> None:
    chosen = accelerate("cpu", amp=True, compile=False)
    assert [(choice.name, choice.value) for choice in chosen.choices] == [
        ("device", "cpu"),
        ("amp", "bfloat16"),
        ("compile", "off"),
    ]
    assert all(choice.reason and "\n" not in choice.reason for choice in chosen.choices)


@pytest.mark.parametrize("amp", [False, True])
def test_autocast_computes_in_the_chosen_dtype(amp: bool) -> None:
    chosen = accelerate("cpu", amp=amp)
    with chosen.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == chosen.compute_dtype == (torch.bfloat16 if amp else torch.float32)


@pytest.mark.parametrize(("dtype", "needed"), [(None, False), (torch.bfloat16, False), (torch.float16, True)])
def test_only_fp16_needs_a_gradient_scaler(dtype: torch.dtype | None, needed: bool) -> None:
    assert acceleration.Acceleration(CUDA, dtype, compile=False).needs_scaler is needed
