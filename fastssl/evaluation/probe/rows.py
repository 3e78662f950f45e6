"""The rows of a probe: features of the test images under a classifier, and its scores.

Covers: a linear classifier and nearest neighbours on an encoder's features, a linear classifier on raw pixels, the
published ResNet-18. Does not cover: the classifiers (`linear.py`, `fastssl.embeddings`), which encoders (`run.py`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fastssl.embeddings.knn import default_neighbours, knn_scores
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.detail import MetricDetail, metric_details
from fastssl.evaluation.shared.extraction import Extraction, PartFeatures
from fastssl.evaluation.shared.metrics import Metrics, evaluate
from fastssl.evaluation.shared.published import SOURCE, published_result
from fastssl.evaluation.shared.raw_pixels import RAW_PIXELS, too_many_pixels

from .linear import LabelledFeatures, class_targets, linear_probe
from .report import ProbeRow


def encoder_rows(extraction: Extraction, candidate: Candidate, seed: int) -> list[ProbeRow]:
    """Return the rows of an encoder: linear, kNN.

    Args:
        extraction: makes its features.
        candidate: the encoder; its label names the rows.
        seed: which of its encoders, where it has one for each seed.
    """
    features = extraction.of_all(candidate, seed)
    return [_linear_row(extraction, features, candidate.label), _knn_row(extraction, features, candidate.label)]


def pixel_rows(extraction: Extraction, trained: Candidate) -> list[ProbeRow]:
    """Return the row of a linear classifier on raw pixels; none where there are too many.

    Args:
        extraction: renders the pixels.
        trained: sees images as they are rendered.
    """
    if too_many_pixels(trained, len(extraction.parts.train)):
        return []
    pixels = PartFeatures(*extraction.of_pixels(trained.view, extraction.parts.all))
    return [_linear_row(extraction, pixels, RAW_PIXELS)]


def published_rows(extraction: Extraction, size: int) -> list[ProbeRow]:
    """Return the row of MedMNIST's ResNet-18; none where nothing is published of these images.

    Args:
        extraction: has the images.
        size: side in pixels that they are seen at.
    """
    counts = extraction.parts.counts
    found = published_result(extraction.source.name, size, counts)
    if found is None:
        return []
    return [
        ProbeRow(
            features="published ResNet-18",
            classifier="end to end",
            auc=found.auc,
            acc=found.acc,
            n_train=counts[0],
            note=SOURCE,
        )
    ]


def _linear_row(extraction: Extraction, features: PartFeatures, label: str) -> ProbeRow:
    parts, task = extraction.parts, extraction.source.task
    found = linear_probe(
        LabelledFeatures(features=features.train, labels=parts.train.labels),
        LabelledFeatures(features=features.val, labels=parts.val.labels),
        features.test,
        task=task,
        classes=parts.classes,
        refit=parts.val_held_out,
        device=extraction.runtime.solver_device,
    )
    metrics, detail = _tested(extraction, found.scores)
    return ProbeRow(
        features=label,
        classifier="linear",
        auc=metrics.auc,
        acc=metrics.acc,
        val_auc=found.validation.auc,
        val_acc=found.validation.acc,
        setting=f"l2 {found.l2:.1e}",
        dim=features.train.shape[1],
        n_train=len(parts.train) + len(parts.val) * parts.val_held_out,
        detail=detail,
        note="; ".join(filter(None, [*found.notes, _note(metrics)])),
    )


def _knn_row(extraction: Extraction, features: PartFeatures, label: str) -> ProbeRow:
    parts, device = extraction.parts, extraction.runtime.solver_device

    def scores_of(train: Tensor, labels: np.ndarray, query: Tensor) -> np.ndarray:
        targets = class_targets(labels, parts.classes).to(device)
        neighbours = default_neighbours(len(train))
        return knn_scores(train.to(device), targets, query.to(device), neighbours=neighbours).double().cpu().numpy()

    train, labels = features.train, parts.train.labels
    validation = evaluate(parts.val.labels, scores_of(train, labels, features.val), extraction.source.task)
    if parts.val_held_out:
        train, labels = torch.cat([train, features.val]), np.concatenate([labels, parts.val.labels])
    metrics, detail = _tested(extraction, scores_of(train, labels, features.test))
    return ProbeRow(
        features=label,
        classifier="kNN",
        auc=metrics.auc,
        acc=metrics.acc,
        val_auc=validation.auc,
        val_acc=validation.acc,
        setting=f"k {default_neighbours(len(train))}",
        dim=train.shape[1],
        n_train=len(train),
        detail=detail,
        note=_note(metrics),
    )


def _tested(extraction: Extraction, scores: np.ndarray) -> tuple[Metrics, MetricDetail]:
    """The scores of the test part."""
    test, task = extraction.parts.test, extraction.source.task
    (detail,) = metric_details(test.labels, [scores], task, test.groups)
    return evaluate(test.labels, scores, task), detail


def _note(metrics: Metrics) -> str:
    return metrics.note and f"test {metrics.note}"
