"""What a trial is made of: images of a label fraction through an encoder's own view, or its cached features.

Covers: loaders for training, validation and, once it is asked for, the test part. Does not cover: training on them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from fastssl.data import Source
from fastssl.evaluation.shared.candidates import Contender
from fastssl.evaluation.shared.extraction import PartFeatures
from fastssl.evaluation.shared.partition import Part, Partition
from fastssl.models.encoder import feature_dim
from fastssl.pipelines import Loader, Plain, View
from fastssl.runtime import Runtime

from .feature_loader import FeatureLoader
from .recipe import Recipe
from .trial import Materials, Scored

SCORED_AT_ONCE = 256


@dataclass(frozen=True)
class Labelled:
    """The data of a comparison, the same for all contenders. size: the side that the runs see images at."""

    source: Source
    parts: Partition
    size: int
    runtime: Runtime


@contextmanager
def of_images(
    data: Labelled, contender: Contender, size: int, rows: np.ndarray, recipe: Recipe, seed: int
) -> Iterator[Materials]:
    """Materials for training end to end on `rows` of the training part, at side `size`."""
    spec = contender.spec
    view = Plain(size, spec.in_channels, spec.channel_mean, spec.channel_std)
    train = Part(data.parts.train.split, data.parts.train.rows[rows], data.parts.train.labels[rows])
    batch_size = recipe.batch_size_for(len(train))

    def open_test() -> AbstractContextManager[Scored]:
        return _scored(data, data.parts.test, view)

    augmented = recipe.view(size, spec.in_channels, spec.channel_mean, spec.channel_std)
    shuffled = _loader(data, train, augmented, batch_size, shuffle=True, seed=seed)
    with shuffled, _scored(data, data.parts.val, view) as val:
        encoder = copy.deepcopy(contender.encoder)
        dim = feature_dim(encoder, spec.in_channels, size)
        yield Materials(encoder, dim, shuffled, None, val, open_test)


@contextmanager
def of_features(
    data: Labelled, features: PartFeatures, rows: np.ndarray, recipe: Recipe, seed: int
) -> Iterator[Materials]:
    """Materials for training a classifier on `rows` of the training part's features.

    Features are standardised by the mean and deviation of the rows trained on, so that one learning rate suits all
    encoders.
    """
    device = data.runtime.device
    labels = data.parts.train.labels[rows]
    standard = _standardised(PartFeatures(features.train[rows], features.val, features.test))
    batch_size = recipe.batch_size_for(len(rows))

    def scored(part: Tensor, part_labels: np.ndarray) -> Scored:
        batches = FeatureLoader(part, part_labels, batch_size=SCORED_AT_ONCE, device=device, shuffle=False)
        return Scored(batches, part_labels)

    yield Materials(
        nn.Identity(),
        features.train.shape[1],
        FeatureLoader(standard.train, labels, batch_size=batch_size, device=device, seed=seed),
        scored(standard.train, labels),
        scored(standard.val, data.parts.val.labels),
        lambda: nullcontext(scored(standard.test, data.parts.test.labels)),
    )


def _standardised(features: PartFeatures) -> PartFeatures:
    mean, deviation = features.train.mean(dim=0), features.train.std(dim=0, correction=0)
    deviation = deviation.where(deviation > 1e-6 * mean.abs(), 1.0)
    return PartFeatures(*((part - mean) / deviation for part in features))


@contextmanager
def _scored(data: Labelled, part: Part, view: View) -> Iterator[Scored]:
    with _loader(data, part, view, SCORED_AT_ONCE, shuffle=False) as loader:
        yield Scored(loader, part.labels)


def _loader(data: Labelled, part: Part, view: View, batch_size: int, *, shuffle: bool, seed: int = 0) -> Loader:
    images = data.source.splits[part.split].images
    whole = len(part.rows) == len(images)
    return Loader(
        images if whole else images[part.rows],
        view,
        batch_size=batch_size,
        device=data.runtime.device,
        seed=seed,
        shuffle=shuffle,
        drop_last=shuffle,
        labels=part.labels,
        prefetch=data.runtime.prefetch,
        dtype=data.runtime.compute_dtype,
    )
