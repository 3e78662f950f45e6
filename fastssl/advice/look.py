"""Looking at data: the facts that rules are applied to.

Covers: opening the data, their task, their labels, images that are there twice. Does not cover: what follows from the
facts (`choice.py`), training or any network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from fastssl.config.advise import AdviseConfig
from fastssl.data import Source, open_source
from fastssl.data.source import Split
from fastssl.errors import DataError
from fastssl.models.imagenet import LITE0, is_at_hand

from .facts import Task, TaskFacts
from .likeness import SIDE, difference_hashes, digests, like_another, repeated
from .masks import MaskedFolder, find_masks

MOST_COMPARED = 20_000
"""Images of a split that are compared with others; of more, evenly spread ones."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Data that were looked at.

    Attributes:
        source: the data.
        facts: about them.
        masks: the folder's masks, if it has any.
        notes: what to know of the facts: what was assumed, what was sampled.
    """

    source: Source
    facts: TaskFacts
    masks: MaskedFolder | None = None
    notes: tuple[str, ...] = ()


def look_at(config: AdviseConfig, *, on_gpu: bool, notify: Callable[[str], None] | None = None) -> Looked:
    """Open data and find the facts about them.

    Args:
        config: names the data, and what the user says of them.
        on_gpu: a GPU is in use.
        notify: called with one line of text whenever there is something to tell.

    Returns:
        The data and the facts.

    Raises:
        DataError: the data cannot be opened, or more labels are asked for than there are images.
    """
    source = open_source(config.data, **config.reading, notify=notify)
    masks = _masks_of(source)
    task, notes = _task(config, source, masks)
    train = source.splits["train"]
    labels = _labels(train, task, masks) if config.label_budget is None else config.label_budget
    if labels is not None and labels > len(train):
        there = f"{source.name} has {len(train)} training images"
        raise DataError(f"label_budget={labels}: {there}; give at most that many")
    counts = _class_counts(source) if task == "classification" else None
    compared = _compared(source)
    height, width, channels = source.image_shape
    facts = TaskFacts(
        task=task,
        images=len(train),
        size=min(height, width),
        channels=channels,
        bits=8 * train.images.dtype.itemsize,
        modality=config.modality or source.modality,
        labels=labels,
        labels_per_class=_smallest(counts, labels),
        label_share=None if labels is None else labels / len(train),
        classes=None if counts is None else len(counts),
        imbalance=None if counts is None or counts.min() == 0 else float(counts.max() / counts.min()),
        duplicates=compared.duplicates,
        redundancy=compared.redundancy,
        leaks=compared.leaks,
        budget=config.budget,
        gpu=on_gpu,
        imagenet=is_at_hand(LITE0),
    )
    if facts.modality == "unknown":
        notes.append('the modality is not known; rules on it need --modality, such as --modality "chest X-ray"')
    return Looked(source=source, facts=facts, masks=masks, notes=(*notes, *compared.notes))


def _masks_of(source: Source) -> MaskedFolder | None:
    folder = Path(source.report.path) if source.report.path else None
    return find_masks(folder) if folder is not None and folder.is_dir() else None


def _task(config: AdviseConfig, source: Source, masks: MaskedFolder | None) -> tuple[Task, list[str]]:
    """The task that is asked for, else that of the labels, else that of the masks."""
    if config.task != "auto":
        return cast(Task, config.task), []
    if source.task != "none":
        return "classification", []
    if masks is not None:
        return "segmentation", []
    return "classification", ["no labels and no masks: taken for classification; --task says what it is for"]


def _labels(train: Split, task: Task, masks: MaskedFolder | None) -> int | None:
    """Labelled training images, or images with a mask."""
    if task == "segmentation":
        drawn = None if train.masks is None else len(train.masks)
        return drawn if masks is None else masks.pairs
    if train.labels is None:
        return None
    return int((train.labels.reshape(len(train), -1) >= 0).all(axis=1).sum())


def _class_counts(source: Source) -> np.ndarray | None:
    """Training images of each class, or those that each label is given to."""
    labels = source.splits["train"].labels
    if labels is None:
        return None
    if labels.ndim == 2:
        return np.asarray((labels > 0).sum(axis=0))
    known = labels[labels >= 0]
    return np.bincount(known, minlength=len(source.class_names)) if len(known) else None


def _smallest(counts: np.ndarray | None, labels: int | None) -> int | None:
    """Labelled images of the smallest class, where `labels` are drawn evenly."""
    if counts is None or labels is None or counts.sum() == 0:
        return None
    return int(counts.min() * min(1.0, labels / counts.sum()))


@dataclass(frozen=True, kw_only=True)
class _Compared:
    duplicates: int
    redundancy: float
    leaks: int
    notes: tuple[str, ...]


def _compared(source: Source) -> _Compared:
    """What is there twice, in the training split and across splits."""
    images = {name: _sample(split) for name, split in source.splits.items()}
    keys = {name: digests(own) for name, own in images.items()}
    train = set(keys["train"])
    sampled = [name for name, split in source.splits.items() if len(split) > MOST_COMPARED]
    wide_enough = min(source.image_shape[:2]) > SIDE
    return _Compared(
        duplicates=repeated(keys["train"]),
        redundancy=like_another(difference_hashes(images["train"])) if wide_enough else 0.0,
        leaks=sum(key in train for name, own in keys.items() if name != "train" for key in own),
        notes=(f"duplicates were looked for among {MOST_COMPARED} images of {', '.join(sampled)}",) if sampled else (),
    )


def _sample(split: Split) -> np.ndarray:
    rows = np.unique(np.linspace(0, len(split) - 1, min(len(split), MOST_COMPARED)).astype(np.int64))
    return np.asarray(split.images[rows])
