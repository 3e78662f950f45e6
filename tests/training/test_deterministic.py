"""`--deterministic`: equal bits whatever the threads and the batches made ahead, and what it sets on a GPU."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

from fastssl.errors import ConfigError
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.runtime.resolve import runtime_on
from fastssl.stages.registry import train_config
from fastssl.threads import use_threads
from fastssl.training.train import train_stage


def trained(out: Path, data: Path, stage: str) -> tuple[bytes, str]:
    """The bytes of a deterministic run's encoder, and what the run printed."""
    console = Console(file=io.StringIO(), width=100)
    settings = {"stage": stage, "encoder": "test_resnet", "batch_size": 16, "device": "cpu", "steps": 6}
    train_stage(train_config({**settings, "data": str(data), "out": out, "deterministic": True}), console)
    return (out / "encoder.safetensors").read_bytes(), console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("stage", ["moco", "simclr", "vae"])
def test_threads_and_batches_made_ahead_change_no_bit(
    tmp_path: Path, grey_npz: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with use_threads(1):
        plain, told = trained(tmp_path / "plain", grey_npz, stage)
    monkeypatch.setattr(Runtime, "prefetch", 3)
    with use_threads(2):
        other, _ = trained(tmp_path / "other", grey_npz, stage)
        assert torch.get_num_threads() == 2  # the run's single thread is its own affair
    assert other == plain
    assert yaml.safe_load((tmp_path / "other" / "config.yaml").read_text())["threads"] == 1
    assert "another kind of processor" in " ".join(told.split())


def test_more_threads_than_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="deterministic and threads=2 both given"):
        train_config({"deterministic": True, "threads": 2})
    assert train_config({"deterministic": True}).threads_to_use == 1
    assert train_config({"threads": 3}).threads_to_use == 3


def test_a_gpu_is_said_to_warn_where_it_has_no_such_algorithm() -> None:
    reasons = runtime_on(torch.device("cuda"), "here", precision="fp32", compile=False, deterministic=True).reasons
    assert ["it warns where it has none" in one.reason for one in reasons if one.name == "determinism"] == [True]


def test_a_cpu_run_leaves_torchs_switches_alone() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    resolve_runtime("cpu", deterministic=True)
    assert torch.are_deterministic_algorithms_enabled() == before
