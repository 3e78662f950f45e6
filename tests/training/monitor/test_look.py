"""What a look measures, against NumPy and scikit-learn on the same embeddings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from fastssl.embeddings.rank import rankme
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import resolve_runtime
from fastssl.training.monitor.images import WatchedImages
from fastssl.training.monitor.look import look_at

CPU = resolve_runtime("cpu", amp=False, compile=False)
SPEC = EncoderSpec(name="test_resnet", in_channels=1, size=12)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 12, 12, 1), dtype=np.uint8)
LABELS = RNG.integers(0, 2, 60)


class Pixels(nn.Module):
    """Hands pixels on, and has parts in different modes."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.BatchNorm2d(1).eval()
        self.drop = nn.Dropout(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.drop(self.frozen(images)).flatten(1)


def watched(**given: object) -> WatchedImages:
    return WatchedImages(images=IMAGES, **given)  # type: ignore[arg-type]


def pixels() -> np.ndarray:
    return (IMAGES.reshape(60, -1) / 255 - 0.5) / 0.5


def test_the_nearest_neighbours_of_the_bank_score_the_queries() -> None:
    targets = np.eye(2, dtype=np.int64)[LABELS]
    found = look_at(Pixels(), watched(bank=40, targets=targets, labels=LABELS), SPEC, CPU, 7)
    unit = pixels() / np.linalg.norm(pixels(), axis=1, keepdims=True)
    cosine = unit[40:] @ unit[:40].T
    scores = np.zeros((20, 2))
    for row, own in enumerate(cosine):
        for near in np.argsort(-own)[:6]:  # the square root of 40
            scores[row] += np.exp(own[near] / 0.1) * targets[near]
    scores /= scores.sum(axis=1, keepdims=True)
    assert (found.step, found.score) == (7, "knn_acc")
    assert found.value == pytest.approx((scores.argmax(1) == LABELS[40:]).mean())
    assert found.values["knn_auc"] == pytest.approx(roc_auc_score(LABELS[40:], scores[:, 1]), abs=1e-6)
    assert found.values["rankme"] == pytest.approx(rankme(torch.from_numpy(pixels())), rel=1e-4)
    assert "alignment" not in found.values
    assert str(found) == f"kNN {100 * found.value:.1f} %"


def test_without_labels_the_rank_and_both_views_are_measured() -> None:
    found = look_at(Pixels(), watched(), SPEC, CPU, 1)
    assert found.score == "rankme"
    assert 0 < found.values["alignment"] < 4
    assert found.values["uniformity"] < 0
    assert str(found) == f"rank {found.value:.0f} of 144"


def test_labels_of_several_kinds_are_scored_by_their_areas() -> None:
    targets = np.stack([LABELS, 1 - LABELS, RNG.integers(0, 2, 60)], axis=1)
    found = look_at(Pixels(), watched(bank=40, targets=targets), SPEC, CPU, 1)
    assert found.score == "knn_auc"
    assert "knn_acc" not in found.values
    assert str(found) == f"kNN AUC {found.value:.3f}"


def test_a_look_leaves_modes_statistics_and_random_numbers_as_they_were() -> None:
    encoder = Pixels()
    encoder.drop.train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    torch.manual_seed(5)
    random = torch.get_rng_state()
    look_at(encoder, watched(), SPEC, CPU, 1)
    assert (encoder.training, encoder.frozen.training, encoder.drop.training) == (True, False, True)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_equal_features_are_called_a_collapse() -> None:
    class Equal(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(images), 8) + 1e-5 * images.flatten(1)[:, :8]

    assert look_at(Equal(), watched(), SPEC, CPU, 1).collapse == "complete collapse"
    assert look_at(Pixels(), watched(), SPEC, CPU, 1).collapse == ""
