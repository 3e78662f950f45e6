"""Memory of batches: taken again once it is free, and never before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from fastssl.pipelines.executors.batch_memory import ALIGNMENT, BatchMemory


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8, torch.int64])
def test_it_gives_what_torch_empty_gives(dtype: torch.dtype) -> None:
    made = BatchMemory().empty((3, 4, 5), dtype)
    assert (made.shape, made.dtype, made.is_contiguous()) == ((3, 4, 5), dtype, True)
    assert made.data_ptr() % ALIGNMENT == 0
    made.fill_(7)
    assert (made == 7).all()


def test_memory_is_taken_again_when_its_last_view_is_gone() -> None:
    memory = BatchMemory()
    first = memory.empty((8, 100), torch.float32)
    place, view = first.data_ptr(), first[2:3].permute(1, 0)
    del first
    second = memory.empty((8, 100), torch.float32)
    assert second.data_ptr() != place
    del view
    assert memory.empty((8, 100), torch.float32).data_ptr() == place


def test_a_smaller_batch_fits_and_a_larger_one_gets_a_block_of_its_own() -> None:
    memory = BatchMemory()
    place = memory.empty((100,), torch.float32).data_ptr()
    small = memory.empty((10,), torch.float32)
    assert small.data_ptr() == place
    del small
    large = memory.empty((1000,), torch.float32)
    large.fill_(1.0)
    place = large.data_ptr()
    del large
    assert memory.empty((1000,), torch.float32).data_ptr() == place


def test_a_batch_outlives_what_it_came_from() -> None:
    memory = BatchMemory()
    batch = memory.empty((1000,), torch.float32).fill_(3.0)
    del memory
    assert batch.sum() == 3000.0


def test_threads_never_share_a_block() -> None:
    memory = BatchMemory()

    def fill(number: int) -> bool:
        batch = memory.empty((5000,), torch.float32).fill_(number)
        return bool((batch == number).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fill, range(400)))
    assert len(memory._free) <= 8
