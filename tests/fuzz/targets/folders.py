"""Folders of images: names and places that may be anything, and packs of decoded images that are damaged."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from fastssl.data import open_source
from fastssl.data.layout import read_layout
from tests.fuzz.target import Target

MOST_FILES = 200


@cache
def _picture(level: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((8, 8), level, np.uint8)).save(content, "PNG")
    return content.getvalue()


def _layouts() -> Sequence[bytes]:
    """Lines, each the path of a file below the folder."""
    trees = (
        [f"{split}/{kind}/{n}.png" for split in ("train", "val", "test") for kind in "ab" for n in range(3)],
        [f"{kind}/{n}.png" for kind in ("cat", "dog") for n in range(6)],
        [f"Training/{kind}/{n}.jpg" for kind in ("no", "yes") for n in range(4)] + ["Testing/no/1.jpg", "labels.csv"],
        [f"fold{fold}/{n}.png" for fold in range(3) for n in range(3)],
        [f"images/{n}.png" for n in range(6)] + [f"masks/{n}_mask.png" for n in range(6)],
        [f"{kind}/images/x{n}.png" for kind in "ab" for n in range(3)] + ["a/masks/x0.png", ".hidden/1.png"],
        [f"x{n}.png" for n in range(9)] + ["Thumbs.db", "@eaDir/x.png"],
    )
    return ["\n".join(tree).encode() for tree in trees]


def _plant(content: bytes, folder: Path) -> None:
    """Make the files that lines name, as far as a file system can have them, inside the folder."""
    for number, line in enumerate(content.split(b"\n")[:MOST_FILES]):
        parts = [part[:200] for part in line.replace(b"\0", b"0").split(b"/") if part not in (b"", b".", b"..")][:12]
        if not parts:
            continue
        path = folder.joinpath(*map(os.fsdecode, parts))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_picture(number % 256) if b"." in parts[-1] else line)
        except OSError:
            continue


def _read(content: bytes, folder: Path) -> None:
    _plant(content, folder)
    layout = read_layout(folder)
    assert len(layout.files) == len(layout.splits) == len(layout.labels)
    assert set(layout.splits) <= {"train", "val", "test"}
    assert layout.labels.max(initial=-1) < len(layout.class_names) or not layout.class_names
    assert all((layout.root / file).is_file() for file in layout.files)
    assert all("\n" not in text for text in (*layout.notes, *layout.class_names))


def _open(content: bytes, folder: Path) -> None:
    _plant(content, folder)
    source = open_source(folder, size=8)
    for name, split in source.splits.items():
        assert name in ("train", "val", "test")
        assert split.images.shape[1:3] == (8, 8)
        assert len(np.asarray(split.images)) == len(split.images)


_ONE_PACK = "\n".join(f"{kind}/{n}.png" for kind in "ab" for n in range(3)).encode()


@cache
def _pack_files() -> tuple[tuple[str, bytes], ...]:
    """The files of a pack, by their endings, as they are written for a small folder."""
    found: list[tuple[str, bytes]] = []

    def collect(content: bytes, folder: Path) -> None:
        _open(content, folder)
        found.extend((path.suffix, path.read_bytes()) for path in _cached(folder))

    from tests.fuzz.target import check

    check(Target(name="pack", seeds=_packs, run=collect), _ONE_PACK)
    return tuple(found)


def _cached(folder: Path) -> list[Path]:
    """The files in the cache of the process that was given this folder, but those that are empty."""
    files = sorted((folder.parent / "cache").rglob("*"))
    return [path for path in files if path.is_file() and path.stat().st_size]


def _packs() -> Sequence[bytes]:
    return [bytes([place]) + content for place, (_, content) in enumerate(_pack_files())]


def _open_pack(content: bytes, folder: Path) -> None:
    """A pack of which one file is something else: the images are right all the same, or refused."""
    _open(_ONE_PACK, folder)
    right = {name: np.array(split.images) for name, split in open_source(folder, size=8).splits.items()}
    files = _cached(folder)
    path = files[(content[0] if content else 0) % len(files)]
    path.chmod(0o600)
    path.write_bytes(content[1:])
    for name, split in open_source(folder, size=8).splits.items():
        found = np.array(split.images)
        assert found.shape == right[name].shape
        if path.suffix != ".raw":  # pixels that were changed at the same length cannot be told
            assert np.array_equal(found, right[name])


TARGETS = (
    Target(name="layout", seeds=_layouts, run=_read),
    Target(name="folder", seeds=_layouts, run=_open),
    Target(name="pack", seeds=_packs, run=_open_pack),
)
