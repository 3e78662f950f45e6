"""The images of a report and what its encoders make of them.

Covers: opening the data of the first run once, and the encoders that can take them; features from the runs' caches.
Whatever cannot be opened is told in a line, and the report goes on without it. Does not cover: drawing
(`sections/`), the features themselves (`fastssl.evaluation.shared.extraction`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from fastssl.config.report import ReportConfig
from fastssl.data import Source
from fastssl.errors import DataError, FastSSLError
from fastssl.evaluation.shared.candidates import Candidate, NamedEncoder, open_run, run_folder_of
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.partition import Part, Partition, partition
from fastssl.runtime import resolve_runtime
from fastssl.training.run_data import given_about_data, open_run_data

from .reading.run_record import RunRecord

MOST_ENCODERS = 6
"""Encoders whose maps and neighbours are drawn."""


@dataclass(frozen=True, kw_only=True)
class RunImages:
    """The images of a report.

    Attributes:
        source: the data.
        parts: its labelled images; of data without labels all images of "train".
        labelled: whether there are labels.
        candidates: the encoders that can see them.
        extraction: makes features.
        problems: a line for each encoder that is left out.
    """

    source: Source
    parts: Partition
    labelled: bool
    candidates: tuple[Candidate, ...]
    extraction: Extraction
    problems: tuple[str, ...] = ()

    def class_name(self, label: int) -> str:
        """Return what a class is called; "" where there are no labels."""
        names = self.source.class_names
        return (names[label] if 0 <= label < len(names) else f"class {label}") if self.labelled else ""


def open_images(
    records: Sequence[RunRecord], config: ReportConfig, console: Console
) -> tuple[RunImages | None, tuple[str, ...]]:
    """Open the images of a report.

    Args:
        records: of the runs; the first one that names data decides which.
        config: names other data, or leaves that to the runs.
        console: where progress of features is shown.

    Returns:
        The images, or None where there are none to open; and what is wrong.
    """
    named = [record for record in records if record.settings.get("data")]
    if not named and config.data is None:
        return None, ()
    first = named[0] if named else records[0]
    encoders, problems = _open_encoders(records)
    try:
        source = _open_source(first, config, [encoder for encoder, _ in encoders], console)
        parts, labelled = _parts(source, config.seed)
    except FastSSLError as error:
        return None, (*problems, str(error))
    candidates = []
    for encoder, record in encoders:
        size = config.size or encoder.spec.size
        try:
            check_fit(encoder, source, size)
            candidates.append(Candidate.of(encoder, "run", size, run_folder_of(record.path)))
        except FastSSLError as error:
            problems.append(f"{record.label} is left out: {error}")
    if len(candidates) > MOST_ENCODERS:
        left_out = ", ".join(candidate.label for candidate in candidates[MOST_ENCODERS:])
        problems.append(f"no more than {MOST_ENCODERS} encoders are drawn: {left_out} left out")
    extraction = Extraction(
        source=source,
        parts=parts,
        runtime=resolve_runtime(config.device, config.amp, False, config.precision),
        batch_size=config.batch_size,
        console=console,
    )
    found = RunImages(
        source=source,
        parts=parts,
        labelled=labelled,
        candidates=tuple(candidates[:MOST_ENCODERS]),
        extraction=extraction,
        problems=tuple(problems),
    )
    return found, ()


def _open_encoders(records: Sequence[RunRecord]) -> tuple[list[tuple[NamedEncoder, RunRecord]], list[str]]:
    found, problems = [], []
    for record in records:
        if record.encoder_path is not None:
            try:
                found.append((open_run(record.encoder_path, record.label), record))
            except FastSSLError as error:
                problems.append(f"{record.label} is left out: {error}")
    return found, problems


def _open_source(first: RunRecord, config: ReportConfig, encoders: Sequence[NamedEncoder], console: Console) -> Source:
    quiet = config.model_copy(update={"quiet": True})
    channels = [encoder for encoder in encoders if encoder.spec.in_channels == encoders[0].spec.in_channels]
    if channels:
        size = config.size or max(encoder.spec.size for encoder in channels)
        return open_data(quiet, first.folder, channels, size, console)
    return open_run_data(
        first.folder,
        given_about_data(config),
        known_range=first.settings.get("value_range"),
        size=config.size or first.settings.get("size"),
    )


def _parts(source: Source, seed: int) -> tuple[Partition, bool]:
    """The labelled images; where there are none, all images of "train" as if of one class."""
    try:
        return partition(source, seed), True
    except DataError:
        none = np.empty(0, np.int64)
        rows = np.arange(len(source.splits["train"]))
        whole = Part(split="train", rows=rows, labels=np.zeros(len(rows), np.int64))
        empty = Part(split="train", rows=none, labels=none)
        return Partition(train=whole, val=empty, test=empty, classes=1, seed=seed), False


def class_indices(part: Part) -> np.ndarray:
    """Return the class of each image, int64 `[M]`; of several labels the first, and one more than there are for none.

    Args:
        part: some images.
    """
    if part.labels.ndim == 1:
        return part.labels
    return np.where(part.labels.any(axis=1), part.labels.argmax(axis=1), part.labels.shape[1])


def part_images(source: Source, part: Part, rows: np.ndarray) -> np.ndarray:
    """Read some images of a part.

    Args:
        source: the data.
        part: some images of a split.
        rows: int64 `[M]`, places in the part.

    Returns:
        uint8 or uint16 `[M, H, W, C]`.
    """
    return np.asarray(source.splits[part.split].some_images(part.rows[rows])[:])
