"""Files of weights of any origin: what a file is, found by its content, and its tensors by name.

Covers: safetensors files, state dicts and training checkpoints written by `torch.save`, of which only tensors are
taken; one line for whatever else is given. Does not cover: which of the tensors are an encoder's (`weight_match.py`).

Nothing is unpickled but what `weights_only=True` allows: tensors, numbers, texts and containers. Any other object that
a checkpoint names (its arguments, its configuration) is replaced by a placeholder that does nothing.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fastssl.errors import CheckpointError

from .tensor_file import MOST_NAME, check_fits_memory, read_tensors

_FILE = "encoder.safetensors"
MOST_DEPTH = 8
"""Of mappings in mappings, in which the tensors of a checkpoint lie."""
_HEAD_BYTES = 1024
_TORCH = (b"PK", b"\x80")
"""How files of `torch.save` begin: an archive, or the stream that versions before 1.6 wrote."""
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer: the weights themselves come with git lfs pull"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"BZh", "a bzip2 archive: unpack it first"),
    (b"\xfd7zXZ", "an xz archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x89HDF", "an HDF5 file (Keras, TensorFlow): save the weights by torch.save or as safetensors"),
    (b"\x93NUMPY", "a NumPy array: save the weights by torch.save or as safetensors"),
    (b"\x08", "an ONNX file: save the weights by torch.save or as safetensors"),
)
_ADVICE = "save its weights alone: torch.save(model.state_dict(), FILE)"


class _Placeholder:
    """Stands for any object that is not loaded; whatever is done to it does nothing."""

    def __new__(cls, *args: object) -> _Placeholder:
        return object.__new__(cls)

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read every tensor of a file of weights.

    Args:
        path: a run folder, a safetensors file, or a state dict or checkpoint written by `torch.save`; what a file is,
            its content tells and not its ending.

    Returns:
        Name -> tensor, on the CPU. A tensor in mappings is named by all their keys: "state_dict.module.fc.weight".

    Raises:
        CheckpointError: the file is missing, damaged, or holds no weights.
    """
    path = encoder_path(path)
    head = _head(path)
    if _is_safetensors(head):
        return read_tensors(path)
    foreign = _foreign(head)
    if foreign is not None:
        raise CheckpointError(f"{path}: {foreign}")
    if path.suffix == ".safetensors" and not head.startswith(_TORCH):
        return read_tensors(path)
    check_fits_memory(path)
    content = _load(path)
    if isinstance(content, _Placeholder):
        raise CheckpointError(f"{path}: a whole Python object, not weights; {_ADVICE}")
    weights: dict[str, Tensor] = {}
    for name, value in _tensors(content, (), set()):
        if weights.setdefault(name, value) is not value:
            raise CheckpointError(f"{path}: two tensors are called {name}")
    if not weights:
        raise CheckpointError(f"{path}: holds no state dict (a mapping of names to tensors)")
    return weights


def encoder_path(path: Path) -> Path:
    """Return the encoder's file in a run folder, or the file itself.

    Args:
        path: a run folder or a file.
    """
    return path / _FILE if path.is_dir() else path


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise CheckpointError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise CheckpointError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _is_safetensors(head: bytes) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and head[5:8] == b"\0\0\0"


def _foreign(head: bytes) -> str | None:
    """What a file is that holds no weights, with the advice to give; None for what may hold some."""
    if not head:
        return "an empty file"
    for begin, kind in _KINDS:
        if head.startswith(begin):
            return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<error")):
        return "a web page, not weights: the download went wrong"
    return "a text, not weights" if all(byte >= 32 or byte in b"\t\r\n" for byte in head) else None


def _load(path: Path) -> Any:
    """What a file of `torch.save` holds, with placeholders for all that is not plain."""
    if zipfile.is_zipfile(path):
        _check_archive(path)
    try:
        # An open file, since torch looks at the ending of a path; without its warnings about how pickles are written.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            objects: list[Any] = [(_Placeholder, name) for name in _objects(path)]
            with torch.serialization.safe_globals(objects):
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # torch's own texts run over many lines and advise loading it unsafely
        raise CheckpointError(f"{path}: damaged, or not a file of plain weights; {_ADVICE}") from None


def _objects(path: Path) -> list[str]:
    """The classes and functions that a checkpoint names beyond what is plain, found without running anything."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # of the old format, or damaged; loading will tell
        return []


def _check_archive(path: Path) -> None:
    """Refuse an archive that is not torch's, or that would grow when read."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise CheckpointError(f"{path}: a damaged archive; fetch or save it again") from None
    names = [entry.filename for entry in entries]
    if any(name.endswith("constants.pkl") for name in names):
        raise CheckpointError(f"{path}: a TorchScript program, not weights; {_ADVICE}")
    if not any(name.endswith("data.pkl") for name in names):
        what = "NumPy arrays" if names and all(name.endswith(".npy") for name in names) else "a zip archive"
        raise CheckpointError(f"{path}: {what}, not weights; give the file of weights itself")
    if sum(entry.file_size for entry in entries) > 2 * path.stat().st_size + (1 << 20):
        raise CheckpointError(f"{path}: a compressed archive, which torch.save does not write; {_ADVICE}")


def _tensors(content: Any, place: tuple[str, ...], known: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Every plain tensor in mappings of mappings, by its keys; a mapping that is there twice is taken once."""
    if isinstance(content, Mapping) and len(place) < MOST_DEPTH and id(content) not in known:
        known.add(id(content))
        for key, value in content.items():
            if isinstance(key, str | int) and len(str(key)) <= MOST_NAME:
                yield from _tensors(value, (*place, str(key)), known)
    elif isinstance(content, Tensor) and place and content.layout == torch.strided and content.device.type == "cpu":
        yield ".".join(place), content.detach()
