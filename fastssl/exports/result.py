"""What `fastssl export` has written.

Covers: the record, as text. Does not cover: writing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """An exported encoder.

    Attributes:
        format: what it is written for.
        path: of the file, or of the folder.
        encoder: name of the timm model.
        input: what it takes, in words.
        width: numbers of a feature vector, D.
        difference: the largest absolute difference between its features and the encoder's, on random images.
        checked_by: the programs that loaded it for this comparison.
        load: lines of Python that load it.
        notes: what else its user should know.
    """

    format: str
    path: str
    encoder: str
    input: str
    width: int
    difference: float
    checked_by: tuple[str, ...]
    load: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Say what was written and how to load it.

        Returns:
            The lines that the command prints.
        """
        programs = " and ".join(self.checked_by)
        facts = [
            ("written", f"{self.path}: {self.encoder}, {self.width} features"),
            ("input", self.input),
            ("checked", f"loaded by {programs}; largest difference of features {self.difference:.1e}"),
            *(("note", note) for note in self.notes),
            *(("load" if not place else "", line) for place, line in enumerate(self.load)),
        ]
        return [f"{label:<9}{text}" for label, text in facts]
