"""Files of weights, told by their content: tensors are read, nothing is run, anything else is said in one line."""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from fastssl.errors import CheckpointError
from fastssl.models.weight_file import read_weights

WEIGHTS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}


def saved(content: object, *, archive: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=archive)
    return buffer.getvalue()


def zipped(*names: str, kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name in names:
            archive.writestr(name, b"\0" * (1 << 22))
    return buffer.getvalue()


class Runs:
    """Its loading by pickle makes a file."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def making(path: Path) -> dict[str, Runs]:
    """Objects that make a file when they are loaded, each by another way."""
    return {
        "exec": Runs(exec, f"open({str(path)!r}, 'w')"),
        "open": Runs(open, str(path), "w"),
        "system": Runs(os.system, f"touch {path}"),
        "method": Runs(Path.touch, path),
        "eval": Runs(eval, f"open({str(path)!r}, 'w')"),
    }


SOUND: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a state dict": ("w.pth", lambda: saved(OrderedDict(WEIGHTS)), ""),
    "before torch 1.6": ("w.pth", lambda: saved(WEIGHTS, archive=False), ""),
    "safetensors": ("w.safetensors", lambda: save(WEIGHTS), ""),
    "safetensors by another ending": ("pytorch_model.bin", lambda: save(WEIGHTS), ""),
    "torch.save by another ending": ("w.safetensors", lambda: saved(WEIGHTS), ""),
    "no ending": ("weights", lambda: saved(WEIGHTS), ""),
    "in a mapping": ("w.ckpt", lambda: saved({"state_dict": WEIGHTS, "epoch": 3}), "state_dict."),
    "in mappings": ("w.pt", lambda: saved({"a": {"b": {"c": WEIGHTS}}}), "a.b.c."),
    "with arguments": ("w.pth", lambda: saved({"model": WEIGHTS, "args": argparse.Namespace(lr=1)}), "model."),
    "with numbers of NumPy": ("w.pth", lambda: saved({"model": WEIGHTS, "best": np.float64(0.5)}), "model."),
    "with a path": ("w.pth", lambda: saved({"model": WEIGHTS, "out": Path("runs")}), "model."),
    "with parameters": ("w.pth", lambda: saved({"w": {k: nn.Parameter(v) for k, v in WEIGHTS.items()}}), "w."),
}


@pytest.mark.parametrize("what", SOUND)
def test_weights_are_read_whatever_the_file_is_called(tmp_path: Path, what: str) -> None:
    name, content, prefix = SOUND[what]
    (tmp_path / name).write_bytes(content())
    found = read_weights(tmp_path / name)
    assert found.keys() == {prefix + key for key in WEIGHTS}
    assert all(torch.equal(found[prefix + key], value) for key, value in WEIGHTS.items())
    assert not any(value.requires_grad for value in found.values())


@pytest.mark.parametrize("way", making(Path()))
@pytest.mark.parametrize("archive", [True, False])
def test_nothing_that_a_file_names_is_run(tmp_path: Path, way: str, archive: bool) -> None:
    made = tmp_path / "made"
    pickle.loads(pickle.dumps(making(made)[way]))
    assert made.exists()
    made.unlink()
    (tmp_path / "w.pth").write_bytes(saved({"model": WEIGHTS, "extra": making(made)[way]}, archive=archive))
    try:
        found = read_weights(tmp_path / "w.pth")
    except CheckpointError:
        found = {}
    assert not made.exists()
    assert found.keys() == (
        {"model." + key for key in WEIGHTS} if archive and way in ("exec", "open", "eval") else set()
    )


def big_page() -> bytes:
    return b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>Sign in to download</body></html>" * 100


FOREIGN: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "an empty file": ("w.pth", lambda: b"", "an empty file"),
    "a text": ("w.pth", lambda: "lernrate: 0.1 für alle\n".encode() * 99, "a text, not weights"),
    "a text as safetensors": ("w.safetensors", lambda: b"not found\n", "a text, not weights"),
    "JSON": ("w.bin", lambda: json.dumps({"a": 1}).encode(), "a text, not weights"),
    "a web page": ("w.pth", big_page, "a web page, not weights: the download went wrong"),
    "a web page as safetensors": ("w.safetensors", big_page, "a web page, not weights"),
    "an XML error": ("w.pth", lambda: b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page"),
    "a pointer": (
        "w.safetensors",
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
        "a Git LFS pointer: the weights themselves come with git lfs pull",
    ),
    "gzip": ("w.pth", lambda: gzip.compress(saved(WEIGHTS)), "a gzip archive: unpack it first"),
    "a zip archive": ("w.pth", lambda: zipped("model.pth", "readme.txt"), "a zip archive, not weights"),
    "arrays of NumPy": ("w.npz", lambda: zipped("a.npy", "b.npy"), "NumPy arrays, not weights"),
    "HDF5": ("w.h5", lambda: b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "an HDF5 file (Keras, TensorFlow)"),
    "TorchScript": ("w.pt", lambda: zipped("w/constants.pkl", "w/data.pkl"), "a TorchScript program, not weights"),
    "a bomb": ("w.pth", lambda: zipped("w/data.pkl", kind=zipfile.ZIP_DEFLATED), "a compressed archive"),
    "a whole module": (
        "w.pth",
        lambda: saved(nn.Conv2d(1, 2, 3)),
        "a whole Python object, not weights; save its weights",
    ),
    "a module in a mapping": ("w.pth", lambda: saved({"model": nn.Conv2d(1, 2, 3)}), "holds no state dict"),
    "a tensor": ("w.pth", lambda: saved(torch.ones(3)), "holds no state dict"),
    "a list": ("w.pth", lambda: saved([torch.ones(3)]), "holds no state dict"),
    "numbers": ("w.pth", lambda: saved({"lr": 0.1}), "holds no state dict"),
    "tensors without numbers": ("w.pth", lambda: saved({"a": torch.ones(2, device="meta")}), "holds no state dict"),
    "a plain pickle": ("w.pkl", lambda: pickle.dumps({"a": [1.0]}), "damaged, or not a file of plain weights"),
    "half of a file": ("w.pth", lambda: saved(WEIGHTS)[:300], "damaged, or not a file of plain weights"),
    "half of an old file": ("w.pth", lambda: saved(WEIGHTS, archive=False)[:200], "damaged, or not a file of plain"),
    "one name twice": (
        "w.pth",
        lambda: saved({"a": {"b": torch.ones(1)}, "a.b": torch.ones(2)}),
        "two tensors are called a.b",
    ),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_holds_no_weights_is_said_in_one_line(tmp_path: Path, what: str) -> None:
    name, content, says = FOREIGN[what]
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(CheckpointError) as caught:
        read_weights(path)
    assert str(caught.value).startswith(f"{path}: {says}")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("kind", ["missing", "pipe"])
def test_what_is_no_file_is_one_line_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(tmp_path / kind)
    with pytest.raises(CheckpointError, match="no such file" if kind == "missing" else "not a file"):
        read_weights(tmp_path / kind)


def test_mappings_that_hold_each_other_a_million_times_are_walked_once(tmp_path: Path) -> None:
    content: dict[str, object] = {"w": torch.ones(2)}
    for _ in range(6):
        content = {f"{number}": content for number in range(200)}
    (tmp_path / "w.pth").write_bytes(saved(content))
    assert len(read_weights(tmp_path / "w.pth")) == 1


@given(data=st.data(), archive=st.booleans())
@settings(max_examples=100, deadline=2000)
def test_a_mutated_file_is_read_or_refused_in_one_line(
    data: st.DataObject, archive: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(saved({"state_dict": WEIGHTS, "args": argparse.Namespace(lr=1)}, archive=archive))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path = tmp_path_factory.getbasetemp() / f"mutated-{os.getpid()}.pth"
    path.write_bytes(content)
    try:
        read_weights(path)
    except CheckpointError as error:
        if "\n" in str(error):
            pytest.fail(f"more than one line: {error}")
