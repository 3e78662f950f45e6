"""The facts about a data set that was opened, gathered into its report.

Covers: counts, classes, shape and depth, by what every kind of source has. Does not cover: what only one kind knows
(how the range was found, what was passed over), showing the facts (`report.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fastssl.data.labels.counts import absence_notes, class_counts
from fastssl.data.patients.leaks import count_shared

from .report import DataReport
from .source import Split, Task

CLIPPED_WARNING = 0.01
"""Share of the pixels outside of the range above which it is probably the wrong one."""
AS_THEY_ARE = "0 to 255"


def report_of(
    splits: Mapping[str, Split],
    *,
    name: str,
    path: Path | None = None,
    task: Task = "none",
    class_names: Sequence[str] = (),
    depth: str = "8 bit",
    value_range: str = AS_THEY_ARE,
    outside: float = 0.0,
    patients_by: str = "",
    passed_over: Mapping[str, int] | None = None,
    unreadable: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> DataReport:
    """Gather the facts about a data set.

    Args:
        splits: by name.
        name: of the set.
        path: of its file or folder; None for what is built in.
        task: as `Source.task` has it.
        class_names: as `Source.class_names` has them.
        depth: bits of a value in the files.
        value_range: the values of black and white, and how they were found.
        outside: share of the values that lie outside of the range and were clipped.
        patients_by: what says whose the images are, as `DataReport.patients_by` has it.
        passed_over: ending -> number of files that were not read because of it.
        unreadable: path in the folder -> why the file cannot be read.
        notes: what was left out, changed, or taken for something else.

    Returns:
        The report.
    """
    labels = {split: own.labels for split, own in splits.items() if own.labels is not None}
    groups = {split: own.groups for split, own in splits.items() if own.groups is not None}
    place = None if path is None else str(path.absolute())
    return DataReport(
        origin=", ".join(filter(None, (name, place))),
        path=place or "",
        counts={split: len(own) for split, own in splits.items()},
        classes=class_counts(labels, class_names),
        multi_label=task == "multi-label, binary-class",
        unlabelled=_unlabelled(splits) if labels else {},
        shape=_shape(next(iter(splits.values())).images.shape[1:]),
        depth=depth,
        value_range=value_range,
        patients={split: len(np.unique(own)) for split, own in groups.items()},
        shared_patients=count_shared(groups),
        patients_by=patients_by if groups else "",
        passed_over=dict(passed_over or {}),
        unreadable=dict(unreadable or {}),
        notes=(*notes, *absence_notes(labels, class_names), *_clipped(outside)),
    )


def _unlabelled(splits: Mapping[str, Split]) -> dict[str, int]:
    """Images without a label, by split, where there are any."""
    counted = {
        split: len(own) if own.labels is None else int((own.labels.reshape(len(own), -1) < 0).all(axis=1).sum())
        for split, own in splits.items()
    }
    return {split: count for split, count in counted.items() if count}


def _shape(image_shape: tuple[int, ...]) -> str:
    height, width, channels = image_shape
    return f"{height}x{width}, {channels} channel{'s' * (channels > 1)}"


def _clipped(outside: float) -> tuple[str, ...]:
    if not outside:
        return ()
    share = f"{outside:.1%}" if outside >= 0.001 else "less than 0.1 %"
    if outside <= CLIPPED_WARNING:
        return (f"{share} of the values are outside of this range and clipped",)
    return (f"warning: {share} of the values are outside of this range and clipped; see --value-range auto",)
