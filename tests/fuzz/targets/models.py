"""Encoder files, their headers, and weights of other origin."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load, save

from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.models.weight_file import read_weights
from fastssl.models.weight_match import load_weights
from tests.fuzz.target import Target

SPEC = EncoderSpec(name="test_resnet", in_channels=1, size=16)


@cache
def _encoder() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.safetensors"
        save_encoder(path, create_encoder(SPEC.name, SPEC.in_channels, SPEC.size, seed=0), SPEC)
        return path.read_bytes()


def _encoders() -> Sequence[bytes]:
    return [_encoder()]


def _load_encoder(content: bytes, folder: Path) -> None:
    (folder / "encoder.safetensors").write_bytes(content)
    found = load_encoder(folder)
    assert not found.module.training


def _header_end() -> int:
    return 8 + int.from_bytes(_encoder()[:8], "little")


def _headers() -> Sequence[bytes]:
    return [_encoder()[8 : _header_end()]]


def _load_header(content: bytes, folder: Path) -> None:
    """An encoder file whose header may be any text, of the right length."""
    data = _encoder()[_header_end() :]
    _load_encoder(len(content).to_bytes(8, "little") + content + data, folder)


def _specs() -> Sequence[bytes]:
    header = json.loads(_headers()[0])
    return [text.encode() for text in header["__metadata__"].values()]


def _load_spec(content: bytes, folder: Path) -> None:
    """A sound encoder file that says something else of what it is."""
    header = json.loads(_headers()[0])
    name = next(iter(header["__metadata__"]))
    _load_encoder(save(load(_encoder()), metadata={name: content.decode("utf-8", "replace")}), folder)


def _foreign() -> Sequence[bytes]:
    weights = load(_encoder())
    found = []
    for content in (weights, {"state_dict": {f"module.{name}": value for name, value in weights.items()}, "epoch": 3}):
        for new in (True, False):
            stream = io.BytesIO()
            torch.save(content, stream, _use_new_zipfile_serialization=new)
            found.append(stream.getvalue())
    return [*found, save(weights)]


def _load_foreign(content: bytes, folder: Path) -> None:
    (folder / "weights.pth").write_bytes(content)
    load_weights(
        create_encoder(SPEC.name, SPEC.in_channels, SPEC.size), read_weights(folder / "weights.pth"), "weights"
    )


TARGETS = (
    Target(name="encoder", seeds=_encoders, run=_load_encoder),
    Target(name="encoder-header", seeds=_headers, run=_load_header),
    Target(name="encoder-spec", seeds=_specs, run=_load_spec),
    Target(name="weights", seeds=_foreign, run=_load_foreign),
)
