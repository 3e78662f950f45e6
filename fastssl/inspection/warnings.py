"""What is wrong with data, or probably is, and what to do about it.

Covers: the order from the most serious on, the shares from which on something is told. Does not cover: finding it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastssl.data.labels.counts import shortened

from .rows import Rows, count_of, some_names

if TYPE_CHECKING:
    from .inspection import Inspection

MANY = 0.1
"""Share of the files or images from which on something is told that does no harm where it is rare."""
SOME = 0.01
"""Share of the images from which on white areas are told, which single images may have by nature."""
FEW_OF_A_CLASS = 10
SHOWN = 3
"""Images that a warning names."""
OF_TRAINING = "warning: "
"""How the notes of a report begin that are warnings."""


@dataclass(frozen=True, kw_only=True)
class DataWarning:
    """Something that is wrong, or probably is.

    Attributes:
        kind: a word for it that does not change: "training" for what training itself warns of.
        text: what was found.
        remedy: what to do; "" where the text says it.
    """

    kind: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return "; ".join(filter(None, (self.text, self.remedy)))


def warnings_of(found: Inspection) -> tuple[DataWarning, ...]:
    """Return what to warn of, the most serious first: what makes scores wrong, then what spoils training.

    Args:
        found: all else that was found.
    """
    report = found.source.report
    own = [
        DataWarning(kind="training", text=note.removeprefix(OF_TRAINING))
        for note in report.notes
        if note.startswith(OF_TRAINING)
    ]
    return (
        *own,
        *_leaks(found),
        *_labels(found),
        *_unreadable(found),
        *_pixels(found),
        *_sizes(found),
        *_repeats(found),
    )


def _leaks(found: Inspection) -> Iterator[DataWarning]:
    for (split, other), (equal, near) in found.duplicates.across_counts().items():
        images, copies = found.looked_at[split], equal + near
        yield DataWarning(
            kind="duplicates-across-splits",
            text=f"{copies} of {images} {split} images ({copies / images:.1%}) {_are(copies)} in {other} "
            f"as well ({equal} equal, {near} nearly): scores on {split} are too good",
            remedy=f"take them out of {other}, or put all copies of an image into one split",
        )


def _labels(found: Inspection) -> Iterator[DataWarning]:
    source, conflicts = found.source, found.duplicates.conflicts
    if source.label_problem:
        yield DataWarning(kind="labels-unusable", text=source.label_problem, remedy="training goes on without labels")
    if conflicts:
        yield DataWarning(
            kind="copies-with-different-labels",
            text=f"copies with different labels: {_counted(count_of(conflicts), 'image')}, of which "
            f"{found.duplicates.exact_conflicts} of equal pixels: {_names(found, conflicts)}",
            remedy="correct the labels, or leave these images out",
        )
    train = found.counts["train"].classes
    absent = [name for name, own in train.items() if not own.images]
    rare = [f"{name} ({own.images})" for name, own in train.items() if 0 < own.images < FEW_OF_A_CLASS]
    if absent:
        yield DataWarning(
            kind="class-without-train-images",
            text=f"no train image of class {shortened(absent)}",
            remedy="no classifier can learn it: give it images, or leave the class out",
        )
    if rare:
        yield DataWarning(
            kind="rare-class",
            text=f"fewer than {FEW_OF_A_CLASS} train images of class {shortened(rare)}",
            remedy="scores of these classes will vary much",
        )


def _unreadable(found: Inspection) -> Iterator[DataWarning]:
    unreadable = found.source.report.unreadable
    if unreadable:
        named = [f"{name} ({reason})" for name, reason in unreadable.items()]
        yield DataWarning(
            kind="unreadable",
            text=f"{_counted(len(named), 'file')} cannot be read: {', '.join(named[:SHOWN])}"
            + " ..." * (len(named) > SHOWN),
            remedy="training stops there: repair or remove them, or train with --skip-corrupt",
        )


def _pixels(found: Inspection) -> Iterator[DataWarning]:
    exposure = found.exposure
    for kind, rows, what, remedy in (
        ("inverted", found.inverted, "probably inverted, black where the others are white", "invert them"),
        ("empty", exposure.empty, "nearly of one grey level", "leave them out"),
        ("black-and-white", exposure.two_levels, "black and white only, as masks are", "leave masks out"),
        ("clipped", exposure.clipped, "white in a quarter of their area or more", "check --value-range and --window"),
    ):
        count = count_of(rows)
        if count and (kind != "clipped" or count >= SOME * sum(found.looked_at.values())):
            text = f"{_counted(count, 'image')} {_are(count)} {what}: {_names(found, rows)}"
            yield DataWarning(kind=kind, text=text, remedy=f"look at them, and {remedy} if it is so")
    images, channels = sum(found.looked_at.values()), found.source.image_shape[2]
    if count_of(exposure.grey) == images and channels > 1:
        yield DataWarning(
            kind="grey-in-colour",
            text=f"all images are grey, and have {channels} channels",
            remedy="save them with one channel: training then takes less time",
        )


def _sizes(found: Inspection) -> Iterator[DataWarning]:
    files, side = found.files, min(found.source.image_shape[:2])
    if files is None:
        return
    if files.smaller >= MANY * files.files:
        yield DataWarning(
            kind="enlarged",
            text=f"{files.smaller} of {files.files} files are smaller than {side} px and are enlarged",
            remedy="a smaller --size loses nothing of them and takes less time",
        )
    if files.cut >= MANY * files.files:
        yield DataWarning(
            kind="cut",
            text=f"{files.cut} of {files.files} files lose more than a third of their area to the central square",
            remedy="pad them to squares first if what lies outside matters",
        )


def _repeats(found: Inspection) -> Iterator[DataWarning]:
    alike, train = found.duplicates.alike["train"], found.looked_at["train"]
    if alike >= MANY * train:
        yield DataWarning(
            kind="alike",
            text=f"{alike} of {train} train images ({alike / train:.0%}) are copies of another one, or nearly",
            remedy="they add little: thin them out, or count on fewer images",
        )
    if not found.duplicates.complete:
        yield DataWarning(
            kind="not-all-compared",
            text="so many images look alike that not all near copies were looked for",
            remedy="a smaller --near-distance finds fewer",
        )


def _names(found: Inspection, rows: Rows) -> str:
    return ", ".join(some_names(found.source, rows, SHOWN)) + " ..." * (count_of(rows) > SHOWN)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
