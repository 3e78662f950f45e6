"""Published MedMNIST+ results, to be shown beside ours.

Covers: reading `published.json`, which rows belong beside a set's. Does not cover: MedMNIST v2's own ResNet-18
(`fastssl.evaluation.shared.published`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import nan
from typing import Any

ALL = "all"
"""The flag of means over the twelve sets."""
SETS = 12
MODELS = {"vit_base_patch16_224.dino": "DINO ViT-B/16", "resnet18": "ResNet-18"}
"""timm's name of a published model -> the name that tables show."""
WITH_BATCH_NORM = {"resnet18"}
CLASSIFIERS = {"knn": "kNN", "linear": "linear", "end to end": "end to end"}
"""As the file has them -> as tables show them."""


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """A published result.

    Attributes:
        flag: MedMNIST's name of the set, or "all" for the mean of the twelve sets.
        model: timm's name of it; its weights are of ImageNet.
        classifier: "knn", "linear", or "end to end" for a model that was trained on the labels.
        size: side of the images before they were padded, in pixels.
        auc: on the test split, 0 to 1; nan where none was published, or none is known here.
        acc: accuracy there, 0 to 1; likewise.
        source: where it was read.
    """

    flag: str
    model: str
    classifier: str
    size: int
    auc: float
    acc: float
    source: str

    @property
    def label(self) -> str:
        """The model as tables show it."""
        return f"published {MODELS[self.model]}"


@cache
def published_scores() -> tuple[PublishedScore, ...]:
    """Return every result that is known here, in the file's order."""
    content = _content()
    return tuple(
        PublishedScore(
            **row | {name: nan if row[name] is None else row[name] / 100 for name in ("auc", "acc")},
        )
        for row in content["rows"]
    )


def scores_beside(flag: str, size: int, classifiers: Collection[str]) -> list[PublishedScore]:
    """Return what is published of a set at a size.

    Args:
        flag: MedMNIST's name of it, or "all".
        size: side of the images, in pixels.
        classifiers: those that were asked for; results of training end to end are always given.
    """
    wanted = {*classifiers, "end to end"}
    return [row for row in published_scores() if (row.flag, row.size) == (flag, size) and row.classifier in wanted]


def paper() -> str:
    """Return the paper that the results are from, as it is cited."""
    return str(_content()["paper"])


@cache
def _content() -> dict[str, Any]:
    text = files(__package__).joinpath("published.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content
