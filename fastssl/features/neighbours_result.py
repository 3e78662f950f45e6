"""The nearest neighbours of some images, as text and as JSON.

Covers: the records. Does not cover: finding them (`neighbours.py`), drawing them (`neighbours_picture.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """An image of the data that is similar to a query.

    Attributes:
        id: what it is called in the data.
        split: that it is in.
        row: its place in the split.
        similarity: cosine of the features, -1 to 1.
        label: names of its classes; "" where none is known.
        patient: whose it is, as a pseudonym; "" where not known.
        same_label: whether its label is the query's; None where either is not known.
        same_patient: it is of the query's patient.
    """

    id: str
    split: str
    row: int
    similarity: float
    label: str = ""
    patient: str = ""
    same_label: bool | None = None
    same_patient: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageNeighbours:
    """A query and its neighbours, the most similar first.

    Attributes:
        image: as it was asked for.
        label: names of its classes; "" where none is known, as of a file.
        patient: whose it is, as a pseudonym; "" where not known.
        left_out: other images of its patient that were not searched.
        neighbours: of the data.
    """

    image: str
    label: str
    patient: str
    left_out: int
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, kw_only=True)
class NeighboursResult:
    """What `fastssl neighbours` found.

    Attributes:
        encoder: name of the timm model.
        data: name of the data set that was searched.
        searched: how many images were searched.
        path: of the picture.
        images: each query with its neighbours.
    """

    encoder: str
    data: str
    searched: int
    path: str
    images: tuple[ImageNeighbours, ...]

    def as_json(self) -> dict[str, Any]:
        """Put all of it into words that JSON knows.

        Returns:
            Mappings, lists, text and numbers.
        """
        return asdict(self)

    def lines(self) -> list[str]:
        """List the neighbours.

        Returns:
            For each query a line for itself and one for each neighbour; then where the picture is.
        """
        found = []
        for query in self.images:
            left_out = f"; {query.left_out} others of its patient left out" if query.left_out else ""
            found.append(f"{query.image}{f' ({query.label})' if query.label else ''}{left_out}")
            found += [f"  {one.similarity:6.3f}  {_facts(one)}" for one in query.neighbours]
        return [*found, f"{self.path}: {self.encoder}, {self.searched} images of {self.data} searched"]


def _facts(one: Neighbour) -> str:
    name = one.id if one.id.startswith(f"{one.split}/") else f"{one.split} {one.id}"
    return ", ".join(filter(None, (name, one.label, "same patient" if one.same_patient else "")))
