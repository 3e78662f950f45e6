"""Archives of arrays (.npz), as a whole and by their members."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastssl.data import open_source
from tests.fuzz.target import Target

_RNG = np.random.default_rng(0)
_IMAGES = _RNG.integers(0, 256, (9, 12, 12), dtype=np.uint8)
_LABELS = np.arange(9)[:, None] % 3


def _saved(**arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _archives() -> Sequence[bytes]:
    packed = io.BytesIO()
    np.savez_compressed(packed, train_images=_IMAGES, train_labels=_LABELS)
    colour = _RNG.integers(0, 65536, (6, 9, 12, 3)).astype(np.uint16)
    return [
        _saved(train_images=_IMAGES, train_labels=_LABELS, test_images=_IMAGES[:3], test_labels=_LABELS[:3]),
        _saved(x_train=colour.astype(">u2"), y_train=np.eye(6, dtype=np.int64)),
        _saved(images=_IMAGES.astype(np.float32) / 255, labels=np.array(list("abcabcabc"))),
        packed.getvalue(),
    ]


def _open(path: Path) -> None:
    source = open_source(path, size=8)
    for split in source.splits.values():
        assert split.images.shape[1:3] == (8, 8)
        assert split.images.dtype in (np.uint8, np.uint16)
        assert split.labels is None or len(split.labels) == len(split.images)
        assert split.labels is None or split.labels.min(initial=0) >= -1
    for line in source.report.lines() if source.report is not None else []:
        assert "\n" not in line


def _open_archive(content: bytes, folder: Path) -> None:
    (folder / "data.npz").write_bytes(content)
    _open(folder / "data.npz")


def _members() -> Sequence[bytes]:
    """Arrays of a .npz file, each behind the length of its name, its name and its length."""
    found = []
    for content in _archives():
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(name.encode(), archive.read(name)) for name in archive.namelist()]
        found.append(b"".join(struct.pack("<BI", len(name), len(data)) + name + data for name, data in members))
    return found


def _open_members(content: bytes, folder: Path) -> None:
    """An archive without a fault, of members that may be anything: checksums do not protect the reader of arrays."""
    place = 0
    with zipfile.ZipFile(folder / "data.npz", "w") as archive:
        while len(content) - place >= 5:
            name_length, length = struct.unpack_from("<BI", content, place)
            name = content[place + 5 : place + 5 + name_length].decode("latin-1").replace("\0", "0")
            place += 5 + name_length
            if name and name not in archive.namelist():
                archive.writestr(name, content[place : place + length])
            place += length
    _open(folder / "data.npz")


TARGETS = (
    Target(name="npz", seeds=_archives, run=_open_archive),
    Target(name="npz-arrays", seeds=_members, run=_open_members),
)
