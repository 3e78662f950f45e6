"""Which images an encoder is looked at by.

Covers: images whose neighbours vote and images that are voted on, or, without labels, images alone; each chosen by a
seed that is no run's own. Does not cover: what is measured on them (`look.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.data import Source
from fastssl.data.source import Split
from fastssl.errors import ConfigError

Kind = Literal["off", "knn", "rank"]
SEED = 20_261_128
"""Of the choice of images: always the same, so that runs are looked at by the same ones."""
QUERIES = 1 / 3
"""Share of the images of a look that are voted on."""


@dataclass(frozen=True, kw_only=True)
class WatchedImages:
    """The images of a look.

    Attributes:
        images: `[N, H, W, C]`; the bank comes first, then the queries.
        bank: how many of them vote; 0 without labels.
        targets: `[N, K]` zeros and ones, of the classes or labels; None without labels.
        labels: int64 `[N]` class indices; None without labels and of multi-label data.
    """

    images: np.ndarray
    bank: int = 0
    targets: np.ndarray | None = None
    labels: np.ndarray | None = None


def kind_of_monitor(config: TrainConfig, source: Source) -> tuple[Kind, str]:
    """Resolve what is watched.

    Args:
        config: what is asked for.
        source: the data.

    Returns:
        The kind, and why it is that one where it was not asked for.

    Raises:
        ConfigError: kNN is asked for, and the images have no labels that tell them apart.
    """
    if config.monitor == "off":
        return "off", "as asked"
    cost = f"; for {100 * config.monitor_share:g} % of the time at most"
    labelled = _tell_apart(source.splits["train"])
    if labelled and _of_one_patient(source):
        if config.monitor == "knn" and not isinstance(config, TrainingSettings):
            raise ConfigError(
                [f"monitor=knn: all labelled images of {source.name} are one patient's; give rank or off"]
            )
        return "rank", f"all labelled images are one patient's{cost}"
    resolved = isinstance(config, TrainingSettings)  # of a run that is opened on other data, to be looked at
    if config.monitor == "knn" and not labelled and not resolved:
        raise ConfigError([f"monitor=knn: {source.name} has no labels of two classes; give --monitor rank or off"])
    if config.monitor == "rank" or not labelled:
        return "rank", f"no labels to score by{cost}"
    val = source.splits.get("val")
    queries = "" if val is not None and _has_labels(val) else " of train alone, which gives voters and queries"
    return "knn", f"there are labels{queries}{cost}"


def choose_images(source: Source, kind: Kind, count: int) -> WatchedImages:
    """Choose the images of a look.

    Args:
        source: the data.
        kind: "knn" or "rank"; without labels, as where a run goes on with images alone, it is the latter.
        count: images at most.

    Returns:
        The images. For kNN two thirds are of train, and the queries of val; without labels in val the queries are
        labelled training images, which have no vote, nor has any other image of their patients. Where all of these
        are one patient's, nobody can vote, and it is as without labels.
    """
    rng = np.random.default_rng(SEED)
    train, val = source.splits["train"], source.splits.get("val")
    if kind == "rank" or not _tell_apart(train) or _of_one_patient(source):
        split = train if val is None or len(val) < count else val
        rows = np.sort(rng.permutation(len(split))[:count])
        return WatchedImages(images=_read(split, rows))
    queries = max(1, round(QUERIES * count))
    order = rng.permutation(_labelled(train))
    if val is not None and _has_labels(val):
        bank, asked = np.sort(order[: count - queries]), np.sort(rng.permutation(_labelled(val))[:queries])
        query_split = val
    else:
        queries = min(queries, len(order) // 2)
        asked, voters = _apart(order, queries, train.groups)
        asked, bank = np.sort(asked), np.sort(voters[: count - len(asked)])
        query_split = train
    labels = np.concatenate([_labels(train)[bank], _labels(query_split)[asked]])
    return WatchedImages(
        images=np.concatenate([_read(train, bank), _read(query_split, asked)]),
        bank=len(bank),
        targets=labels if labels.ndim == 2 else np.eye(labels.max() + 1, dtype=np.int64)[labels],
        labels=labels if labels.ndim == 1 else None,
    )


def _apart(order: np.ndarray, queries: int, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Queries and voters of one split, none of whose patients is in both where it is known whose the images are."""
    if groups is None:
        return order[:queries], order[queries:]
    patients, firsts, counts = np.unique(groups[order], return_index=True, return_counts=True)
    drawn = np.argsort(firsts)  # patients, in the order of their first images
    enough = min(int(np.searchsorted(np.cumsum(counts[drawn]), queries)) + 1, len(patients) - 1)
    theirs = np.isin(groups[order], patients[drawn[:enough]])
    return order[theirs][:queries], order[~theirs]


def _of_one_patient(source: Source) -> bool:
    """Whether voters and queries would be images of the same patient, since there is no other split and no other."""
    train, val = source.splits["train"], source.splits.get("val")
    alone = val is None or not _has_labels(val)
    return alone and train.groups is not None and len(np.unique(train.groups[_labelled(train)])) == 1


def _tell_apart(split: Split) -> bool:
    """Whether a split has labels of two classes at least."""
    if not _has_labels(split):
        return False
    known = _labels(split)[_labelled(split)]
    return bool((known != known[0]).any())


def _has_labels(split: Split) -> bool:
    """Whether the labels of any image are known."""
    return split.labels is not None and len(_labelled(split)) > 0


def _labelled(split: Split) -> np.ndarray:
    """The places of the images whose labels are all known."""
    return np.flatnonzero((_labels(split).reshape(len(split), -1) >= 0).all(axis=1))


def _labels(split: Split) -> np.ndarray:
    return np.asarray(split.labels)


def _read(split: Split, rows: np.ndarray) -> np.ndarray:
    return np.asarray(split.images[rows])
