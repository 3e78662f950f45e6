"""Headers of weight files that anybody may have written: sound, or one line, in little time and memory."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from fastssl.errors import CheckpointError
from fastssl.models.tensor_file import find_nonfinite, read_header, read_tensors, storable

TENSORS: dict[str, Tensor] = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "empty": torch.zeros(0, 4),
    "flags": torch.tensor([True, False]),
}


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / "sound.safetensors", metadata={"by": "test"})
    return tmp_path / "sound.safetensors"


def built(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_a_sound_file_is_read_as_safetensors_reads_it(sound: Path) -> None:
    header = read_header(sound)
    with safe_open(sound, framework="pt") as file:
        assert header.shapes == {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        assert header.metadata == file.metadata()
    found = read_tensors(sound)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in TENSORS.items())


HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "seven bytes": lambda: b"\0" * 7,
    "no header": lambda: b"\0" * 8,
    "a header longer than the file": lambda: built({}, length=3),
    "a header of exabytes": lambda: b"\xff" * 8 + b"{}",
    "a header of 3 MB": lambda: built(b"{" + b" " * (3 << 20) + b"}"),
    "no JSON": lambda: built(b"hello, world"),
    "not UTF-8": lambda: built(b'{"\xff": 1}'),
    "a list": lambda: built([]),
    "very deep": lambda: built(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a number of 10000 digits": lambda: built(b'{"a":' + b"9" * 10_000 + b"}"),
    "a name twice": lambda: built(b'{"a":' + json.dumps(tensor()).encode() + b',"a":1}', b"\0" * 4),
    "a long name": lambda: built({"a" * 2000: tensor()}, b"\0" * 4),
    "many tensors": lambda: built({f"{i:x}": tensor("U8", [0], [0, 0]) for i in range(33_000)}),
    "metadata of numbers": lambda: built({"__metadata__": {"a": 1}}),
    "metadata in a list": lambda: built({"__metadata__": []}),
    "a tensor in a list": lambda: built({"a": []}),
    "a field more": lambda: built({"a": {**tensor(), "b": 1}}, b"\0" * 4),
    "an unknown type": lambda: built({"a": tensor("F99")}, b"\0" * 4),
    "a type in a list": lambda: built({"a": tensor(["F32"])}, b"\0" * 4),
    "a negative side": lambda: built({"a": tensor(shape=[-1, -1])}, b"\0" * 4),
    "half a side": lambda: built({"a": tensor(shape=[1.0])}, b"\0" * 4),
    "a true side": lambda: built({"a": tensor(shape=[True])}, b"\0" * 4),
    "an astronomical shape": lambda: built({"a": tensor(shape=[1 << 40, 1 << 40, 1 << 40])}, b"\0" * 4),
    "a shape that overflows to four bytes": lambda: built({"a": tensor(shape=[1 << 32, 1 << 32, 1])}, b"\0" * 4),
    "a hundred dimensions": lambda: built({"a": tensor(shape=[1] * 100)}, b"\0" * 4),
    "a longer place": lambda: built({"a": tensor(offsets=[0, 8])}, b"\0" * 8),
    "a place beyond the end": lambda: built({"a": tensor(offsets=[4, 8])}, b"\0" * 4),
    "a place backwards": lambda: built({"a": tensor(shape=[0], offsets=[4, 0])}, b"\0" * 4),
    "three offsets": lambda: built({"a": tensor(offsets=[0, 4, 8])}, b"\0" * 8),
    "a hole": lambda: built({"a": tensor(), "b": tensor(offsets=[8, 12])}, b"\0" * 12),
    "two tensors in one place": lambda: built({"a": tensor(), "b": tensor()}, b"\0" * 4),
    "cut off": lambda: built({"a": tensor()}, b"\0" * 3),
    "data that no tensor has": lambda: built({}, b"\0" * 100),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("read", [read_header, read_tensors])
def test_a_hostile_header_is_one_line(tmp_path: Path, what: str, read: Callable[[Path], object]) -> None:
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(HOSTILE[what]())
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: damaged, or not a safetensors file: ")
    assert "\n" not in str(caught.value)


def mutated(data: st.DataObject, content: bytes) -> bytes:
    """Bytes of the length and the header changed, taken out, put in; the file cut off."""
    found = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(found) - 1, 400)))
        what = data.draw(st.sampled_from(("change", "remove", "insert", "cut", "digit")))
        if what == "change":
            found[place] = data.draw(st.integers(0, 255))
        elif what == "remove":
            del found[place : place + data.draw(st.integers(1, 8))]
        elif what == "insert":
            found[place:place] = data.draw(st.binary(min_size=1, max_size=6))
        elif what == "cut":
            del found[data.draw(st.integers(1, len(found))) :]
        else:
            found[place] = data.draw(st.sampled_from(b'0123456789,:[]{}"-eE.'))
        found = found or bytearray(b"\0")
    return bytes(found)


@given(data=st.data())
@settings(max_examples=150, deadline=1000)
def test_a_mutated_file_is_read_or_refused_in_one_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"mutated-{os.getpid()}.safetensors"
    path.write_bytes(mutated(data, save(TENSORS, metadata={"by": "test"})))
    tensors = read_or_refuse(path)
    if tensors is not None:
        assert {name: tuple(value.shape) for name, value in tensors.items()} == dict(read_header(path).shapes)


def read_or_refuse(path: Path) -> dict[str, Tensor] | None:
    """The tensors, or None where they are refused in one line; any other exception is the test's failure."""
    try:
        return read_tensors(path)
    except CheckpointError as error:
        return None if "\n" not in str(error) else pytest.fail(f"more than one line: {error}")


def header_values() -> st.SearchStrategy[Any]:
    numbers = st.one_of(st.integers(-2, 9), st.sampled_from([1 << 31, 1 << 62, 1 << 80]), st.floats(), st.booleans())
    lists = st.lists(numbers, max_size=4)
    types = st.one_of(st.sampled_from(["F32", "BF16", "U8", "F4", "X"]), st.text(max_size=3), numbers)
    tensors = st.fixed_dictionaries({"dtype": types, "shape": lists, "data_offsets": lists})
    return st.dictionaries(st.text(max_size=5), st.one_of(tensors, numbers, lists, st.none()), max_size=4)


@given(header=header_values(), size=st.integers(0, 64))
@settings(max_examples=150, deadline=1000)
def test_any_header_is_read_or_refused_in_one_line(
    header: dict[str, Any], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.safetensors"
    path.write_bytes(built(header, b"\0" * size))
    read_or_refuse(path)


@pytest.mark.parametrize("what", ["very deep", "many tensors", "a header of 3 MB", "a header of exabytes"])
def test_a_hostile_header_takes_little_time_and_memory(tmp_path: Path, what: str) -> None:
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(HOSTILE[what]())
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(CheckpointError):
        read_header(path)
    seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 5
    assert peak < 100 << 20


def test_a_file_larger_than_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A sparse file: it takes no room on the disk."""
    count = 4 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    path = tmp_path / "huge.safetensors"
    path.write_bytes(built({"a": tensor("U8", [count], [0, count])}))
    try:
        os.truncate(path, path.stat().st_size + count)
    except OSError:
        pytest.skip("this file system has no such large files")
    assert read_header(path).shapes == {"a": (count,)}
    with pytest.raises(CheckpointError, match="larger than this machine's memory"):
        read_tensors(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "null"])
def test_what_is_no_file_is_one_line_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("null\0" if kind == "null" else kind)
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(CheckpointError, match=r"no such file|not a file|cannot be read"):
        read_header(path)


def test_tensors_that_share_memory_are_stored_each_once() -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = {"a": whole, "b": whole, "c": whole.T, "row": whole[0], "last": whole[-1], "other": torch.ones(2)}
    found = storable(tensors)
    save(found)  # refuses shared memory
    assert all(torch.equal(found[name], value) for name, value in tensors.items())
    assert all(value.is_contiguous() for value in found.values())
    assert found["a"].data_ptr() == whole.data_ptr()
    backwards = storable(dict(reversed(tensors.items())))
    save(backwards)
    assert all(torch.equal(backwards[name], value) for name, value in tensors.items())


def test_neighbours_in_one_block_of_memory_need_no_copy() -> None:
    """As the averaged encoder's parameters lie."""
    block = torch.arange(10.0)
    found = storable({"b": block[4:10], "a": block[:4], "none": block[4:4]})
    assert found["a"].data_ptr() == block.data_ptr()
    assert found["b"].data_ptr() == block[4:].data_ptr()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_the_first_tensor_that_is_not_finite_is_named(value: float) -> None:
    assert find_nonfinite({"a": torch.ones(2), "n": torch.tensor(3)}) is None
    assert find_nonfinite({"a": torch.ones(2), "b": torch.tensor([1, value]), "c": torch.tensor(value)}) == "b"
    assert find_nonfinite({"a": torch.full((3,), value)}) == "a"


def test_one_infinite_number_is_a_limit_that_limits_nothing() -> None:
    assert find_nonfinite({"low": torch.tensor(-torch.inf), "high": torch.tensor([torch.inf])}) is None
    assert find_nonfinite({"low": torch.tensor(torch.nan)}) == "low"
