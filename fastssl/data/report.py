"""What was read: the facts about a data set that its user should see before anything is computed on it.

Covers: the record, as a short block of text and as JSON. Does not cover: gathering the facts (the module of each kind
of source), printing them, and the folder that they are written into.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fastssl.files import write_json
from fastssl.text import printable

REPORT_FILE = "data.json"
"""The record's file in a run's folder, and in a report's."""

MOST_CLASSES = 8
"""Classes that are listed; of more, the first ones, then how many there are."""
MOST_ENDINGS = 6
MOST_NOTES = 12
LABEL_WIDTH = 12


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """What was read of a data set, and what was not.

    Args:
        origin: the set's name and where it is, such as "chest, /data/chest"; "" where nothing was read.
        path: of the file or folder, absolute; "" for what is built in.
        counts: split -> number of images.
        classes: class name -> split -> number of its images; in the order of the class indices.
        multi_label: an image may be of several classes.
        unlabelled: split -> number of images without a label, in a set where others have one.
        shape: as the images are held, such as "224x224, 1 channel".
        depth: bits of a value, such as "16 bit".
        value_range: the values of black and white and how they were found, such as "0 to 4095, found in the images".
        patients: split -> number of patients; empty where it is not known whose the images are.
        shared_patients: how many of them are in two splits or more.
        patients_by: what says whose the images are, such as "the column subject"; "" where nothing does, or the data
            say it in one way alone.
        passed_over: ending in lower case -> number of files that were not read because of it.
        unreadable: path in the folder -> why that file cannot be read, of files that were skipped.
        notes: a line for each thing that was left out, changed, or taken for something else, and why.
    """

    origin: str = ""
    path: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    multi_label: bool = False
    unlabelled: Mapping[str, int] = field(default_factory=dict)
    shape: str = ""
    depth: str = ""
    value_range: str = ""
    patients: Mapping[str, int] = field(default_factory=dict)
    shared_patients: int = 0
    patients_by: str = ""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return a short block for a terminal: one fact per line, in plain text without control characters."""
        facts = [
            ("data", self.origin),
            ("images", _counted(self.counts)),
            ("shape", ", ".join(filter(None, (self.shape, self.depth)))),
            ("values", self.value_range),
            ("labels" if self.multi_label else "classes", self._class_line()),
            ("unlabelled", _counted(self.unlabelled)),
            ("patients", self._patient_line()),
            ("passed over", _counted(_most(self.passed_over))),
            *(("note", note) for note in self.notes[:MOST_NOTES]),
        ]
        if len(self.notes) > MOST_NOTES:
            facts.append(("note", f"and {len(self.notes) - MOST_NOTES} more"))
        return [f"{label:<{LABEL_WIDTH}}{printable(text)}" for label, text in facts if text]

    def as_json(self) -> dict[str, Any]:
        """Return all facts, none shortened, as JSON knows them."""
        return asdict(self)

    def write(self, folder: Path) -> None:
        """Write all facts as JSON, atomically, into `REPORT_FILE`.

        Args:
            folder: of a run or of a report, which exists.

        Raises:
            OSError: it cannot be written.
        """
        write_json(folder / REPORT_FILE, self.as_json())

    def _class_line(self) -> str:
        """Such as "2: a 70/10/20, b 140/20/40 (train/val/test)"."""
        if not self.classes:
            return "none" if self.counts else ""
        splits = [split for split in self.counts if any(split in own for own in self.classes.values())]
        shown = [
            f"{name} {'/'.join(str(own.get(split, 0)) for split in splits)}"
            for name, own in list(self.classes.items())[:MOST_CLASSES]
        ]
        more = f", and {len(self.classes) - MOST_CLASSES} more" if len(self.classes) > MOST_CLASSES else ""
        return f"{len(self.classes)}: {', '.join(shown)}{more} ({'/'.join(splits)})"

    def _patient_line(self) -> str:
        """Such as "train 212, val 30, test 58; 0 patients in two splits; by the column subject"."""
        if not self.patients:
            return ""
        shared = f"{self.shared_patients} patient{'s' * (self.shared_patients != 1)} in two splits"
        by = f"by {self.patients_by}" if self.patients_by else ""
        return "; ".join(filter(None, (_counted(self.patients), shared if len(self.patients) > 1 else "", by)))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _most(counts: Mapping[str, int]) -> Mapping[str, int]:
    """The most frequent endings, then the sum of the others."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    others = sum(count for _, count in ordered[MOST_ENDINGS:])
    return dict(ordered[:MOST_ENDINGS]) | ({"others": others} if others else {})
