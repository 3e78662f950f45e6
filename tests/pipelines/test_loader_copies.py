"""A loader in other people's hands: copied, pickled, taken along by a fork, inside the workers of a DataLoader."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from fastssl.pipelines import Loader, TwoCrops
from fastssl.pipelines.executors.executor import dali_installed

VIEW = TwoCrops(16, 1, blur_sigma=(0.1, 1.0))
EXECUTORS = ["torch", pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="needs DALI"))]
pytestmark = pytest.mark.usefixtures("worker_threads")


def _remaining(loader: Loader) -> list[torch.Tensor]:
    """The queries of the rest of the epoch."""
    with loader:
        return [batch["query"] for batch in loader]


@pytest.fixture
def under_way(images: np.ndarray) -> Iterator[Loader]:
    """A loader that has handed out one batch of three and has others under way."""
    with Loader(images, VIEW, batch_size=16, prefetch=2, seed=3) as loader:
        next(iter(loader))
        yield loader


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_copy_goes_on_where_its_original_stands_and_each_keeps_its_own_place(
    images: np.ndarray, executor: str, duplicate: Callable[[Loader], Loader]
) -> None:
    with Loader(images, VIEW, batch_size=16, prefetch=2, seed=3, executor=executor) as loader:
        next(iter(loader))
        twin = duplicate(loader)
        expected = [batch["query"] for batch in loader]
        found = _remaining(twin)
    assert len(found) == len(expected) == 2
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert loader.epoch == 1  # the copy's epoch did not move the original's, nor the other way round


def test_a_deep_copy_shares_the_images(under_way: Loader, images: np.ndarray) -> None:
    twin = copy.deepcopy({"loader": under_way})["loader"]
    assert twin._images is images


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_forked_process_makes_the_batches_itself(images: np.ndarray, prefetch: int) -> None:
    with Loader(images, VIEW, batch_size=16, prefetch=prefetch, seed=3) as loader:
        next(iter(loader))
        receiver, sender = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(target=_send_means, args=(loader, sender))
        child.start()
        assert receiver.poll(60), "the forked process hangs"
        found = receiver.recv()
        child.join(30)
        assert child.exitcode == 0
        assert found == [float(batch["query"].mean()) for batch in loader]


def _send_means(loader: Loader, sender: multiprocessing.connection.Connection) -> None:
    sender.send([float(batch["query"].mean()) for batch in loader])


class Batches(IterableDataset):
    """A loader as a torch data set, as other trainers wrap one."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return iter(self.loader)


@pytest.mark.skipif(sys.platform != "linux", reason="fork is Linux's way")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_of_a_torch_data_loader_yields_its_epoch(
    images: np.ndarray, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))  # a spawned process imports this module
    with Loader(images, VIEW, batch_size=16, prefetch=2, seed=3) as loader:
        workers = DataLoader(
            Batches(loader), batch_size=None, num_workers=1, multiprocessing_context=method, timeout=100
        )
        found = [batch["index"].tolist() for batch in workers]
        assert found == [batch["index"].tolist() for batch in loader]


def test_a_loader_that_was_used_on_a_gpu_refuses_a_forked_process(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=16, prefetch=0) as loader:
        next(iter(loader))
        forked = copy.copy(loader)
        forked._device, forked._batches = torch.device("cuda"), loader._batches
        forked._batches.process = -1  # of another process
        with pytest.raises(RuntimeError, match="start processes by spawn"):
            next(iter(forked))
