"""All that was found in a data set, as a record and as JSON.

Covers: the result of `fastssl.inspect`. Does not cover: finding it (`inspect_source.py`), its lines in a terminal
(`report.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fastssl.data.source import Source
from fastssl.text import printable

from .counts import SplitCount
from .duplicates import Duplicates
from .exposure import Exposure
from .files import FileSummary
from .polarity import Polarity
from .rows import Rows, count_of, name_of, some_names
from .warnings import DataWarning

FORMAT = 1
"""Of the JSON; it grows by one where a name changes its meaning or goes."""
MOST_NAMED = 1000
"""Images that a list in the JSON names; the count beside it is of all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """What was found in a data set.

    Attributes:
        source: the data, with the report that training prints.
        looked_at: split -> images whose pixels were looked at.
        counts: images and patients by split and class.
        shared_patients: (split, later split) -> patients with images in both.
        files: what the files hold; None where the data are no folder of images, or headers were not read.
        exposure: brightness, empty and clipped images.
        polarity: whether images are inverted against the others.
        inverted: the images that probably are.
        duplicates: what is there twice.
        warnings: the most serious first.
    """

    source: Source
    looked_at: Mapping[str, int]
    counts: Mapping[str, SplitCount]
    shared_patients: Mapping[tuple[str, str], int]
    files: FileSummary | None
    exposure: Exposure
    polarity: Polarity
    inverted: Rows
    duplicates: Duplicates
    warnings: tuple[DataWarning, ...]

    def as_json(self) -> dict[str, Any]:
        """Write all that was found as JSON knows it; of patients there are numbers and no names.

        Returns:
            Mappings, lists, text and numbers; lists of images name `MOST_NAMED` at most, beside the count of all.
        """
        source, exposure = self.source, self.exposure
        height, width, channels = source.image_shape
        return {
            "format": FORMAT,
            "data": source.name,
            "task": source.task,
            "modality": source.modality,
            "classes": list(source.class_names),
            "image": {"height": height, "width": width, "channels": channels, "depth": source.report.depth},
            "value_range": source.value_range,
            "splits": {name: asdict(own) for name, own in self.counts.items()},
            "patients_in_two_splits": [
                {"splits": list(pair), "patients": count} for pair, count in self.shared_patients.items()
            ],
            "files": None if self.files is None else asdict(self.files),
            "unreadable": {printable(name): reason for name, reason in source.report.unreadable.items()},
            "pixels": {
                "looked_at": dict(self.looked_at),
                "brightness": list(exposure.brightness),
                "contrast": list(exposure.contrast),
                "black": exposure.black,
                "white": exposure.white,
                "empty": self._named(exposure.empty),
                "clipped": self._named(exposure.clipped),
                "black_and_white": self._named(exposure.two_levels),
                "outliers": self._named(exposure.outliers),
                "grey": count_of(exposure.grey),
            },
            "polarity": {
                "judged": self.polarity.judged,
                "alike": self.polarity.alike,
                "inverted": self._named(self.inverted),
            },
            "duplicates": self._duplicates(),
            "report": source.report.as_json(),
            "warnings": [asdict(warning) for warning in self.warnings],
        }

    def _named(self, rows: Rows) -> dict[str, Any]:
        names = some_names(self.source, rows, MOST_NAMED)
        return {"count": count_of(rows), "images": [printable(name) for name in names]}

    def _duplicates(self) -> dict[str, Any]:
        found = self.duplicates
        return {
            "across_splits": [
                {"split": split, "of": other, "equal": exact, "near": near}
                for (split, other), (exact, near) in found.across_counts().items()
            ],
            "pairs": [
                {
                    "split": copy.split,
                    "image": printable(name_of(self.source, copy.split, copy.row)),
                    "of": copy.other_split,
                    "copy_of": printable(name_of(self.source, copy.other_split, copy.other_row)),
                    "correlation": round(copy.correlation, 4),
                }
                for copy in found.across[:MOST_NAMED]
            ],
            "repeated": dict(found.repeated),
            "alike": dict(found.alike),
            "different_labels": {**self._named(found.conflicts), "equal": found.exact_conflicts},
            "complete": found.complete,
        }
