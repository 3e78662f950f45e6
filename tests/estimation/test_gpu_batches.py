"""Trying batches on a GPU: what counts as not fitting, what is said, and the device itself where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fastssl.data import Source, Split, open_source
from fastssl.estimation import gpu_batches
from fastssl.estimation.gpu_batches import fits_on_gpu, is_out_of_memory, largest_on_gpu
from fastssl.runtime import resolve_runtime
from fastssl.stages.registry import train_config

TINY: dict[str, Any] = {"encoder": "test_resnet", "batch_size": 16, "queue_size": 32, "steps": 9}


def source_of(images: int) -> Source:
    return Source(name="random", splits={"train": Split(images=np.zeros((images, 20, 20, 1), np.uint8))})


def fails_from(monkeypatch: pytest.MonkeyPatch, batch: int, error: Exception) -> list[int]:
    """Stands in for some steps: batches from `batch` on fail."""
    tried: list[int] = []

    def steps(config: Any, *_: Any) -> None:
        tried.append(config.batch_size)
        if config.batch_size >= batch:
            raise error

    monkeypatch.setattr(gpu_batches, "_some_steps", steps)
    return tried


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
    ],
)
def test_only_memory_that_does_not_suffice_counts_as_not_fitting(
    error: RuntimeError, is_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_out_of_memory(error) == is_one
    fails_from(monkeypatch, 1, error)
    config, runtime = train_config(TINY), resolve_runtime("cpu", amp=False)
    if is_one:
        assert not fits_on_gpu(config, source_of(99), runtime, None)
    else:
        with pytest.raises(RuntimeError, match="illegal memory access"):
            fits_on_gpu(config, source_of(99), runtime, None)


def test_some_steps_of_a_batch_that_fits_are_done_and_one_that_is_refused_does_not_fit(grey_npz: Path) -> None:
    source, runtime = open_source(grey_npz), resolve_runtime("cpu", amp=False)
    assert fits_on_gpu(train_config(TINY), source, runtime, None)
    assert not fits_on_gpu(train_config({**TINY, "batch_size": 64}), source, runtime, None)  # of 52 images


def test_the_search_ends_near_the_first_batch_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = fails_from(monkeypatch, 1000, torch.OutOfMemoryError("CUDA out of memory"))
    found = largest_on_gpu(train_config(TINY), source_of(100_000), resolve_runtime("cpu", amp=False))
    assert (found.limit, found.method) == ("memory", "tried")
    assert found.images is not None
    assert 1000 * 15 / 16 - 16 <= found.images < 1000
    assert tried[:4] == [16, 32, 64, 128]


def test_a_set_that_fits_whole_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    fails_from(monkeypatch, 1000, torch.OutOfMemoryError("CUDA out of memory"))
    found = largest_on_gpu(train_config(TINY), source_of(500), resolve_runtime("cpu", amp=False))
    assert (found.images, found.limit, found.reason) == (500, "images", "all training images, tried")


@pytest.mark.gpu
def test_on_a_gpu_the_largest_batch_trains_and_its_memory_is_given_back() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4096, 224, 224, 1), dtype=np.uint8)
    source = Source(name="random", splits={"train": Split(images=images)})
    config, runtime = train_config({"encoder": "resnet18", "steps": 9}), resolve_runtime("cuda")
    before = torch.cuda.memory_allocated()
    room = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(8e9 / room)
    try:
        found = largest_on_gpu(config, source, runtime)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (found.limit, found.method) == ("memory", "tried")
    assert found.images is not None
    assert 16 <= found.images < 4096
    assert torch.cuda.memory_allocated() - before < 50e6
