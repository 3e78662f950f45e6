"""Labels: what the saved values of all splits mean.

Covers: values that become classes, marks of unlabelled images, one-hot rows, multi-label tables, the table of MedMNIST.
Does not cover: reading the values of one split (`values.py`), counting (`counts.py`), segmentation masks.

Labels never stop pre-training, which does not read them: what is wrong with them is kept as text, for evaluations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fastssl.data.source import Task

from .counts import shortened
from .medmnist_table import MedMNISTSet
from .values import UNLABELLED, LabelProblem, LabelValues, numbers_of_text, read_values, without_marks

IGNORED = 255
"""The value that marks what is not labelled in many sets of 8 bits."""
IDENTIFIERS_ABOVE = 0.75
"""Classes per labelled image above which labels are identifiers of images, not classes."""
FEW_IMAGES_PER_CLASS = 3
MANY_CLASSES = 20
_MULTI_LABEL: Task = "multi-label, binary-class"


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of a data set.

    Args:
        by_split: split -> int64 `[N]` class indices, -1 where an image is unlabelled, or `[N, L]` of 0, 1 and -1 (not
            known). Splits without any label are left out.
        task: in MedMNIST's words; "none" without labels.
        class_names: by class index, or by column of multi-label data.
        problem: why the labels that are there cannot be used, in one line; "" if nothing is wrong.
        notes: a line for each thing that was taken for something else.
    """

    by_split: Mapping[str, np.ndarray] = field(default_factory=dict)
    task: Task = "none"
    class_names: tuple[str, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def unusable(cls, problem: str) -> Labels:
        """Return no labels.

        Args:
            problem: why those that are there cannot be used.
        """
        return cls(problem=problem, notes=(f"labels are not used: {problem}",))


def read_labels(raw: Mapping[str, np.ndarray], counts: Mapping[str, int], known: MedMNISTSet | None = None) -> Labels:
    """Find out what the labels of all splits mean.

    Args:
        raw: split -> labels as saved.
        counts: split -> number of images.
        known: the MedMNIST set that the data are, whose table then says what the classes are.

    Returns:
        The labels, or the problem with them.
    """
    try:
        splits = {split: read_values(labels, counts[split], f"{split}_labels") for split, labels in raw.items()}
        splits = without_marks(numbers_of_text(splits, "labels"))
        if len({own.kind for own in splits.values()}) > 1:
            found = ", ".join(f"{split} {list(own.values.shape)}" for split, own in splits.items())
            raise LabelProblem(f"the splits' labels differ in kind ({found})")
        splits = {split: own for split, own in splits.items() if not own.missing.all()}
        if not splits:
            return Labels(notes=("every label says that there is none: taken as unlabelled",) if raw else ())
        return _meaning(splits, known)
    except LabelProblem as problem:
        return Labels.unusable(str(problem))


def _meaning(splits: Mapping[str, LabelValues], known: MedMNISTSet | None) -> Labels:
    """By MedMNIST's table where the values fit it, else by the values themselves."""
    table = any(own.kind for own in splits.values())
    if table:
        splits = {split: _zeros_and_ones(own, f"{split}_labels") for split, own in splits.items()}
    if known is not None:
        classes = len(known.class_names)
        if known.task == _MULTI_LABEL and all(own.kind == (classes,) for own in splits.values()):
            return Labels(by_split=_marked(splits), task=known.task, class_names=known.class_names)
        indices = _indices_of_rows(splits) if table else splits
        if indices and known.task != _MULTI_LABEL and _fit(indices, classes, table_of=splits if table else None):
            return Labels(by_split=_marked(indices), task=known.task, class_names=known.class_names)
    found = classes_by_value(splits) if not table else _by_row(splits)
    note = () if known is None else (f"named after {known.flag}, whose labels are others: read as another set",)
    return Labels(by_split=found.by_split, task=found.task, class_names=found.class_names, notes=(*note, *found.notes))


def _fit(indices: Mapping[str, LabelValues], classes: int, table_of: Mapping[str, LabelValues] | None) -> bool:
    """Whether class indices, or one-hot rows, are those of a set with so many classes."""
    if table_of is not None and any(own.kind != (classes,) for own in table_of.values()):
        return False
    return all(not own.is_text and 0 <= int(v) < classes for own in indices.values() for v in own.present())


def _by_row(splits: Mapping[str, LabelValues]) -> Labels:
    """Tables: one-hot rows are classes, all others several labels per image."""
    indices = _indices_of_rows(splits)
    if indices is not None:
        found = classes_by_value(indices)
        note = f"one-hot labels: each image is of one of {len(found.class_names)} classes"
        return Labels(
            by_split=found.by_split, task=found.task, class_names=found.class_names, notes=(note, *found.notes)
        )
    unknown = sum(int(own.missing.sum()) for own in splits.values())
    columns = next(iter(splits.values())).kind[0]
    return Labels(
        by_split=_marked(splits),
        task=_MULTI_LABEL,
        class_names=tuple(map(str, range(columns))),
        notes=(f"{unknown} entries of the label table are -1 or missing",) if unknown else (),
    )


def _zeros_and_ones(own: LabelValues, name: str) -> LabelValues:
    """A table of 0 and 1; 0 and one other value, such as 255, mean the same, and so do -1 and 1."""
    found = own.present()
    if own.is_text or found not in ([0], [1], [0, found[-1]], [-1], [-1, 1]):
        shown = shortened([str(value) for value in found])
        raise LabelProblem(f"{name} have {own.kind[0]} columns with values {shown}; several labels are 0 or 1")
    return LabelValues(values=(own.values > 0).astype(np.int64), missing=own.missing)


def _indices_of_rows(splits: Mapping[str, LabelValues]) -> dict[str, LabelValues] | None:
    """The column of the 1 in each row, if every row of every split has a single one or is missing."""
    indices = {}
    for split, own in splits.items():
        unlabelled = own.missing.all(axis=1)
        rows = own.values[~unlabelled]
        if own.kind[0] < 2 or own.missing[~unlabelled].any() or not (rows.sum(axis=1) == 1).all():
            return None
        indices[split] = LabelValues(values=own.values.argmax(axis=1), missing=np.asarray(unlabelled))
    return indices


def classes_by_value(splits: Mapping[str, LabelValues]) -> Labels:
    """Take the values that are there, in their order, for classes: one label per image.

    Args:
        splits: the labels by split, all of one kind, some of them present.

    Returns:
        The labels.

    Raises:
        LabelProblem: there is a single class, or a value for nearly each image.
    """
    values = sorted({value for own in splits.values() for value in own.present()})
    notes = []
    mark = _unlabelled_mark(splits, values)
    if mark is not None:
        values.remove(mark)
        notes.append(f"label {mark} means unlabelled, as the others are 0 to {values[-1]}")
    labelled = sum(int((~own.missing).sum()) for own in splits.values())
    _check_classes(values, labelled)
    if not isinstance(values[0], str) and values != list(range(len(values))):
        notes.append(f"labels {shortened([str(value) for value in values])} are classes")
    if len(values) >= MANY_CLASSES and labelled < FEW_IMAGES_PER_CLASS * len(values):
        notes.append(f"{len(values)} classes for {labelled} images: are the labels identifiers?")
    place = {value: index for index, value in enumerate(values)}
    by_split = {}
    for split, own in splits.items():
        found, where = np.unique(own.values, return_inverse=True)
        index = np.array([place.get(value, UNLABELLED) for value in found.tolist()], dtype=np.int64)
        by_split[split] = np.where(own.missing, UNLABELLED, index[where.reshape(-1)])
    return Labels(
        by_split={split: labels for split, labels in by_split.items() if (labels != UNLABELLED).any()},
        task="binary-class" if len(values) == 2 else "multi-class",
        class_names=tuple(map(str, values)),
        notes=tuple(notes),
    )


def _unlabelled_mark(splits: Mapping[str, LabelValues], values: Sequence[int | str]) -> int | None:
    """255, or the largest value of the dtype, where the other labels are 0 to k with a gap above them."""
    limits = {int(np.iinfo(own.values.dtype).max) for own in splits.values() if own.values.dtype.kind in "iu"}
    *others, last = values
    if isinstance(last, str) or last not in {IGNORED, *limits}:
        return None
    return last if len(others) > 1 and others == list(range(len(others))) and last > len(others) else None


def _check_classes(values: Sequence[int | str], labelled: int) -> None:
    if len(values) == 1:
        raise LabelProblem(f"every label is {values[0]}: there is nothing to tell apart")
    if len(values) > 2 and len(values) > IDENTIFIERS_ABOVE * labelled:
        raise LabelProblem(
            f"labels have {len(values)} values for {labelled} images, as identifiers have; evaluations need classes"
        )


def _marked(splits: Mapping[str, LabelValues]) -> dict[str, np.ndarray]:
    return {split: np.where(own.missing, UNLABELLED, own.values).astype(np.int64) for split, own in splits.items()}
