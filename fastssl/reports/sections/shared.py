"""What several sections have in common.

Covers: the command that would fill a section, notes on a measurement. Does not cover: any section of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from ..blocks import Lines
from ..reading.run_record import RunRecord
from ..words import shown_path


def command_for(command: str, records: Sequence[RunRecord], options: str = "") -> str:
    """Write the command that would evaluate some runs.

    Args:
        command: such as "fewshot".
        records: the runs.
        options: as they follow the runs.

    Returns:
        A command line that runs as it is.
    """
    runs = " ".join(shlex.quote(shown_path(record.path)) for record in records)
    return " ".join(filter(None, ("fastssl", command, runs, options)))


def to_evaluate(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that can be evaluated as they are: with an encoder, and data that have labels."""
    return [record for record in records if record.encoder_path is not None and record.data.get("classes")]


def notes_block(notes: Iterable[str]) -> Lines:
    """Make a block of what a reader should know of a measurement, each line once."""
    return Lines(title="How it was measured", lines=tuple(dict.fromkeys(notes)))
