"""MedMNIST-style `.npz` files.

Covers: reading `{train,val,test}_images` and `_labels`, checking them, and saying in one line what is wrong. Does not
cover: fetching the files of MedMNIST (`medmnist_sets.py`), nor pickled arrays, which are never loaded.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fastssl.errors import DataError

from .fingerprint import fingerprint
from .label_counts import absence_notes
from .labels import read_labels
from .medmnist_table import set_of_file
from .resize import square_images
from .source import Source, Split

SPLITS = ("train", "val", "test")


def open_npz(path: Path, size: int | None = None, notify: Callable[[str], None] | None = None) -> Source:
    """Read a `.npz` file with `train_images` and, where there are any, `val_images`, `test_images` and `*_labels`.

    Images: `[N, H, W]` or `[N, H, W, C]`, C in 1, 3, 4, uint8 or uint16. Labels: integers, `[N]` or `[N, 1]` (class
    indices) or `[N, L]` (L labels that are 0 or 1). A file named after a MedMNIST set takes that set's task, class
    names and modality.

    Args:
        path: of the file.
        size: side of the images in pixels, to which others are resized in memory; None: their own short side.
        notify: called with one line of text whenever there is something to tell; None keeps quiet.

    Returns:
        The source, its images in memory.

    Raises:
        DataError: the file is damaged, has no `train_images`, or holds anything else.
    """
    arrays = _read(path)
    images = {
        split: _check_images(arrays[f"{split}_images"], split, path) for split in SPLITS if f"{split}_images" in arrays
    }
    if len({(a.shape[1:], a.dtype) for a in images.values()}) > 1:
        found = ", ".join(f"{split} {a.dtype}{list(a.shape[1:])}" for split, a in images.items())
        raise DataError(f"{path}: the splits hold images of different kinds ({found}); give them one shape and dtype")
    images = square_images(images, size, path.name, notify)
    counts = {split: len(array) for split, array in images.items()}
    raw = {split: arrays[f"{split}_labels"] for split in images if f"{split}_labels" in arrays}
    known = set_of_file(path.stem)
    labels = read_labels(raw, counts, known)
    splits = {split: Split(images=array, labels=labels.by_split.get(split)) for split, array in images.items()}
    for note in (*labels.notes, *absence_notes(labels.by_split, labels.class_names)):
        if notify:
            notify(f"{path.name}: {note}")
    return Source(
        name=path.stem,
        splits=splits,
        task=labels.task,
        class_names=labels.class_names,
        modality=known.modality if known else "unknown",
        fingerprint=fingerprint(splits),
        label_problem=labels.problem,
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    wanted = {f"{split}_{kind}" for split in SPLITS for kind in ("images", "labels")}
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(
                f"{path} is not a whole .npz file: it is cut short or of another kind; fetch or save it again"
            )
        with np.load(path, allow_pickle=False) as file:
            if "train_images" not in file.files:
                found = ", ".join(file.files[:12]) or "nothing"
                raise DataError(f"{path} has no 'train_images'; it holds {found}. Save the images under that name")
            arrays = {key: file[key] for key in file.files if key in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}; fetch or save it again") from error
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise DataError(
                f"{path} holds Python objects (pickled), which are not loaded; save plain arrays"
            ) from error
        raise DataError(f"{path} cannot be read: {error}; fetch or save it again") from error
    foreign = [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise DataError(f"{path}: {', '.join(foreign)} is no NumPy array; save it with numpy.savez")
    return arrays


def _check_images(images: np.ndarray, split: str, path: Path) -> np.ndarray:
    """Return `images` as `[N, H, W, C]`, or say what they are instead."""
    where = f"{path}: {split}_images"
    if images.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{where} are {images.dtype}; save them as uint8 (0 to 255) or uint16 (0 to 65535)")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise DataError(f"{where} have shape {list(images.shape)}; expected [N, H, W] or [N, H, W, C] with C 1, 3 or 4")
    if 0 in images.shape:
        raise DataError(f"{where} have shape {list(images.shape)}: there is no image in them")
    return images
