"""Accuracy of classifiers on a hospital that is divided by file or by patient, and on patients of another one.

Covers: nearest neighbours and logistic regression on pixels, nearest neighbours on a trained encoder's features. Does
not cover: drawing hospitals (`images.py`), dividing them (`fastssl.data`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastssl
from fastssl.data import open_source
from fastssl.data.source import Source
from fastssl.embeddings.extract import extract
from fastssl.models.encoder_file import load_encoder
from fastssl.pipelines import Plain

from .images import PATTERN, SIZE, Hospital

Division = Literal["file", "patient"]
GROUPS: dict[Division, str] = {"file": "none", "patient": PATTERN}
NEIGHBOURS = 5
PIXELS_KNN, PIXELS_LINEAR, ENCODER_KNN = "raw pixels, kNN", "raw pixels, linear", "MoCo, kNN"


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one classifier reached.

    Args:
        features: what was classified, and how.
        division: by file or by patient.
        test: accuracy on the test split.
        fresh: accuracy on patients of another hospital, of whom nothing was seen.
        shared: patients of the test split who are in train as well.
        right: bool, which images of the test split were classified rightly.
    """

    features: str
    division: Division
    test: float
    fresh: float
    shared: int
    right: np.ndarray


def scores(folder: Path, fresh: Hospital, division: Division, *, steps: int = 0) -> Iterator[Score]:
    """Divide a hospital, learn from its training images, and classify the others.

    Args:
        folder: of the hospital, as `Hospital.write` made it; runs are written next to it.
        fresh: another hospital.
        division: how it is divided.
        steps: of pre-training by MoCo; 0: no encoder is trained.

    Yields:
        The scores of each kind of features.
    """
    source = open_source(folder, size=SIZE, group=GROUPS[division])
    images = {name: np.asarray(split.images) for name, split in source.splits.items()} | {
        "fresh": fresh.images[..., None]
    }
    pixels = {name: own.reshape(len(own), -1) / 255 for name, own in images.items()}
    nearest = KNeighborsClassifier(NEIGHBOURS)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=500))
    yield _score(PIXELS_KNN, division, nearest, pixels, source, fresh)
    yield _score(PIXELS_LINEAR, division, linear, pixels, source, fresh)
    if steps:
        run = folder.parent / f"{folder.name}-{division}"
        fastssl.train(
            stage="moco",
            data=str(folder),
            size=SIZE,
            group=GROUPS[division],
            steps=steps,
            batch_size=128,
            queue_size=896,
            monitor="off",
            quiet=True,
            out=run,
        )
        yield _score(ENCODER_KNN, division, nearest, _features(run, images), source, fresh)


def _features(run: Path, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    loaded = load_encoder(run)
    spec = loaded.spec
    view = Plain(spec.size, spec.in_channels, spec.channel_mean, spec.channel_std)
    found = {name: extract(loaded.module, own, view, device=torch.device("cpu")) for name, own in images.items()}
    return {name: torch.nn.functional.normalize(own, dim=1).numpy() for name, own in found.items()}


def _score(
    features: str, division: Division, classifier: Any, by_name: dict[str, np.ndarray], source: Source, fresh: Hospital
) -> Score:
    train, test = source.splits["train"], source.splits["test"]
    classifier.fit(by_name["train"], train.labels)
    right = classifier.predict(by_name["test"]) == test.labels
    return Score(
        features=features,
        division=division,
        test=float(right.mean()),
        fresh=float(classifier.score(by_name["fresh"], fresh.labels)),
        shared=len(set(_patients(train.ids)) & set(_patients(test.ids))),
        right=right,
    )


def _patients(ids: np.ndarray | None) -> list[str]:
    """Whose images are, by their names, which is not what divided them."""
    return [path.rpartition("/")[2][:5] for path in ([] if ids is None else ids.tolist())]
