"""The labels of one split as they were saved: whole numbers or text, and which of them are missing.

Covers: every dtype that NumPy saves without pickling, numbers that are written as text, marks of a missing label.
Does not cover: which values are classes, over all splits (`meaning.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_MISSING_TEXT = ("", "nan", "<na>")
UNLABELLED = -1
MARKS = (UNLABELLED, -100)
"""Numbers that say that there is no label: the usual one, and the one that PyTorch's losses pass over."""


class LabelProblem(Exception):
    """Labels that cannot be used; its text is one line. Not an error of the data set, whose images can be."""


@dataclass(frozen=True, kw_only=True)
class LabelValues:
    """The labels of one split.

    Args:
        values: `[N]` or `[N, L]`: booleans, integers, whole floats, or text.
        missing: bool, of the same shape: there is no label; the value then means nothing.
    """

    values: np.ndarray
    missing: np.ndarray

    @property
    def kind(self) -> tuple[int, ...]:
        """() of one label per image, (L,) of a table with L columns."""
        return self.values.shape[1:]

    @property
    def is_text(self) -> bool:
        """Whether the values are text."""
        return self.values.dtype.kind == "U"

    def present(self) -> list[int | str]:
        """Return the values that are there, sorted, each once."""
        found = np.unique(self.values[~self.missing]).tolist()
        return found if self.is_text else [int(value) for value in found]


def read_values(labels: np.ndarray, count: int, name: str) -> LabelValues:
    """Check the labels of one split and find those that are missing: NaN, empty text, what a cast makes of NaN.

    Args:
        labels: as saved: `[N]`, a table `[N, L]`, or N values with other axes of length 1.
        count: of the split's images, N.
        name: of the labels, for the text of a problem.

    Returns:
        Their values.

    Raises:
        LabelProblem: they have another shape or length, or are neither whole numbers nor text.
    """
    labels = _shaped(labels, count, name)
    kind = labels.dtype.kind
    if kind in "SU":
        return _text(labels)
    if kind == "f":
        return _floats(labels.astype(np.float64), name)
    if kind not in "biu":
        raise LabelProblem(f"{name} are {labels.dtype}; labels are whole numbers or text")
    missing = np.zeros(labels.shape, bool)
    if kind == "i" and labels.dtype.itemsize >= 4:  # NaN becomes the least integer where it is cast to one
        missing = labels == np.iinfo(labels.dtype).min
    return LabelValues(values=labels, missing=missing)


def numbers_of_text(splits: Mapping[str, LabelValues], name: str) -> dict[str, LabelValues]:
    """Take text for numbers where all of it is whole numbers, each written in one way; else take all for text.

    Args:
        splits: the labels by split.
        name: of the labels, for the text of a problem.

    Returns:
        The labels by split, all of one kind.

    Raises:
        LabelProblem: all text is numbers, and some are not whole.
    """
    text = {split: own for split, own in splits.items() if own.is_text}
    if not text:
        return dict(splits)
    written = sorted({str(value) for own in text.values() for value in own.present()})
    if written and all(map(_NUMBER.fullmatch, written)):
        numbers = [float(value) for value in written]
        if len(set(numbers)) == len(numbers):  # else "7" and "007" are two names
            return {split: _parsed(own, name) if own.is_text else own for split, own in splits.items()}
    return {split: own if own.is_text else _as_text(own) for split, own in splits.items()}


def without_marks(splits: Mapping[str, LabelValues]) -> dict[str, LabelValues]:
    """Take `MARKS` for missing labels, unless all labels are -1 and 1, which are two classes.

    Args:
        splits: the labels by split, all of one kind.

    Returns:
        The labels by split.
    """
    if {value for own in splits.values() for value in own.present()} == {-1, 1}:
        return dict(splits)
    found = {}
    for split, own in splits.items():
        marked = np.isin(own.values, list(map(str, MARKS)) if own.is_text else MARKS)
        found[split] = LabelValues(values=own.values, missing=own.missing | marked)
    return found


def _shaped(labels: np.ndarray, count: int, name: str) -> np.ndarray:
    """As `[N]` or `[N, L]`."""
    if labels.size == count and count in labels.shape:
        return labels.reshape(count)
    if labels.ndim == 2 and len(labels) == count and labels.shape[1] > 0:
        return labels
    raise LabelProblem(f"{name} have shape {list(labels.shape)} for {count} images, not [{count}] or [{count}, L]")


def _floats(values: np.ndarray, name: str) -> LabelValues:
    missing = np.isnan(values)
    odd = ~missing & ~(np.isfinite(values) & (values == np.floor(values)))
    if odd.any():
        raise LabelProblem(
            f"{name} are not whole numbers (such as {values[odd][0]:g}); evaluations need classes, not regression "
            "targets or probabilities"
        )
    return LabelValues(values=np.where(missing, UNLABELLED, values), missing=missing)


def _text(labels: np.ndarray) -> LabelValues:
    if labels.dtype.kind == "S":
        try:
            labels = np.char.decode(labels, "utf-8")
        except UnicodeDecodeError:
            labels = np.char.decode(labels, "latin-1")
    values = np.char.strip(labels)
    return LabelValues(values=values, missing=np.isin(np.char.lower(values), _MISSING_TEXT))


def _parsed(own: LabelValues, name: str) -> LabelValues:
    return _floats(np.where(own.missing, "nan", own.values).astype(np.float64), name)


def _as_text(own: LabelValues) -> LabelValues:
    """Numbers as text, whole floats without a point."""
    whole = own.values.astype(np.int64) if own.values.dtype.kind in "bf" else own.values
    return LabelValues(values=whole.astype(np.str_), missing=own.missing)
