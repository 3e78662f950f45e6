"""The loader's threads: overlap, errors, shutdown, and nothing started for arguments that cannot be used."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch

from fastssl.pipelines import Loader, Plain, TwoCrops
from fastssl.pipelines.prefetcher import Position, Prefetcher

VIEW = TwoCrops(16, 1, blur_sigma=(0.1, 1.0))
Threads = Callable[[], list[threading.Thread]]


@pytest.fixture(autouse=True)
def running(worker_threads: Threads) -> Threads:
    """The loader's threads that are alive; every test of this file must end with none."""
    return worker_threads


class Recorder:
    """Stands for a producer: its batches say where they are from, and a broken one raises."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int]] = []
        self.broken = False

    def produce(self, epoch: int, iteration: int) -> tuple[int, int]:
        self.made.append((epoch, iteration))
        if self.broken:
            raise OSError("the disk is gone")
        return epoch, iteration

    def to_current_stream(self, made: tuple[int, int]) -> tuple[int, int]:
        return made

    def close(self) -> None:
        pass


def test_a_workers_error_reaches_the_training_loop_and_spoils_nothing() -> None:
    producer = Recorder()
    batches = Prefetcher(producer, length=3, depth=1, parallel=True)
    producer.broken = True
    with pytest.raises(OSError, match="the disk is gone"):
        batches.take(Position(5, 0))
    producer.broken = False
    assert batches.take(Position(0, 1)) == (0, 1)
    batches.close()


def test_batches_are_made_while_the_consumer_works_across_the_end_of_an_epoch() -> None:
    producer = Recorder()
    batches = Prefetcher(producer, length=2, depth=2, parallel=False)
    assert batches.take(Position(0, 0)) == (0, 0)
    batches.fill(Position(0, 1))
    deadline = time.monotonic() + 5
    while len(producer.made) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert producer.made == [(0, 0), (0, 1), (1, 0)]
    batches.close()


def test_a_dropped_loader_ends_its_threads(images: np.ndarray, running: Threads) -> None:
    loader = Loader(images, VIEW, batch_size=16)
    next(iter(loader))
    assert running()
    gone = weakref.ref(loader)
    del loader
    gc.collect()
    assert gone() is None  # the fixture waits for the threads


def test_the_workers_threads_leave_everybody_elses_number_alone(images: np.ndarray) -> None:
    before = torch.get_num_threads()
    with Loader(images, VIEW, batch_size=16) as loader:
        next(iter(loader))
        seen = []
        other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
    assert (torch.get_num_threads(), seen) == (before, [before])


def test_a_closed_loader_says_so_and_closing_twice_is_harmless(images: np.ndarray, running: Threads) -> None:
    loader = Loader(images, VIEW, batch_size=16)
    next(iter(loader))
    loader.close()
    loader.close()
    assert not running()
    with pytest.raises(RuntimeError, match="closed"):
        next(iter(loader))


@pytest.mark.parametrize("ending", ["pass", "raise KeyboardInterrupt", "del loader"])
def test_the_interpreter_exits_with_batches_under_way(ending: str) -> None:
    script = (
        "import numpy as np; from fastssl.pipelines import Loader, TwoCrops\n"
        "loader = Loader(np.zeros((64, 28, 28, 1), np.uint8), TwoCrops(28, 1), batch_size=32)\n"
        f"batch = next(iter(loader))\n{ending}\n"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True, check=False)
    assert (done.returncode == 0) == (ending != "raise KeyboardInterrupt")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": np.zeros((9, 8, 8), np.uint8)}, ValueError, r"4 axes \[N, H, W, C\], got shape \(9, 8, 8\)"),
        ({"images": np.zeros((9, 0, 8, 1), np.uint8)}, ValueError, "must not be empty"),
        ({"images": np.zeros((9, 8, 8, 1), np.float32)}, ValueError, "uint8 or uint16, got float32"),
        ({"images": np.zeros((9, 8, 8, 2), np.uint8)}, ValueError, "1, 3 or 4 channels"),
        ({"images": np.zeros((9, 8, 8, 3), np.uint8)}, ValueError, "view expects 1 channels, the images have 3"),
        ({"images": [[1]]}, TypeError, "NumPy array, got list"),
        ({"batch_size": 10}, ValueError, "batch_size 10 exceeds the 9 images"),
        ({"batch_size": 4, "world_size": 3}, ValueError, "batch_size 4 on each of 3 ranks exceeds"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"rank": 1}, ValueError, "rank must lie in"),
        ({"prefetch": -1}, ValueError, "prefetch must not be negative"),
        ({"seed": -1}, ValueError, "seed must not be negative"),
        ({"labels": np.zeros(4)}, ValueError, "9 images, 4 labels"),
        ({"executor": "gpu"}, ValueError, "executor must be"),
    ],
)
def test_what_cannot_be_loaded_is_refused_before_any_thread_starts(
    change: dict, error: type[Exception], message: str, running: Threads
) -> None:
    arguments = {"images": np.zeros((9, 8, 8, 1), np.uint8), "views": Plain(8, 1), "batch_size": 4, **change}
    with pytest.raises(error, match=message):
        Loader(**arguments)
    assert not running()
