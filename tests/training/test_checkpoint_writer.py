"""Checkpoints written while training goes on: of the moment they were taken, on disk when the block ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fastssl.errors import DivergenceError
from fastssl.training import checkpoint_writer
from fastssl.training.checkpoint import Checkpoint, load_newest
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.checkpoint_writer import CheckpointWriter
from fastssl.training.snapshot import Snapshot, take_snapshot


def of(step: int, weights: torch.Tensor) -> Checkpoint:
    return Checkpoint(step=step, tensors={"stage": {"count": torch.tensor(step), "w": weights}}, state={"step": step})


class Gate:
    """Stands for a slow disk: nothing is written until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()

    def __call__(self, *given: object, **named: object) -> Path:
        self.reached.set()
        assert self.opened.wait(30)
        return REAL(*given, **named)  # type: ignore[arg-type]


REAL = checkpoint_writer.save_checkpoint


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr(checkpoint_writer, "save_checkpoint", made)
    yield made
    made.opened.set()


@pytest.fixture
def writer(tmp_path: Path) -> CheckpointWriter:
    return CheckpointWriter(CheckpointPolicy(folder=tmp_path, keep=2))


def saved(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_of_the_moment_it_was_taken_and_on_disk_after_the_block(
    writer: CheckpointWriter, tmp_path: Path, gate: Gate
) -> None:
    weights = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
    with writer:
        writer.submit(of(1, weights))
        assert gate.reached.wait(30)
        weights += 1  # training goes on
        assert saved(tmp_path) == []
        gate.opened.set()
    loaded = load_newest(tmp_path)
    assert (loaded.step, loaded.state) == (1, {"step": 1})
    assert torch.equal(loaded.tensors["stage"]["w"], torch.zeros(2, 3, 4, 4))


def test_its_cost_is_what_it_took_from_the_steps(writer: CheckpointWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(*given: object) -> Path:
        begin = time.thread_time()
        while time.thread_time() - begin < 0.1:
            pass
        return REAL(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoint_writer, "save_checkpoint", compute)
    assert writer.cost == 0
    writer.write(of(1, torch.ones(1)))
    slow = writer.cost
    assert slow >= 0.1
    monkeypatch.setattr(checkpoint_writer, "save_checkpoint", REAL)
    writer.write(of(2, torch.ones(1)))
    assert 0 < writer.cost < slow


def test_the_next_one_waits_for_the_one_before(writer: CheckpointWriter, tmp_path: Path, gate: Gate) -> None:
    with writer:
        writer.submit(of(1, torch.ones(1)))
        threading.Timer(0.05, gate.opened.set).start()
        writer.submit(of(2, torch.ones(1)))
        assert "step-00000001" in saved(tmp_path)
        writer.submit(of(3, torch.ones(1)))
    assert saved(tmp_path) == ["step-00000002", "step-00000003"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_written_and_told_at_the_next_step(
    writer: CheckpointWriter, tmp_path: Path, bad: float
) -> None:
    writer.write(of(1, torch.ones(2)))
    writer.check()
    writer.submit(of(2, torch.tensor([1.0, bad])))
    assert writer.newest() == 1
    with pytest.raises(DivergenceError, match=r"^w is not finite after step 2; the checkpoint of step 1 is kept in "):
        writer.check()
    writer.check()  # told once
    assert saved(tmp_path) == ["step-00000001"]


@pytest.mark.parametrize("raised_at", ["check", "submit", "end"])
def test_a_disk_that_cannot_be_written_is_told_at_the_next_step_or_at_the_end(tmp_path: Path, raised_at: str) -> None:
    (tmp_path / "file").touch()
    writer = CheckpointWriter(CheckpointPolicy(folder=tmp_path / "file"))

    def train() -> None:
        with writer:
            writer.submit(of(1, torch.ones(1)))
            writer.newest()
            if raised_at == "check":
                writer.check()
            if raised_at == "submit":
                writer.submit(of(2, torch.ones(1)))

    with pytest.raises(OSError, match="File exists"):
        train()


def test_an_exception_lets_the_write_under_way_finish_and_stays_itself(
    writer: CheckpointWriter, tmp_path: Path, gate: Gate
) -> None:
    def train() -> None:
        with writer:
            writer.submit(of(1, torch.ones(1)))
            threading.Timer(0.05, gate.opened.set).start()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert saved(tmp_path) == ["step-00000001"]


def test_ctrl_c_gives_up_what_is_half_written_and_leaves_nothing_of_it(
    writer: CheckpointWriter, tmp_path: Path, gate: Gate
) -> None:
    gate.opened.set()
    writer.write(of(1, torch.ones(1)))
    gate.opened.clear()
    gate.reached.clear()

    def train() -> None:
        with writer:
            writer.submit(of(2, torch.ones(1)))
            assert gate.reached.wait(30)
            threading.Timer(0.05, gate.opened.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert saved(tmp_path) == ["step-00000001"]
    with writer:  # from Python one may go on
        writer.submit(of(3, torch.ones(1)))
    assert saved(tmp_path) == ["step-00000001", "step-00000003"]


def test_where_no_thread_can_be_started_it_is_written_at_once(
    writer: CheckpointWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    writer.submit(of(1, torch.ones(1)))
    assert saved(tmp_path) == ["step-00000001"]


def test_a_snapshot_is_row_major_and_names_what_is_not_finite() -> None:
    weights = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    bad = torch.tensor([1.0, float("-inf")], dtype=torch.bfloat16)
    tensors = {"stage": {"w": weights, "n": torch.tensor([2**40]), "bad": bad, "worse": bad}, "optimizer": {"m": bad}}
    snapshot: Snapshot = take_snapshot(Checkpoint(step=1, tensors=tensors, state={}))
    snapshot.wait()
    copy = snapshot.checkpoint.tensors["stage"]["w"]
    assert torch.equal(copy, weights)
    assert copy.is_contiguous()
    assert copy.data_ptr() != weights.data_ptr()
    assert snapshot.not_finite() == "bad"
    assert take_snapshot(of(1, torch.ones(3))).not_finite() is None
    assert take_snapshot(of(1, torch.tensor(torch.inf))).not_finite() is None  # a limit
    assert take_snapshot(of(1, torch.tensor(torch.nan))).not_finite() == "w"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_numbers_whose_sum_overflows_are_finite_and_one_that_is_not_is_found_anywhere(dtype: torch.dtype) -> None:
    largest = torch.full((100_001,), torch.finfo(dtype).max, dtype=dtype)
    assert take_snapshot(of(1, largest)).not_finite() is None
    for value, place in ((float("nan"), 0), (float("inf"), 50_000), (float("-inf"), 100_000)):
        bad = largest.clone()
        bad[place] = value
        assert take_snapshot(of(1, bad)).not_finite() == "w"
