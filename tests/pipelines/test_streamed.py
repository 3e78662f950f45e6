"""Images that are read a window at a time: the loader's batches are those of the same images in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from threading import Lock

import numpy as np
import pytest
import torch

from fastssl.pipelines import Loader, Plain, TwoCrops
from fastssl.pipelines import streamed as sizes

VIEW = TwoCrops(8, 1, blur_sigma=(0.1, 1.0))
PLAIN = Plain(8, 1, mean=(0.0,), std=(1.0,))
COUNT = 300
pytestmark = pytest.mark.usefixtures("worker_threads")


class OnDisk:
    """An array that is only read through `read` and `take`, and counts the images."""

    def __init__(self, images: np.ndarray) -> None:
        self._images, self._lock = images, Lock()
        self.shape, self.dtype, self.nbytes = images.shape, images.dtype, images.nbytes
        self.images_read, self.largest = 0, 0
        self.broken_from = len(images)

    def __len__(self) -> int:
        return len(self._images)

    def __deepcopy__(self, memo: dict[int, object]) -> OnDisk:
        return OnDisk(self._images)

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.take(np.arange(start, stop))

    def take(self, rows: np.ndarray) -> np.ndarray:
        if rows.max() >= self.broken_from:
            raise OSError("the disk is gone")
        with self._lock:
            self.images_read += len(rows)
            self.largest = max(self.largest, len(rows))
        return self._images[rows]


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 1), dtype=np.uint8)


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 64 images and blocks of 10."""
    monkeypatch.setattr(sizes, "WINDOW_BYTES", 64 * 64)
    monkeypatch.setattr(sizes, "UNSHUFFLED_BYTES", 64 * 64)
    monkeypatch.setattr(sizes, "BLOCK_BYTES", 10 * 64)


def epochs(loader: Loader, count: int) -> Iterator[dict[str, torch.Tensor]]:
    for _ in range(count):
        yield from loader


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("prefetch", [0, 3])
def test_batches_are_those_of_the_array_in_the_same_windows(pixels: np.ndarray, shuffle: bool, prefetch: int) -> None:
    settings = {"batch_size": 16, "shuffle": shuffle, "prefetch": prefetch, "drop_last": False}
    window = 64 if shuffle else None
    with (
        Loader(OnDisk(pixels), VIEW, **settings) as streamed,
        Loader(pixels, VIEW, **settings, shuffle_window=window) as array,
    ):
        assert streamed.shuffle_window == window
        assert all(same(*pair) for pair in zip(epochs(streamed, 3), epochs(array, 3), strict=True))


@pytest.mark.usefixtures("small_windows")
def test_images_are_those_of_the_samples_that_a_batch_names(pixels: np.ndarray) -> None:
    with Loader(OnDisk(pixels), PLAIN, batch_size=16) as loader:
        for batch in epochs(loader, 2):
            expected = torch.from_numpy(pixels[batch["index"].numpy()]).permute(0, 3, 1, 2)
            assert torch.equal(batch["image"].mul(255).round().to(torch.uint8), expected)


def test_few_images_are_shuffled_like_an_array(pixels: np.ndarray) -> None:
    with Loader(OnDisk(pixels), VIEW, batch_size=16) as streamed, Loader(pixels, VIEW, batch_size=16) as array:
        assert streamed.shuffle_window is None
        assert streamed.state_dict() == array.state_dict()
        assert all(same(*pair) for pair in zip(epochs(streamed, 2), epochs(array, 2), strict=True))


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("at", [0, 5, 17, 18, 20])
def test_a_loader_goes_on_where_another_stopped(pixels: np.ndarray, at: int) -> None:
    with Loader(OnDisk(pixels), VIEW, batch_size=16) as first:
        batches = epochs(first, 2)
        for _ in range(at):
            next(batches)
        state = first.state_dict()
        expected = list(batches)
    with Loader(OnDisk(pixels), VIEW, batch_size=16) as second:
        second.load_state_dict(state)
        assert all(same(*pair) for pair in zip(expected, epochs(second, 2), strict=False))


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("world_size", [2, 4])
@pytest.mark.parametrize("scattered", [1, 1 << 20])
def test_ranks_share_the_batches_of_one_process_and_read_no_more(
    pixels: np.ndarray, world_size: int, scattered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastssl.pipelines.window_store.SCATTERED_BYTES", scattered)
    with Loader(OnDisk(pixels), VIEW, batch_size=16, prefetch=0, drop_last=False) as single:
        whole = list(epochs(single, 2))
    disks = [OnDisk(pixels) for _ in range(world_size)]
    parts = []
    for rank, disk in enumerate(disks):
        share = {"rank": rank, "world_size": world_size}
        with Loader(disk, VIEW, batch_size=16 // world_size, prefetch=0, drop_last=False, **share) as loader:
            parts.append(list(epochs(loader, 2)))
    for batch, *ranks in zip(whole, *parts, strict=True):
        joined = {name: torch.cat([part[name] for part in ranks]) for name in batch}
        assert same(batch, joined)
    if scattered == 1:  # each image is read alone: a third epoch's first window is all that is read twice
        assert sum(disk.images_read for disk in disks) <= 2 * COUNT + 64


@pytest.mark.usefixtures("small_windows")
def test_each_epoch_reads_each_image_once_a_block_at_a_time(pixels: np.ndarray) -> None:
    disk = OnDisk(pixels)
    with Loader(disk, PLAIN, batch_size=10) as loader:
        assert len(list(epochs(loader, 4))) == 120
    assert 4 * COUNT <= disk.images_read <= 4 * COUNT + 2 * 64
    assert disk.largest == 10


@pytest.mark.usefixtures("small_windows")
def test_two_windows_are_in_memory_at_most(pixels: np.ndarray) -> None:
    with Loader(OnDisk(pixels), PLAIN, batch_size=10, prefetch=2) as loader:
        for _ in epochs(loader, 2):
            held = loader._batches._producer._store._windows._held
            assert sum(len(window.result().images) for window in list(held.values())) <= 2 * 60  # six blocks of ten


@pytest.mark.usefixtures("small_windows")
def test_what_cannot_be_read_is_told_where_a_batch_is_asked_for(pixels: np.ndarray) -> None:
    disk = OnDisk(pixels)
    disk.broken_from = 10
    with Loader(disk, PLAIN, batch_size=16) as loader, pytest.raises(OSError, match="the disk is gone"):
        next(iter(loader))


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_go_on_by_themselves(pixels: np.ndarray, duplicate: Callable[[Loader], Loader]) -> None:
    with Loader(OnDisk(pixels), VIEW, batch_size=16) as loader:
        next(iter(loader))
        with duplicate(loader) as other:
            assert all(same(*pair) for pair in zip(epochs(loader, 1), epochs(other, 1), strict=True))


@pytest.mark.usefixtures("small_windows")
def test_a_state_of_other_windows_is_refused_and_an_older_one_is_taken(pixels: np.ndarray) -> None:
    with Loader(OnDisk(pixels), VIEW, batch_size=16) as windowed, Loader(pixels, VIEW, batch_size=16) as whole:
        assert "shuffle_window" not in whole.state_dict()
        with pytest.raises(ValueError, match="shuffle_window was None, is 64"):
            windowed.load_state_dict(whole.state_dict())
        with pytest.raises(ValueError, match="shuffle_window was 64, is None"):
            whole.load_state_dict(windowed.state_dict())
        whole.load_state_dict({**whole.state_dict(), "epoch": 3})
        assert whole.epoch == 3


@pytest.mark.parametrize("given", [[1, 2], torch.zeros(4, 8, 8, 1), "images"])
def test_what_is_neither_an_array_nor_read_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match="images must be a NumPy array"):
        Loader(given, PLAIN, batch_size=1)


def test_a_window_has_an_image_at_least(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shuffle_window must be at least 1 image, got 0"):
        Loader(pixels, PLAIN, batch_size=1, shuffle_window=0)
