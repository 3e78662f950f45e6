"""The loader on a GPU: resident and streamed images, prefetching threads and their stream, resuming.

Covers: batches bit for bit whatever the store and the prefetch, and against the CPU's. Does not cover: single views
(`test_pipelines_on_gpu.py`), epochs and sharding, which know no device (`test_loader.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from fastssl.pipelines import CentrePatch, Jigsaw, Loader, PretextTasks, TowerPairs, TwoCrops, View
from fastssl.pipelines.executors.executor import dali_installed

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("worker_threads")]

DEVICE = torch.device("cuda", 0)
EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]
Batch = dict[str, Tensor]
LOADED = {
    "two-crops": TwoCrops(16, 1, blur_sigma=(0.1, 1.0)),
    "tower": TowerPairs(16, 1),
    "tasks": PretextTasks(16, 1, tasks={"jigsaw": Jigsaw(16, 1), "patch": CentrePatch(16, 1)}),
}


def load(images: np.ndarray, view: View, executor: str, batches: int, **settings: object) -> list[Batch]:
    """The first batches of a loader on the GPU, kept while the device is busy with something else in between."""
    busy = torch.randn(1024, 1024, device=DEVICE)
    with Loader(images, view, batch_size=16, device=DEVICE, executor=executor, **settings) as loader:
        stream = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())
        kept = []
        for batch in itertools.islice(stream, batches):
            kept.append(batch)
            busy = (busy @ busy).tanh_()
    return kept


def equal(left: list[Batch], right: list[Batch]) -> bool:
    return all(
        a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("view", LOADED.values(), ids=LOADED)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_batches_are_equal_bit_for_bit_whatever_the_store_and_the_prefetch(
    executor: str, view: View, dtype: type, make_images: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_images(50, 16, 16, 1, dtype)
    expected = load(images, view, executor, 8, prefetch=0)
    for resident, prefetch in itertools.product((True, False), (1, 4)):
        monkeypatch.setattr("fastssl.pipelines.store.RESIDENT_SHARE", 0.5 if resident else 0.0)
        found = load(images, view, executor, 8, prefetch=prefetch)
        assert equal(found, expected), f"resident={resident}, prefetch={prefetch}"


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("view", LOADED.values(), ids=LOADED)
def test_batches_are_those_of_the_cpu(executor: str, view: View, images: np.ndarray) -> None:
    with Loader(images, view, batch_size=16) as loader:
        here = list(loader)
    for ours, theirs in zip(here, load(images, view, executor, len(here)), strict=True):
        assert ours.keys() == theirs.keys()
        assert torch.equal(ours["index"], theirs["index"].cpu())
        for name in ("query", "key", "target", "jigsaw/target", "patch/target"):
            if name in ours:
                assert (ours[name] - theirs[name].cpu()).abs().max() * 127.5 <= 3


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_resumed_loader_goes_on_bit_for_bit(executor: str, prefetch: int, images: np.ndarray) -> None:
    settings = {"batch_size": 16, "device": DEVICE, "executor": executor, "prefetch": prefetch, "seed": 9}
    view = LOADED["two-crops"]
    with Loader(images, view, **settings) as loader:
        first = next(iter(loader))
        state = loader.state_dict()
        rest = [*loader, *loader]
    with Loader(images, view, **settings) as loader:
        loader.load_state_dict(state)
        assert equal([*loader, *loader], rest)
    assert not torch.equal(first["query"], rest[0]["query"])
