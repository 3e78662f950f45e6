"""Small arrays in one buffer: each comes out as it went in, wherever it lies. On a GPU: one copy, no wait."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.pipelines.executors.packing import ALIGNMENT, pack, slots_of, to_device, unpack

DTYPES = [np.float32, np.float64, np.int64, np.int32, np.int16, np.uint16, np.uint8, np.bool_]


def arrays_of(rows: int) -> dict[str, np.ndarray]:
    """One of each dtype and of awkward shapes, so that each would lie crooked if packed tightly."""
    rng = np.random.default_rng(0)
    arrays = {np.dtype(d).name: rng.integers(0, 2, (rows, 3)).astype(d) for d in DTYPES}
    return arrays | {
        "nothing": np.empty((rows, 0, 4), np.float32),
        "flags": rng.random(rows) < 0.5,
        "column": rng.random((rows, 5)).astype(np.float32)[:, 2],
        "columns first": np.asfortranarray(rng.random((rows, 3, 2))),
        "key": rng.integers(0, 2**64, rows, dtype=np.uint64).view(np.int64),
    }


def packed(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    slots, size = slots_of(arrays)
    buffer = torch.full((size,), 255, dtype=torch.uint8)
    pack(arrays, slots, buffer)
    return unpack(buffer, slots)


@pytest.mark.parametrize("rows", [0, 1, 5, 64])
def test_every_array_comes_out_as_it_went_in(rows: int) -> None:
    arrays = [*arrays_of(rows).values()]
    for found, values in zip(packed(arrays), arrays, strict=True):
        assert found.shape == values.shape
        assert found.numpy().dtype == values.dtype
        assert np.array_equal(found.numpy(), values)


def test_arrays_lie_apart_on_multiples_of_sixteen_bytes_in_one_buffer() -> None:
    arrays = [*arrays_of(5).values()]
    slots, size = slots_of(arrays)
    ends = [slot.first + slot.size for slot in slots]
    assert all(slot.first % ALIGNMENT == 0 for slot in slots)
    assert all(end <= later.first for end, later in zip(ends, slots[1:], strict=False))
    assert ends[-1] <= size < sum(values.nbytes + ALIGNMENT for values in arrays)
    assert len({tensor.untyped_storage().data_ptr() for tensor in packed(arrays)}) == 1


def test_no_arrays_are_no_tensors() -> None:
    assert packed([]) == []
    assert to_device(torch.device("cpu"), {}, {}) == ({}, {})


def test_what_torch_has_no_dtype_for_is_refused() -> None:
    with pytest.raises(TypeError, match="object_"):
        slots_of([np.array(["a", None], dtype=object)])


def test_on_a_cpu_nothing_is_copied() -> None:
    arrays, other = arrays_of(4), {"key": np.arange(3)}
    found, along = to_device(torch.device("cpu"), arrays, other)
    assert list(found) == list(arrays)
    assert np.shares_memory(along["key"].numpy(), other["key"])
    assert all(np.shares_memory(found[name].numpy(), values) for name, values in arrays.items() if values.size)


@pytest.mark.gpu
def test_on_a_gpu_one_copy_brings_every_array_without_a_wait() -> None:
    arrays = arrays_of(64)
    device = torch.device("cuda", 0)
    to_device(device, arrays)  # the first call makes the context, which waits
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            found, along = to_device(device, arrays, {"key": np.arange(64)})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert sum(event.count for event in profile.key_averages() if "Memcpy HtoD" in event.key) == 1
    assert along["key"].tolist() == list(range(64))
    assert all(np.array_equal(found[name].cpu().numpy(), values) for name, values in arrays.items())


@pytest.mark.gpu
def test_batches_packed_one_after_the_other_do_not_overwrite_each_other() -> None:
    device = torch.device("cuda", 0)
    batches = [{"row": np.full(100_000, number)} for number in range(50)]
    found = [to_device(device, arrays)[0]["row"] for arrays in batches]
    assert [int(row.amin()) for row in found] == [int(row.amax()) for row in found] == list(range(50))
