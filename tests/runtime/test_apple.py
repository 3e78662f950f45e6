"""Apple's GPUs: when one is taken, and what is on there. No such GPU is needed; what runs on one is marked `mps`."""

from __future__ import annotations

import pytest
import torch

from fastssl.config import build
from fastssl.config.train import TrainConfig
from fastssl.errors import ConfigError
from fastssl.runtime import Runtime
from fastssl.runtime.resolve import auto_compile, auto_device, auto_precision, native_precisions, runtime_on

CPU, MPS = torch.device("cpu"), torch.device("mps")


def test_an_apple_gpu_is_not_taken_by_itself_but_named() -> None:
    device, reason = auto_device("auto", [], apple=True)
    assert device == CPU
    assert reason == "no CUDA device found; --device mps takes the Apple GPU (not yet run on an Apple GPU)"
    assert auto_device("auto", [], apple=False) == (CPU, "no CUDA device found")


def test_it_is_taken_when_asked_for_and_said_not_to_have_been_run() -> None:
    device, reason = auto_device("mps", [], apple=True)
    assert device == MPS
    assert "not yet run" in reason
    assert "--device cpu" in reason


def test_one_that_is_not_there_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError) as refused:
        auto_device("mps", ["a GPU"], apple=False)
    assert str(refused.value).splitlines()[-1].endswith("no Apple GPU was found; use --device cpu or auto")


def test_the_setting_takes_it_without_a_number() -> None:
    assert build(TrainConfig, {"device": "mps"}).device == "mps"
    with pytest.raises(ConfigError, match="give auto, cpu, mps, cuda or cuda:N"):
        build(TrainConfig, {"device": "mps:1"})


@pytest.mark.parametrize(
    ("amp", "precision", "chosen"),
    [
        (None, "auto", "fp32"),
        (True, "auto", "fp32"),
        (False, "auto", "fp32"),
        (None, "tf32", "fp32"),
        (None, "fp32", "fp32"),
        (None, "bf16", "bf16"),
        (None, "fp16", "fp16"),
    ],
)
def test_it_computes_in_fp32_unless_half_precision_is_named(amp: bool | None, precision: str, chosen: str) -> None:
    name, reason = auto_precision(MPS, amp, precision)
    assert name == chosen
    assert ("instead of --amp" in reason) is (amp is True)
    assert native_precisions(MPS) == set()


def test_nothing_is_compiled_unless_asked_for() -> None:
    assert auto_compile(MPS, None)[0] is False
    assert auto_compile(MPS, True) == (True, "as asked")


def test_a_run_on_it_names_every_choice() -> None:
    runtime = runtime_on(MPS, "a reason", deterministic=True)
    said = {setting.name: setting.value for setting in runtime.reasons}
    assert said.pop("threads") == str(torch.get_num_threads())
    assert said == {"device": "mps", "precision": "fp32", "compile": "off", "determinism": "on"}
    assert not runtime.cuda_graphs
    assert runtime.amp_dtype is None


def test_float64_is_solved_on_the_cpu_and_batches_are_made_ahead() -> None:
    runtime = Runtime(device=MPS, precision="fp32", compile=False)
    assert runtime.solver_device == CPU
    assert runtime.prefetch > 0
    assert Runtime(device=CPU, precision="fp32", compile=False).prefetch == 0


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_torch_has_the_autocast_and_the_scaler_that_are_asked_for(precision: str) -> None:
    runtime = Runtime(device=MPS, precision=precision, compile=False)
    assert torch.amp.is_autocast_available("mps")
    with runtime.autocast():
        assert torch.is_autocast_enabled("mps")
        assert torch.get_autocast_dtype("mps") is runtime.amp_dtype
    assert not torch.amp.GradScaler("mps", enabled=False).is_enabled()
