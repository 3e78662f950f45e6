"""`.npz` files of images: those of MedMNIST, and others of the same form.

Covers: `{train,val,test}_images`, `_labels` and `_groups` of any usual shape and type, as a source. Does not cover: the
archive (`archive.py`), other names (`names.py`), axes, types and values (`images.py`), labels (`labels/meaning.py`),
groups (`groups.py`), fetching the files of MedMNIST (`named/medmnist_sets.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.data.facts import report_of
from fastssl.data.fingerprint import fingerprints
from fastssl.data.labels.meaning import Labels, read_labels
from fastssl.data.labels.medmnist_table import set_of_file
from fastssl.data.patients import NumberedPatients, PatientOptions, check_leaks, number_groups
from fastssl.data.patients.options import NOBODY, check_no_group
from fastssl.data.reading import ReadingOptions
from fastssl.data.resize import square_images
from fastssl.data.source import Source, Split
from fastssl.data.values.range_words import describe_depth, describe_range
from fastssl.errors import DataError

from .archive import NpzArchive, StoredArray, open_archive
from .groups import check_groups
from .images import axes_of, check_type, to_grey_levels, with_channels
from .names import SPLITS, missing_images, unread_note
from .slices import cut_volumes

_LABEL_KINDS = "biufSU"


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """What an archive holds: each split's images `[N, H, W, C]` or `[N, D, H, W]`, labels and groups, and notes."""

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    groups: dict[str, np.ndarray]
    problem: str
    notes: tuple[str, ...]
    volumes: bool = False


def open_npz(
    path: Path,
    size: int | None = None,
    *,
    value_range: str | None = None,
    patients: PatientOptions | None = None,
    options: ReadingOptions | None = None,
) -> Source:
    """Read a `.npz` file with `train_images` and, where there are any, images of other splits, `*_labels`, `*_groups`.

    Images: `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, C in 1, 3, 4, booleans, integers or finite floats. Labels:
    whole numbers or text, `[N]` or `[N, 1]`, or a table `[N, L]`. Groups: whole numbers or text that say whose an image
    is, `[N]` or `[N, 1]`. A file named after a MedMNIST set takes that set's
    task, class names and modality; of a three-dimensional set `[N, D, H, W]` are volumes, which become slices with the
    label of their volume, and the volume is the group.

    Args:
        path: of the file.
        size: side of the images in pixels, to which others are resized in memory; None: their own short side.
        value_range: the values of black and white, as `open_source` takes them.
        patients: what becomes of the groups, which alone can say whose the images are; None: the defaults.
        options: how volumes are cut; None: along axis 0, every slice.

    Returns:
        The source, its images in memory.

    Raises:
        DataError: the file is damaged, has no `train_images`, or images or groups of another kind, or they do not fit
            into the memory; a patient is in two splits, or asked for otherwise than by the groups. Labels that cannot
            be used are no error, but the source's `label_problem`.
    """
    patients = patients or PatientOptions()
    check_no_group(patients, f"{path}: arrays *_groups alone say whose its images are")
    known = set_of_file(path.stem)
    with open_archive(path) as archive:
        if "train_images" not in archive.names:
            raise DataError(missing_images(path, archive.names))
        loaded = _load(archive, path, volumes=known is not None and known.volumes)
    if loaded.volumes:
        loaded = _cut(loaded, options or ReadingOptions(), path)
    levels = to_grey_levels(loaded.images, value_range, str(path))
    counts = {split: len(images) for split, images in levels.images.items()}
    labels = Labels.unusable(loaded.problem) if loaded.problem else read_labels(loaded.labels, counts, known)
    resized: list[str] = []
    images = square_images(levels.images, size, path.name, resized.append)
    known_patients = _patients(loaded.groups, patients)
    groups = known_patients.groups
    splits = {
        split: Split(images=own, labels=labels.by_split.get(split), groups=groups.get(split))
        for split, own in images.items()
    }
    digests = fingerprints(splits)
    return Source(
        name=path.stem,
        splits=splits,
        task=labels.task,
        class_names=labels.class_names,
        group_names=known_patients.names,
        modality=known.modality if known else "unknown",
        rgb=not (loaded.volumes and options is not None and options.neighbours),
        fingerprint=digests.whole,
        image_fingerprint=digests.images,
        value_range=None if levels.value_range is None else str(levels.value_range),
        label_problem=labels.problem,
        report=report_of(
            splits,
            name=path.stem,
            path=path,
            task=labels.task,
            class_names=labels.class_names,
            depth=describe_depth(levels.spans),
            value_range=describe_range(levels.value_range, levels.spans, value_range),
            outside=levels.outside,
            notes=[
                *loaded.notes,
                *levels.notes,
                *(note.removeprefix(f"{path.name}: ") for note in resized),
                *unread_note(archive.names),
                *labels.notes,
                *check_leaks(groups, str(path), allow_leak=patients.allow_leak),
            ],
        ),
    )


def _patients(named: dict[str, np.ndarray], options: PatientOptions) -> NumberedPatients:
    return number_groups({} if options.group == NOBODY else named, pseudonymise=options.pseudonymise)


def _cut(loaded: _Loaded, options: ReadingOptions, path: Path) -> _Loaded:
    """The slices of volumes, with labels and groups of their own."""
    slices = cut_volumes(loaded.images, loaded.labels, loaded.groups, options, str(path))
    return _Loaded(
        images=slices.images,
        labels=slices.labels,
        groups=slices.groups,
        problem=loaded.problem,
        notes=(*loaded.notes, *slices.notes),
        volumes=True,
    )


def _load(archive: NpzArchive, path: Path, *, volumes: bool) -> _Loaded:
    """Check what the headers say, then load it; `volumes`: four axes are `[N, D, H, W]`."""
    found = {split: archive.header(f"{split}_images") for split in SPLITS if f"{split}_images" in archive.names}
    notes, axes = [], {}
    for split, stored in list(found.items()):
        where = f"{path}: {stored.name}"
        check_type(stored.dtype, where)
        axes[split] = "NDHW" if volumes and len(stored.shape) == 4 else axes_of(stored.shape, where)
        if split != "train" and stored.shape[0] == 0:
            notes.append(f"{stored.name} are empty: taken as not there")
            del found[split]
        elif 0 in stored.shape:
            raise DataError(f"{where} have shape {list(stored.shape)}: there is no image in them")
        elif axes[split] == "NCHW":
            notes.append(f"{stored.name} are [N, C, H, W], by their shape {list(stored.shape)}")
    _check_one_shape(found, axes, path)
    labels, problem = _label_headers(archive, found)
    groups = {split: archive.header(f"{split}_groups") for split in found if f"{split}_groups" in archive.names}
    for split, stored in groups.items():
        check_groups(stored, found[split].shape[0], str(path))
    levels = 2 * sum(math.prod(stored.shape) for stored in found.values())
    loaded = (*found.values(), *labels.values(), *groups.values())
    archive.check_memory(sum(stored.nbytes for stored in loaded) + levels)
    return _Loaded(
        images={split: with_channels(archive.load(stored), axes[split]) for split, stored in found.items()},
        labels={split: archive.load(stored) for split, stored in labels.items()},
        groups={split: archive.load(stored) for split, stored in groups.items()},
        problem=problem,
        notes=tuple(notes),
        volumes="NDHW" in axes.values(),
    )


def _check_one_shape(found: dict[str, StoredArray], axes: dict[str, str], path: Path) -> None:
    """All splits hold images of one height, width and number of channels."""
    shapes = set()
    for split, stored in found.items():
        own = stored.shape[1:]
        shapes.add({"NHW": (*own, 1), "NHWC": own, "NCHW": (*own[1:], *own[:1]), "NDHW": own}[axes[split]])
    if len(shapes) > 1:
        shown = ", ".join(f"{split} {stored.dtype}{list(stored.shape[1:])}" for split, stored in found.items())
        raise DataError(f"{path}: the splits hold images of different kinds ({shown}); give them one shape and dtype")


def _label_headers(archive: NpzArchive, images: dict[str, StoredArray]) -> tuple[dict[str, StoredArray], str]:
    """The labels of the splits that have images; none, and the problem, where some are of a type that is no label."""
    found = {split: archive.header(f"{split}_labels") for split in images if f"{split}_labels" in archive.names}
    for stored in found.values():
        if stored.dtype.hasobject:
            return {}, f"{stored.name} hold Python objects (pickled), which are not loaded; save them with .astype(str)"
        if stored.dtype.kind not in _LABEL_KINDS:
            return {}, f"{stored.name} are {stored.dtype}; labels are whole numbers or text"
    return found, ""
