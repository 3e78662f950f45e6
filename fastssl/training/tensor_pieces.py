"""Tensors as the content of a safetensors file, piece by piece.

Covers: the header and the tensors' own memory, so that writing takes no memory beside theirs. Does not cover: writing
the pieces (`fastssl.files`), reading, for which safetensors' own library serves.

The bytes are those that `safetensors.torch.save` returns, which holds a second copy of everything while it makes them.
Format: https://huggingface.co/docs/safetensors (a length, a JSON header padded to 8 bytes, the tensors end to end).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

_NAMES = {
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
    torch.complex64: "C64",
    torch.float32: "F32",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""dtype -> its name in a header; tensors lie in a file in this order of their dtypes, then by name."""
_PLACES = {dtype: place for place, dtype in enumerate(_NAMES)}

PIECE = 1 << 24
"""Bytes of a piece: a reader of the pieces can stop between any two."""


def tensor_pieces(tensors: Mapping[str, Tensor], piece: int = PIECE) -> Iterator[bytes | memoryview]:
    """Yield the content of a safetensors file.

    Args:
        tensors: by name; row-major, on the CPU, not changed until the last piece is taken.
        piece: bytes of a piece at most, of what follows the header.

    Yields:
        The bytes, the header in one piece.
    """
    ordered = sorted(tensors.items(), key=lambda item: (_PLACES[item[1].dtype], item[0]))
    header, end = {}, 0
    for name, tensor in ordered:
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for _, tensor in ordered:
        content = tensor.detach().reshape(-1).view(torch.uint8).numpy().data
        for start in range(0, len(content), piece):
            yield content[start : start + piece]
