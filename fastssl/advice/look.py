"""Looking at data: the facts that rules are applied to.

Covers: opening the data, their task, their labels, what an inspection finds in them. Does not cover: inspecting
(`fastssl.inspection`), what follows from the facts (`choice.py`), training or any network.
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
from fastssl.inspection.inspect_source import inspect_source
from fastssl.inspection.inspection import Inspection
from fastssl.models.imagenet import LITE0, is_at_hand

from .facts import Task, TaskFacts
from .masks import MaskedFolder, find_masks

MOST_COMPARED = 20_000
"""Images of a split that are looked at; of more, evenly spread ones."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Data that were looked at.

    Attributes:
        source: the data.
        facts: about them.
        inspection: what was found in them, as `fastssl inspect` finds it.
        masks: the folder's masks, if it has any.
        notes: what to know of the facts: what was assumed, what was sampled.
    """

    source: Source
    facts: TaskFacts
    inspection: Inspection
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
    inspection = inspect_source(source, most=MOST_COMPARED, notify=notify)
    found = inspection.duplicates
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
        duplicates=found.repeated["train"],
        redundancy=found.alike["train"] / inspection.looked_at["train"],
        leaks=sum(copy.other_split == "train" for copy in found.across),
        patients=_patients(source),
        budget=config.budget,
        gpu=on_gpu,
        imagenet=is_at_hand(LITE0),
    )
    if facts.modality == "unknown":
        notes.append('the modality is not known; rules on it need --modality, such as --modality "chest X-ray"')
    notes += _sampled(inspection)
    return Looked(source=source, facts=facts, inspection=inspection, masks=masks, notes=tuple(notes))


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


def _patients(source: Source) -> int | None:
    """Patients of all splits; None where it is not known of one of them whose its images are."""
    groups = [split.groups for split in source.splits.values()]
    known = [own for own in groups if own is not None]
    return len(np.unique(np.concatenate(known))) if len(known) == len(groups) else None


def _sampled(inspection: Inspection) -> list[str]:
    """A note where only some images were looked at."""
    splits = inspection.source.splits.items()
    sampled = [name for name, split in splits if inspection.looked_at[name] < len(split)]
    if not sampled:
        return []
    return [f"{MOST_COMPARED} images of {', '.join(sampled)} were looked at; fastssl inspect looks at all of them"]
