"""A safetensors file: its header checked before anything is read, its tensors read, tensors made ready for one.

Covers: bounds on every number of a header, so that a damaged or hostile file takes neither time nor memory; tensors
that share memory. Does not cover: what the tensors are (`encoder_file.py`, `weight_file.py`).

The file begins with the length of its header (8 bytes, little endian), then the header in JSON: for each tensor dtype,
shape and place in the data that follow. Source: safetensors, "Format" (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
import os
import stat
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fastssl.errors import CheckpointError
from fastssl.text import shortened

MOST_HEADER_BYTES = 2 << 20
"""timm's largest models need a fifth of it."""
MOST_TENSORS = 1 << 15
MOST_DIMENSIONS = 8
MOST_NAME = 1000
"""Characters of a tensor's name."""
_ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}
_METADATA = "__metadata__"


@dataclass(frozen=True, kw_only=True)
class TensorHeader:
    """What a file says of its tensors.

    Args:
        shapes: of each tensor, by name.
        metadata: texts that the writer added.
    """

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def read_header(path: Path) -> TensorHeader:
    """Read a safetensors file's header and check it whole, without reading a tensor.

    Args:
        path: of the file.

    Returns:
        Shapes and metadata.

    Raises:
        CheckpointError: there is no such file, or its header is not sound.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CheckpointError(f"{path}: not a file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little") if size >= 8 else -1
            if not 2 <= length <= min(size - 8, MOST_HEADER_BYTES):
                raise _damaged(path, "the length of its header is not possible")
            text = file.read(length)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise CheckpointError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    return _parsed(path, text, size - 8 - length)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file, once its header is found sound.

    Args:
        path: of the file.

    Returns:
        Name -> tensor, on the CPU.

    Raises:
        CheckpointError: there is no such file, it is not sound, or it is larger than this machine's memory.
    """
    from safetensors import safe_open

    read_header(path)
    check_fits_memory(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors' own, and torch's for a type that it lacks
        raise _damaged(path, str(error) or type(error).__name__) from None


def check_fits_memory(path: Path) -> None:
    """Refuse a file that is larger than this machine's memory.

    Args:
        path: of the file, which is there.

    Raises:
        CheckpointError: it is.
    """
    memory = _memory_bytes()
    if memory is not None and path.stat().st_size > memory:
        raise CheckpointError(f"{path}: larger than this machine's memory of {memory >> 30} GiB")


def storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make tensors ready for a safetensors file, which refuses those that share memory.

    Tied parameters, one tensor under several names, become copies; loading them into the module gives one tensor again.

    Args:
        tensors: on any device, in any layout in memory.

    Returns:
        The same, detached, on the CPU and row-major; copies only where that is needed.
    """
    found: dict[str, Tensor] = {}
    begins: list[int] = []
    ends: list[int] = []
    for name, value in tensors.items():
        plain = value.detach().cpu().contiguous()
        begin, end = plain.data_ptr(), plain.data_ptr() + plain.nbytes
        place = bisect_left(begins, end)
        if plain.numel() and place and ends[place - 1] > begin:
            plain = plain.clone()
        elif plain.numel():
            begins.insert(place, begin)
            ends.insert(place, end)
        found[name] = plain
    return found


def find_nonfinite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor that holds a number that is not finite; None where none does.

    Args:
        tensors: by name; those that `is_no_bound` tells of may be infinite.
    """
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all() and not is_no_bound(value):
            return name
    return None


def is_no_bound(tensor: Tensor) -> bool:
    """Return whether a tensor is a single infinite number: a limit that limits nothing, as timm's Gemma 4 has them.

    Args:
        tensor: of any shape and dtype.
    """
    return tensor.numel() == 1 and bool(tensor.isinf())


def _parsed(path: Path, text: bytes, data_bytes: int) -> TensorHeader:
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise _damaged(path, "its header is not JSON") from None
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a JSON object")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged(path, "its metadata are not texts")
    if len(header) > MOST_TENSORS:
        raise _damaged(path, f"it names {len(header)} tensors; at most {MOST_TENSORS} are read")
    places = []
    for name, tensor in header.items():
        place = _place(tensor) if len(name) <= MOST_NAME else None
        if place is None:
            raise _damaged(path, f"shape, type and length of {shortened(name, 80)!r} do not agree")
        places.append(place)
    if [begin for begin, _ in sorted(places)] + [data_bytes] != [0] + [end for _, end in sorted(places)]:
        raise _damaged(path, "its tensors do not fill it, or are cut off")
    return TensorHeader(shapes={name: tuple(tensor["shape"]) for name, tensor in header.items()}, metadata=metadata)


def _place(tensor: Any) -> tuple[int, int] | None:
    """Begin and end of a tensor's data, or None where its description is not sound."""
    if not isinstance(tensor, dict) or tensor.keys() != {"dtype", "shape", "data_offsets"}:
        return None
    dtype, shape, offsets = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    item = _ITEM_BYTES.get(dtype) if isinstance(dtype, str) else None
    if item is None or not _are_counts(shape) or not _are_counts(offsets):
        return None
    if len(shape) > MOST_DIMENSIONS or len(offsets) != 2 or offsets[1] - offsets[0] != item * math.prod(shape):
        return None
    return offsets[0], offsets[1]


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 62 for item in value)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _memory_bytes() -> int | None:
    """Of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{path}: damaged, or not a safetensors file: {why}")
