"""What a format's module tells of what it has written.

Covers: the record. Does not cover: writing (`to_timm.py` and others), the command's result (`result.py`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file or folder that was written and compared.

    Attributes:
        input: what it takes, in words.
        difference: the largest absolute difference between its features and the encoder's.
        checked_by: the programs that loaded it, with their versions.
        load: lines of Python that load it.
        notes: what else its user should know.
    """

    input: str
    difference: float
    checked_by: tuple[str, ...]
    load: tuple[str, ...]
    notes: tuple[str, ...] = ()
