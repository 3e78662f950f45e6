"""Which files, classes and splits a folder of images has, by its layout.

Covers: class subfolders, train/val/test folders, flat unlabelled folders. Does not cover: opening any image.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from fastssl.errors import DataError

from ..splits import assign_splits

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
UNLABELLED = -1
"""The label of an image without one."""

Notify = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class FolderLayout:
    """The images in a folder, sorted by split (train, val, test) and path.

    Args:
        root: the folder.
        files: N paths relative to `root`.
        splits: "train", "val" or "test" for each file.
        labels: int64 `[N]` class indices, -1 where a split has no class folders.
        class_names: sorted; empty if no image has a label.
    """

    root: Path
    files: tuple[str, ...]
    splits: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]


def read_layout(root: Path, notify: Notify | None = None) -> FolderLayout:
    """Find the images in a folder, and their classes and splits by the subfolders that they are in.

    Folders train, val and test are taken as they are; without them, class subfolders are split by `assign_splits`, and
    unlabelled images are all "train". Hidden files and files of other kinds are ignored. If everything is in one
    subfolder, that one is read instead, and a single class is no label.

    Args:
        root: the folder.
        notify: called with one line of text for each thing that is left out; None keeps quiet.

    Returns:
        The layout. No image is opened.

    Raises:
        DataError: there is no image, no train folder next to val or test, or a class with a single image to split.
    """
    tell = notify or (lambda line: None)
    root, files = _enter(root, find_images(root))
    if any(_split_of(path) for path in files):
        rows = _by_split_folder(root, files, tell)
    else:
        rows = _by_class_folder(root, files, tell)
    class_names = tuple(sorted({name for _, name, _ in rows if name}))
    if len(class_names) == 1:
        tell(f"{root}: a single class, {class_names[0]}; taken as unlabelled")
        class_names = ()
    index = {name: label for label, name in enumerate(class_names)}
    order = {"train": 0, "val": 1, "test": 2}
    rows.sort(key=lambda row: (order[row[0]], row[2]))
    return FolderLayout(
        root=root,
        files=tuple(path for _, _, path in rows),
        splits=tuple(split for split, _, _ in rows),
        labels=np.array([index.get(name, UNLABELLED) for _, name, _ in rows], dtype=np.int64),
        class_names=class_names,
    )


def find_images(root: Path) -> list[str]:
    """List the image files in a folder and its subfolders; linked folders are followed once.

    Args:
        root: the folder.

    Returns:
        POSIX paths relative to `root`, sorted.

    Raises:
        DataError: there are none, or a folder cannot be listed.
    """
    found, seen, others = [], set(), 0
    for folder, subfolders, names in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__MACOSX"))]
        relative = Path(folder).relative_to(root)
        visible = [name for name in names if not name.startswith(".")]
        images = [name for name in visible if name.lower().endswith(SUFFIXES)]
        others += len(visible) - len(images)
        found += [(relative / name).as_posix() for name in images]
    if not found:
        holds = f"{others} files of other kinds" if others else "nothing"
        raise DataError(f"no image in {root}: it holds {holds}; images end in {', '.join(SUFFIXES)}")
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be listed: {error.strerror}; change its permissions or move it elsewhere")


def _enter(root: Path, files: list[str]) -> tuple[Path, list[str]]:
    """Go down into a subfolder that holds everything, as unpacked archives have it, unless it is a split."""
    while True:
        tops = {PurePosixPath(path).parts[0] for path in files}
        if len(tops) > 1 or "/" not in files[0] or _split_of(files[0]):
            return root, files
        top = tops.pop()
        root, files = root / top, [path[len(top) + 1 :] for path in files]


def _split_of(path: str) -> str | None:
    parts = PurePosixPath(path).parts
    return SPLIT_FOLDERS.get(parts[0].lower()) if len(parts) > 1 else None


def _by_split_folder(root: Path, files: list[str], tell: Notify) -> list[tuple[str, str, str]]:
    """(split, class name or "", path) of the files in split folders."""
    in_split = [path for path in files if _split_of(path)]
    if len(in_split) < len(files):
        tell(f"{root}: {len(files) - len(in_split)} images outside the train, val and test folders are left out")
    if not any(_split_of(path) == "train" for path in in_split):
        raise DataError(
            f"{root} has {', '.join(sorted({path.split('/')[0] for path in in_split}))} but no train folder"
        )
    rows = []
    for split in ("train", "val", "test"):
        own = [path for path in in_split if _split_of(path) == split]
        rows += [(split, name, path) for name, path in _classes(own, depth=1, where=f"{root}/{split}", tell=tell)]
    unseen = {name for split, name, _ in rows if split != "train"} - {
        name for split, name, _ in rows if split == "train"
    }
    if unseen - {""}:
        tell(f"{root}: no train image of class {', '.join(sorted(unseen - {''}))}")
    return rows


def _by_class_folder(root: Path, files: list[str], tell: Notify) -> list[tuple[str, str, str]]:
    """(split, class name or "", path) of files without split folders."""
    named = _classes(files, depth=0, where=str(root), tell=tell)
    names, paths = [name for name, _ in named], [path for _, path in named]
    if not any(names):
        return [("train", "", path) for path in paths]
    classes, labels, counts = np.unique(names, return_inverse=True, return_counts=True)
    if counts.min() == 1:
        alone = [paths[names.index(name)] for name in classes[counts == 1].tolist()]
        shown = ", ".join(alone[:3]) + (" ..." if len(alone) > 3 else "")
        raise DataError(
            f"{root}: {len(alone)} of {len(classes)} classes have a single image, too few to split ({shown}); "
            "add images, or put all images into one folder if the subfolders are not classes"
        )
    return list(zip(assign_splits(paths, labels), names, paths, strict=True))


def _classes(files: list[str], depth: int, where: str, tell: Notify) -> list[tuple[str, str]]:
    """(class name or "", path) of `files`, with the folder at `depth` as class; files outside classes are left out."""
    named = [
        (parts[depth] if len(parts) > depth + 1 else "", path)
        for path in files
        for parts in [PurePosixPath(path).parts]
    ]
    in_class = [(name, path) for name, path in named if name]
    if in_class and len(in_class) < len(named):
        tell(f"{where}: {len(named) - len(in_class)} images outside the class folders are left out")
    return in_class or named
