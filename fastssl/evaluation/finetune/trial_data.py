"""The labelled images of a comparison, and what a trial takes from them: images, or an encoder's cached features.

Covers: opening the data, loaders for training, validation and, once it is asked for, the test part. Does not cover:
which rows a label fraction takes (`subsets.py`), training on them (`trial.py`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from torch import Tensor, nn

from fastssl.config import FinetuneConfig
from fastssl.data import Source
from fastssl.evaluation.shared.candidates import Candidate, NamedEncoder
from fastssl.evaluation.shared.extraction import PartFeatures
from fastssl.evaluation.shared.feature_scaler import FeatureScaler
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.evaluation.shared.partition import Part, Partition, partition
from fastssl.models.encoder import feature_dim
from fastssl.pipelines import Loader, View
from fastssl.runtime import Runtime, resolve_runtime

from .feature_loader import FeatureLoader
from .recipe import FinetuneRecipe
from .trial import LabelledBatches, TrialData

SCORING_BATCH = 256
"""Images per batch where nothing is trained."""


@dataclass(frozen=True, kw_only=True)
class LabelledData:
    """The data of a comparison, the same for all candidates.

    Attributes:
        source: all images.
        parts: which of them are trained on, validated on and tested on.
        size: side in pixels that the runs see images at.
        runtime: device and precision.
    """

    source: Source
    parts: Partition
    size: int
    runtime: Runtime


def open_labelled_data(
    config: FinetuneConfig, home: Path, runs: Sequence[NamedEncoder], console: Console
) -> LabelledData:
    """Open the data that `config` asks for, else those of the run in `home`.

    Args:
        config: its size is the images' side; None for the first encoder's.
        home: the first run's folder.
        runs: the trained encoders.
        console: where notes on the data go.

    Raises:
        ConfigError: no data are named, or an encoder cannot take images of this size.
        DataError: images without labels, or with other channels than the encoders'.
    """
    size = config.size or runs[0].spec.size
    source = open_data(config, home, runs, size, console)
    for run in runs:
        check_fit(run, source, size)
    runtime = resolve_runtime(config.device, config.amp, bool(config.compile), config.precision)
    return LabelledData(source=source, parts=partition(source, config.seed), size=size, runtime=runtime)


@contextmanager
def image_trial_data(
    data: LabelledData, candidate: Candidate, rows: np.ndarray, recipe: FinetuneRecipe, seed: int
) -> Iterator[TrialData]:
    """Open what a trial needs to train an encoder end to end.

    Args:
        data: of the comparison.
        candidate: its encoder is copied.
        rows: int64 `[n]`, of the training part.
        recipe: gives batch size and augmentation.
        seed: of the trial: of random weights, the batches' order and the augmentation.
    """
    spec, size = candidate.spec, candidate.size
    train = data.parts.train.some(rows)

    def open_test() -> AbstractContextManager[LabelledBatches]:
        return _open_part(data, data.parts.test, candidate.view)

    augmented = recipe.view(size, spec.in_channels, spec.channel_mean, spec.channel_std)
    shuffled = _loader(data, train, augmented, recipe.batch_size_for(len(train)), shuffle=True, seed=seed)
    with shuffled, _open_part(data, data.parts.val, candidate.view) as val:
        encoder = copy.deepcopy(candidate.start(seed).encoder)
        dim = feature_dim(encoder, spec.in_channels, size)
        yield TrialData(
            encoder=encoder, feature_dim=dim, train=shuffled, train_plain=None, val=val, open_test=open_test
        )


@contextmanager
def feature_trial_data(
    data: LabelledData, features: PartFeatures, rows: np.ndarray, recipe: FinetuneRecipe, seed: int
) -> Iterator[TrialData]:
    """Open what a trial needs to train a classifier on a frozen encoder's features.

    Features are standardised by the mean and deviation of the rows trained on, so that one learning rate suits all
    encoders.

    Args:
        data: of the comparison.
        features: of all three parts.
        rows: int64 `[n]`, of the training part.
        recipe: gives the batch size.
        seed: of the batches' order.
    """
    device = data.runtime.device
    own = data.parts.train.some(rows)
    train = features.train[rows]
    scaler = FeatureScaler.fit(train)

    def scored(own_features: Tensor, part: Part) -> LabelledBatches:
        batches = FeatureLoader(
            scaler.transform(own_features), part.labels, batch_size=SCORING_BATCH, device=device, shuffle=False
        )
        return LabelledBatches(batches=batches, labels=part.labels, groups=part.groups)

    batch_size = recipe.batch_size_for(len(rows))
    yield TrialData(
        encoder=nn.Identity(),
        feature_dim=features.train.shape[1],
        train=FeatureLoader(scaler.transform(train), own.labels, batch_size=batch_size, device=device, seed=seed),
        train_plain=scored(train, own),
        val=scored(features.val, data.parts.val),
        open_test=lambda: nullcontext(scored(features.test, data.parts.test)),
    )


@contextmanager
def _open_part(data: LabelledData, part: Part, view: View) -> Iterator[LabelledBatches]:
    with _loader(data, part, view, SCORING_BATCH, shuffle=False) as loader:
        yield LabelledBatches(batches=loader, labels=part.labels, groups=part.groups)


def _loader(data: LabelledData, part: Part, view: View, batch_size: int, *, shuffle: bool, seed: int = 0) -> Loader:
    split = data.source.splits[part.split]
    whole = len(part.rows) == len(split)
    return Loader(
        split.images if whole else split.some_images(part.rows),
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
