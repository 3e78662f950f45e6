"""The images among which neighbours are looked for, with their features and what is known of them.

Covers: all splits that are asked for as one; what does not count for a query; describing what was found. Does not
cover: the search (`fastssl.embeddings.nearest`).
"""

from __future__ import annotations

import numpy as np
import torch

from fastssl.embeddings.nearest import Nearest

from .neighbours_result import ImageNeighbours, Neighbour
from .opened import EncoderAndImages
from .queries import QueryImage
from .rows import ImageRows, rows_of


class SearchedImages:
    """Images of some splits, one after the other.

    Args:
        opened: the encoder and the images.

    Attributes:
        features: float32 `[N, D]`.
    """

    def __init__(self, opened: EncoderAndImages) -> None:
        source, self._names = opened.source, opened.source.class_names
        self._splits = source.splits
        self._rows: dict[str, ImageRows] = {name: rows_of(source, name) for name in source.splits}
        self.features = torch.cat([opened.extraction.of_split(opened.candidate, name) for name in opened.splits])
        self._starts = dict(zip(opened.splits, _starts([len(self._rows[name]) for name in opened.splits]), strict=True))

    def left_out(self, query: QueryImage, same_patient: bool) -> np.ndarray:
        """Find the images that do not count for a query: itself, and others of its patient.

        Args:
            query: an image of the data, or a file, for which all count.
            same_patient: those of its patient count.

        Returns:
            int64 rows of `features`.
        """
        own = [self._starts[query.split] + query.row] if query.split in self._starts else []
        groups = self._splits[query.split].groups if query.split else None
        patient = -1 if groups is None or same_patient else int(groups[query.row])
        if patient < 0:
            return np.array(own, np.int64)
        parts = [
            start + np.flatnonzero(self._splits[split].groups == patient)
            for split, start in self._starts.items()
            if self._splits[split].groups is not None
        ]
        return np.unique(np.concatenate([np.array(own, np.int64), *parts]))

    def describe(self, query: QueryImage, found: Nearest, left_out: np.ndarray) -> ImageNeighbours:
        """Say what was found for a query.

        Args:
            query: the image that was looked from.
            found: its neighbours, as rows of `features`.
            left_out: rows of `features` that did not count.
        """
        label = self._label(query.split, query.row)
        patient = self._patient(query.split, query.row)
        described = []
        for place, similarity in zip(found.places.tolist(), found.similarities.tolist(), strict=True):
            split = [name for name, start in self._starts.items() if start <= place][-1]
            row = place - self._starts[split]
            own, whose = self._label(split, row), self._patient(split, row)
            described.append(
                Neighbour(
                    id=self._rows[split].ids[row],
                    split=split,
                    row=row,
                    similarity=similarity,
                    label=own,
                    patient=whose,
                    same_label=own == label if own and label else None,
                    same_patient=bool(whose) and whose == patient,
                )
            )
        return ImageNeighbours(
            image=query.name,
            label=label,
            patient=patient,
            left_out=len(left_out) - (query.split in self._starts),
            neighbours=tuple(described),
        )

    def _label(self, split: str, row: int) -> str:
        """Names of an image's classes; "" where none is known."""
        labels = self._rows[split].labels if split else None
        if labels is None:
            return ""
        own = labels[row]
        if labels.ndim == 1:
            return self._name(int(own)) if own >= 0 else ""
        return ", ".join(self._name(int(one)) for one in np.flatnonzero(own == 1)) or (
            "none" if (own >= 0).any() else ""
        )

    def _name(self, label: int) -> str:
        return self._names[label] if label < len(self._names) else str(label)

    def _patient(self, split: str, row: int) -> str:
        patients = self._rows[split].patients if split else None
        return patients[row] if patients is not None else ""


def _starts(lengths: list[int]) -> list[int]:
    return [int(one) for one in np.cumsum([0, *lengths])[:-1]]
