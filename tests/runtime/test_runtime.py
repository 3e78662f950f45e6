"""Device, precision and compilation: what is chosen on this machine, and what is refused."""

from __future__ import annotations

import pytest
import torch

from fastssl.errors import ConfigError
from fastssl.models.small_maps import SmallMapConv2d
from fastssl.runtime import Runtime, resolve
from fastssl.runtime.resolve import (
    auto_compile,
    auto_device,
    auto_precision,
    native_precisions,
    resolve_runtime,
    runtime_on,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


@no_gpu
def test_without_a_gpu_the_cpu_is_chosen_and_a_gpu_refused() -> None:
    assert auto_device("auto", apple=False) == (CPU, "no CUDA device found")
    with pytest.raises(ConfigError, match="no CUDA device was found; use --device cpu or auto"):
        auto_device("cuda")


def test_a_gpu_beyond_the_last_is_refused() -> None:
    gpus = ["a GPU", "another"]
    assert auto_device("cuda", gpus) == (CUDA, "a GPU")
    assert auto_device("cuda:1", gpus) == (torch.device("cuda", 1), "another")
    assert auto_device("cpu", gpus) == (CPU, "as asked")
    with pytest.raises(ConfigError, match=r"only 2 CUDA device\(s\) were found"):
        auto_device("cuda:2", gpus)


@pytest.mark.gpu
def test_a_gpu_that_is_there_is_chosen_by_itself() -> None:
    assert auto_device("auto") == (torch.device("cuda", torch.cuda.current_device()), torch.cuda.get_device_name())


@pytest.mark.parametrize(
    ("native", "amp", "precision", "chosen"),
    [
        (True, None, "auto", "bf16"),
        (True, True, "auto", "bf16"),
        (True, False, "auto", "fp32"),
        (True, True, "fp32", "fp32"),
        (False, None, "auto", "fp32"),
        (False, True, "auto", "fp32"),
        (False, False, "auto", "fp32"),
        (False, None, "bf16", "bf16"),
        (False, None, "fp16", "fp16"),
    ],
)
def test_a_cpu_takes_bf16_where_it_multiplies_it_or_it_is_named(
    native: bool, amp: bool | None, precision: str, chosen: str
) -> None:
    assert auto_precision(CPU, amp, precision, {"bf16"} if native else ())[0] == chosen


def test_it_says_that_mixed_precision_was_asked_for_in_vain() -> None:
    assert "instead of --amp" in auto_precision(CPU, True, "auto", ())[1]
    assert "instead of --amp" not in auto_precision(CPU, None, "auto", ())[1]
    assert "emulates" in auto_precision(CPU, None, "bf16", ())[1]
    assert "emulates" not in auto_precision(CPU, None, "bf16", {"bf16"})[1]


@pytest.mark.parametrize(
    ("supported", "capability", "native", "chosen"),
    [
        (True, (9, 0), {"bf16", "fp16"}, "bf16"),
        (False, (7, 5), {"fp16"}, "fp16"),
        (False, (7, 0), {"fp16"}, "fp16"),
        (False, (6, 1), set(), "fp32"),
    ],
)
def test_a_gpu_takes_bf16_or_else_fp16_or_else_neither(
    monkeypatch: pytest.MonkeyPatch, supported: bool, capability: tuple[int, int], native: set[str], chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert native_precisions(CUDA) == native
    assert auto_precision(CUDA, None, "auto")[0] == auto_precision(CUDA, True, "auto")[0] == chosen
    assert auto_precision(CUDA, False, "auto")[0] == "fp32"
    assert auto_precision(CUDA, None, "tf32")[0] == "tf32"


@pytest.mark.parametrize(
    ("limits", "native"),
    [
        ({}, {"bf16"}),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, set()),
        ({"ONEDNN_MAX_CPU_ISA": "avx512_core"}, set()),
        ({"DNNL_MAX_CPU_ISA": "AVX2"}, set()),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, {"bf16"}),
        ({"ONEDNN_MAX_CPU_ISA": "DEFAULT", "DNNL_MAX_CPU_ISA": "AVX2"}, {"bf16"}),
    ],
)
def test_a_cpu_that_is_held_to_fewer_instructions_has_no_bf16(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], native: set[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    assert native_precisions(torch.device("cpu")) == native


def test_single_precision_is_one_thing_for_products_and_convolutions() -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        for allowed in (True, False):
            resolve._allow_tf32(allowed)
            assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is allowed
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def test_whole_steps_are_replayed_where_they_are_compiled_on_cuda() -> None:
    assert not runtime_on(CPU, "as asked", compile=True).cuda_graphs
    for compiled in (True, False):
        chosen = runtime_on(CUDA, "a GPU", compile=compiled, precision="bf16")
        assert chosen.cuda_graphs is compiled
        assert ("cuda_graph" in {setting.name for setting in chosen.reasons}) is compiled


def test_a_network_is_placed_channels_last_with_convolutions_for_small_maps_under_the_same_keys() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(4, 4, 3, groups=4))
    keys = list(network.state_dict())
    placed = resolve_runtime("cpu", amp=False).place(network)
    assert placed is network
    assert list(network.state_dict()) == keys
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert {type(part) for part in network} == {SmallMapConv2d}


def test_compilation_is_for_gpus_unless_asked_for() -> None:
    assert [auto_compile(device, None)[0] for device in (CPU, CUDA)] == [False, True]
    assert [auto_compile(CPU, request)[0] for request in (True, False)] == [True, False]


def test_everything_that_is_resolved_comes_with_a_reason() -> None:
    chosen = resolve_runtime("cpu", compile=False, precision="bf16")
    assert [(setting.name, setting.value) for setting in chosen.reasons] == [
        ("device", "cpu"),
        ("threads", str(torch.get_num_threads())),
        ("precision", "bf16"),
        ("compile", "off"),
    ]
    assert all(setting.reason and "\n" not in setting.reason for setting in chosen.reasons)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_autocast_computes_in_the_chosen_dtype(precision: str) -> None:
    chosen = resolve_runtime("cpu", precision=precision)
    with chosen.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == chosen.compute_dtype == (torch.bfloat16 if precision == "bf16" else torch.float32)
    assert chosen.precision == precision


@pytest.mark.parametrize(("precision", "needed"), [("fp32", False), ("tf32", False), ("bf16", False), ("fp16", True)])
def test_only_fp16_needs_a_gradient_scaler(precision: str, needed: bool) -> None:
    assert Runtime(device=CUDA, precision=precision, compile=False).needs_scaler is needed
