"""MoCo's automatic values, at the edges of each rule."""

from __future__ import annotations

import pytest

from fastssl.config import TrainConfig
from fastssl.plans.moco import MoCoPlan, auto_bn_splits, auto_lr, auto_momentum, auto_queue_size
from fastssl.plans.plan import Facts


def test_the_learning_rate_follows_the_batch_size() -> None:
    assert auto_lr(256, steps=20_000)[0] == pytest.approx(0.03)
    assert auto_lr(512, steps=20_000)[0] == pytest.approx(0.06)
    assert auto_lr(256, steps=19_999)[0] == pytest.approx(0.12)


def test_short_runs_forget_their_first_keys_sooner() -> None:
    assert auto_momentum(steps=19_999)[0] == 0.99
    assert auto_momentum(steps=20_000)[0] == 0.999


@pytest.mark.parametrize(
    ("images", "batch_size", "queue_size"),
    [
        (4708, 128, 2304),  # half is 2354
        (512, 128, 256),
        (511, 128, 128),
        (255, 128, 128),  # half is less than a batch
        (200_000, 128, 65536),
        (200_000, 96, 65472),
    ],
)
def test_the_queue_is_half_the_images_in_whole_batches(images: int, batch_size: int, queue_size: int) -> None:
    assert auto_queue_size(images, batch_size)[0] == queue_size


@pytest.mark.parametrize(
    ("batch_size", "splits"),
    [(512, 8), (128, 2), (64, 2), (63, 1), (32, 2), (30, 1), (2, 1), (97, 1), (224, 2), (192, 3)],
)
def test_batch_norm_groups_hold_about_64_and_divide_the_batch(batch_size: int, splits: int) -> None:
    assert auto_bn_splits(batch_size, batch_norm=True)[0] == splits
    assert batch_size % splits == 0
    assert auto_bn_splits(batch_size, batch_norm=False)[0] == 1


def test_splitting_a_batch_norm_that_the_encoder_lacks_is_a_problem() -> None:
    facts = Facts(images=512, channels=1, batch_norm=False)
    assert MoCoPlan().problems(TrainConfig(bn_splits=4), facts) == ["bn_splits=4: the encoder has no batch norm"]
    assert MoCoPlan().problems(TrainConfig(bn_splits=1), facts) == []
