"""What every test folder shares: threads, when Triton interprets, what `--slow`, `gpu` and `mps` mean, where data lies.

Triton reads TRITON_INTERPRET when it is first imported, by whichever test comes first, so the variable is set here,
before any test module is collected. It changes nothing outside kernels asked for with impl="triton" on a CPU.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Where a test has several threads they sleep at barriers; OpenMP reads this when torch is imported, on the lines below.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from fastssl.data.named import demo
from fastssl.data.source import Source

# Tensors here are tiny: on two busy cores a training step took 20 times as long with two threads as with one, most of
# it waiting at OpenMP's barriers. The variable is for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# The suite starts a hundred interpreters; without the files of byte code each compiles the package again, for 0.7 s.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A script's background jobs ignore Ctrl-C, and so do the processes that they start; tests of it need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Property tests of the suite are quick and the same on every run; `make fuzz` looks for more.
set_hypothesis_home_dir(Path(__file__).parents[1] / "build" / "hypothesis")
settings.register_profile("suite", derandomize=True, max_examples=50, deadline=None, database=None)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests that take over ten seconds each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    no_gpu = pytest.mark.skip(reason="needs a CUDA device")
    no_apple_gpu = pytest.mark.skip(reason="needs an Apple GPU")
    too_slow = pytest.mark.skip(reason="takes over ten seconds: run with --slow")
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(no_gpu)
        if "mps" in item.keywords and not torch.backends.mps.is_available():
            item.add_marker(no_apple_gpu)
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(too_slow)


def pytest_collection_finish() -> None:
    """Leave what collecting made out of garbage collection: a full one takes 0.5 s with it, and each loader test asks
    for one. Collect less often by itself: that saves 5 % of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def demo_drawn_once() -> Iterator[None]:
    """Draw each demo set once; a hundred tests ask for one, and it takes a second. Tests of it import the function."""
    draw = demo.open_demo

    @cache
    def drawn(name: str, size: int | None) -> Source:
        source = draw(name, size)
        for split in source.splits.values():
            for array in (split.images, split.labels, split.masks):
                array.flags.writeable = False  # as those of a memory-mapped file
        return source

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "open_demo", drawn)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power, so that a file has reached the disk is not waited for; a bad descriptor still fails."""

    def look(descriptor: int) -> None:
        os.fstat(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", look)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images: FASTSSL_DATA, or `../shared/data` beside the checkout."""
    folder = Path(os.environ.get("FASTSSL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set FASTSSL_DATA")
    return folder


@pytest.fixture(scope="session")
def grey_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """52 random grey images of 20 x 20 pixels: three batches of 16 an epoch."""
    path = tmp_path_factory.mktemp("data") / "grey.npz"
    np.savez(path, train_images=np.random.default_rng(0).integers(0, 256, (52, 20, 20), dtype=np.uint8))
    return path
