"""What several sections have in common.

Covers: the command that would fill a section, notes on a measurement. Does not cover: any section of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from ..blocks import Block, Lines
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


def headed(found: Sequence[tuple[RunRecord, Sequence[Block]]]) -> list[Block]:
    """Join the blocks of several runs, each under its name; those of one run alone need none.

    Args:
        found: run, and what is shown of it.
    """
    if len(found) == 1:
        return list(found[0][1])
    return [block for record, own in found for block in (Lines(title=record.label, lines=()), *own)]


def notes_block(notes: Iterable[str]) -> Lines:
    """Make a block of what a reader should know of a measurement, each line once."""
    return Lines(title="How it was measured", lines=tuple(dict.fromkeys(notes)))
