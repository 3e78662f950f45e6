"""The loader: exact epochs, sharding, and resuming bit for bit."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fastssl.pipelines import Loader, Plain, TwoCrops
from fastssl.pipelines.executors.executor import dali_installed

Batch = dict[str, torch.Tensor]
VIEW = TwoCrops(16, 1, blur_sigma=(0.1, 1.0))
pytestmark = pytest.mark.usefixtures("worker_threads")


def _stream(loader: Loader, batches: int) -> list[Batch]:
    """Batches across as many epochs as it takes."""
    epochs = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())
    return list(itertools.islice(epochs, batches))


def _equal(left: Batch, right: Batch) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize(("drop_last", "length", "sizes"), [(True, 3, [16] * 3), (False, 4, [16, 16, 16, 2])])
def test_every_epoch_has_the_stated_number_of_batches_and_no_epoch_is_skipped(
    images: np.ndarray, drop_last: bool, length: int, sizes: list[int]
) -> None:
    with Loader(images, VIEW, batch_size=16, drop_last=drop_last) as loader:
        assert len(loader) == length
        orders = []
        for epoch in range(4):
            assert loader.epoch == epoch
            batches = list(loader)
            assert [len(batch["index"]) for batch in batches] == sizes
            orders.append(torch.cat([batch["index"] for batch in batches]))
            assert len(orders[-1].unique()) == sum(sizes)
        assert not torch.equal(orders[0], orders[1])


def test_batches_hold_images_of_the_samples_they_name(images: np.ndarray) -> None:
    labels = np.arange(50) * 10
    view = Plain(16, 1, mean=(0.0,), std=(1.0,))
    with Loader(images, view, batch_size=8, labels=labels) as loader:
        for batch in loader:
            expected = torch.from_numpy(images[batch["index"].numpy()]).permute(0, 3, 1, 2)
            assert torch.equal(batch["image"].mul(255).round().to(torch.uint8), expected)
            assert torch.equal(batch["label"], batch["index"] * 10)


def test_unshuffled_epochs_keep_the_order_of_the_data(images: np.ndarray) -> None:
    with Loader(images, Plain(16, 1), batch_size=16, shuffle=False, drop_last=False) as loader:
        for _ in range(2):
            assert torch.equal(torch.cat([batch["index"] for batch in loader]), torch.arange(50))


@pytest.mark.parametrize("prefetch", [0, 1, 3, 7])
def test_the_prefetch_depth_changes_no_bit(images: np.ndarray, prefetch: int) -> None:
    with Loader(images, VIEW, batch_size=16) as plain, Loader(images, VIEW, batch_size=16, prefetch=prefetch) as deep:
        assert all(_equal(a, b) for a, b in zip(_stream(plain, 8), _stream(deep, 8), strict=True))


def test_a_samples_pictures_do_not_depend_on_the_batch_size(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=10) as small, Loader(images, VIEW, batch_size=25) as large:
        by_sample = [
            {int(i): q for b in loader for i, q in zip(b["index"], b["query"], strict=True)}
            for loader in (small, large)
        ]
    assert by_sample[0].keys() == by_sample[1].keys()
    assert all(torch.equal(by_sample[0][i], by_sample[1][i]) for i in by_sample[0])


@pytest.mark.parametrize("drop_last", [True, False])
def test_ranks_share_each_global_batch_of_the_single_process_run(images: np.ndarray, drop_last: bool) -> None:
    with Loader(images, VIEW, batch_size=12, drop_last=drop_last) as whole:
        expected = _stream(whole, len(whole) + 2)
    ranks = []
    for rank in range(3):
        with Loader(images, VIEW, batch_size=4, rank=rank, world_size=3, drop_last=drop_last) as loader:
            assert len(loader) == len(whole)
            ranks.append(_stream(loader, len(expected)))
    for step, batch in enumerate(expected):
        parts = [rank[step] for rank in ranks]
        for name in ("index", "query"):  # consecutive parts, so that groups of a batch need not be torn apart
            joined = torch.cat([part[name] for part in parts])  # a last rank may be given an image once more
            assert torch.equal(joined[: len(batch[name])], batch[name])


def test_a_run_goes_on_with_another_number_of_ranks(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=12) as whole:
        expected = _stream(whole, 6)
    with Loader(images, VIEW, batch_size=6, rank=1, world_size=2) as loader:
        _stream(loader, 4)
        state = loader.state_dict()
    with Loader(images, VIEW, batch_size=12) as one, Loader(images, VIEW, batch_size=3, rank=2, world_size=4) as four:
        one.load_state_dict(state)
        four.load_state_dict(state)
        assert all(_equal(a, b) for a, b in zip(_stream(one, 2), expected[4:], strict=True))
        assert torch.equal(next(iter(four))["index"], expected[4]["index"][6:9])


def test_a_position_that_an_older_version_wrote_is_understood(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=12) as loader:
        state = loader.state_dict()
        old = {name: value for name, value in state.items() if name != "global_batch"}
        loader.load_state_dict({**old, "batch_size": 6, "world_size": 2, "iteration": 3})
        assert loader.state_dict() == {**state, "iteration": 3}


def test_every_rank_gets_a_last_batch_even_with_fewer_images_than_ranks(make_images: Callable) -> None:
    images = make_images(9, 16, 16, 1)
    for rank in range(4):
        with Loader(images, VIEW, batch_size=2, rank=rank, world_size=4, drop_last=False) as loader:
            assert [len(batch["index"]) for batch in loader] == [2, 1]


@pytest.mark.parametrize("handed_out", [0, 1, 4, 6, 7])
def test_a_resumed_loader_goes_on_bit_for_bit(images: np.ndarray, handed_out: int) -> None:
    with Loader(images, VIEW, batch_size=16, seed=9) as loader:
        expected = _stream(loader, 10)
    with Loader(images, VIEW, batch_size=16, seed=9) as loader:
        _stream(loader, handed_out)
        state = loader.state_dict()
    assert (state["epoch"], state["iteration"]) == divmod(handed_out, 3)
    with Loader(images, VIEW, batch_size=16, seed=9) as loader:
        next(iter(loader))  # a loader already in use may be moved
        loader.load_state_dict(state)
        assert loader.epoch == handed_out // 3
        rest = _stream(loader, 10 - handed_out)
    assert all(_equal(a, b) for a, b in zip(rest, expected[handed_out:], strict=True))


def test_a_state_of_another_loader_is_refused(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=16) as loader, Loader(images, VIEW, batch_size=8, seed=1) as other:
        with pytest.raises(ValueError, match="seed was 0, is 1; global_batch was 16, is 8"):
            other.load_state_dict(loader.state_dict())
        with pytest.raises(ValueError, match="no batch 9"):
            loader.load_state_dict({**loader.state_dict(), "iteration": 9})


def test_breaking_off_and_iterating_again_goes_on_where_it_stopped(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=16) as loader:
        expected = _stream(loader, 6)
    with Loader(images, VIEW, batch_size=16) as loader:
        for batch in loader:
            first = batch
            break
        rest = [*loader, *loader]
    assert all(_equal(a, b) for a, b in zip([first, *rest], expected, strict=True))


def test_set_epoch_moves_to_its_start_and_keeps_the_place_in_the_current_one(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=16) as loader:
        expected = _stream(loader, 9)
        loader.set_epoch(1)
        assert _equal(next(iter(loader)), expected[3])
        loader.set_epoch(1)
        assert [_equal(a, b) for a, b in zip(loader, expected[4:6], strict=True)] == [True, True]
        loader.set_epoch(2)
        assert _equal(next(iter(loader)), expected[6])


def test_memory_mapped_images_load_like_any_other(images: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    with Loader(images, VIEW, batch_size=16) as loader, Loader(mapped, VIEW, batch_size=16) as from_disk:
        assert _equal(next(iter(loader)), next(iter(from_disk)))


@pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")
def test_the_dali_loader_yields_the_same_batches_and_resumes(images: np.ndarray) -> None:
    with Loader(images, VIEW, batch_size=16, executor="torch", drop_last=False) as loader:
        by_torch = _stream(loader, 8)
    with Loader(images, VIEW, batch_size=16, executor="dali", drop_last=False) as loader:
        assert loader.executor == "dali"
        by_dali = _stream(loader, 8)
        loader.load_state_dict({**loader.state_dict(), "epoch": 1, "iteration": 2})
        resumed = next(iter(loader))
    for ours, theirs in zip(by_torch, by_dali, strict=True):
        assert torch.equal(ours["index"], theirs["index"])
        assert (ours["query"] - theirs["query"]).abs().max() * 127.5 <= 3
    assert _equal(resumed, by_dali[6])


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("executor", ["torch", "dali"])
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_on_the_gpu_are_those_of_the_cpu(images: np.ndarray, device: str, executor: str) -> None:
    if executor == "dali" and not dali_installed():
        pytest.skip("NVIDIA DALI is not installed")
    with (
        Loader(images, VIEW, batch_size=16) as host,
        Loader(images, VIEW, batch_size=16, device=device, executor=executor) as loader,
    ):
        for ours, theirs in zip(_stream(host, 7), _stream(loader, 7), strict=True):
            assert theirs["query"].device.type == "cuda"
            assert torch.equal(ours["index"], theirs["index"].cpu())
            assert (ours["query"] - theirs["query"].cpu()).abs().max() * 127.5 <= 3
