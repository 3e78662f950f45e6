"""Files of tensors: byte for byte those of safetensors' own library."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from fastssl.training.tensor_pieces import tensor_pieces

DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16", "bool")
EVERY_KIND = {name: torch.arange(6).reshape(2, 3).to(getattr(torch, name)) for name in DTYPES}
SHAPES = {"scalar": torch.tensor(3.5), "empty": torch.zeros(0, 4), "deep": torch.rand(2, 1, 3, 1, 2)}


@pytest.mark.parametrize(
    "tensors",
    [
        EVERY_KIND,
        SHAPES,
        {"b": torch.ones(1), "a": torch.zeros(1), "layer.0.weight": torch.rand(3), 'quote"\\é\t': torch.rand(2)},
        {},
    ],
    ids=["every-dtype", "shapes", "names", "none"],
)
def test_the_bytes_are_those_of_safetensors(tensors: dict[str, Tensor]) -> None:
    assert b"".join(tensor_pieces(tensors)) == save(tensors)


def test_large_tensors_come_in_pieces() -> None:
    tensors = {"weight": torch.rand(77)}
    pieces = list(tensor_pieces(tensors, piece=100))
    assert [len(piece) for piece in pieces[1:]] == [100, 100, 100, 8]
    assert torch.equal(load(b"".join(pieces))["weight"], tensors["weight"])
