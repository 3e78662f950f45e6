"""The synthetic demo set: deterministic, balanced, and hard for anything but structure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from fastssl.data import Source, open_source
from fastssl.data.named.demo import open_demo
from fastssl.errors import DataError


@pytest.fixture(scope="module")
def demo() -> Source:
    return open_source("demo")


def test_the_demo_set_says_that_it_is_synthetic(demo):
    assert "synthetic" in demo.name
    assert demo.modality == "synthetic"
    assert demo.task == "multi-class"
    assert demo.class_names == ("fundus-like", "rib-like", "organ-like", "tissue-like")


def test_the_demo_set_has_2000_train_400_val_and_800_test_images_of_28_px_balanced_by_class(demo):
    for name, count in {"train": 2000, "val": 400, "test": 800}.items():
        split = demo.splits[name]
        assert split.images.shape == (count, 28, 28, 1)
        assert split.images.dtype == np.uint8
        assert np.bincount(split.labels).tolist() == [count // 4] * 4
        assert not (np.diff(split.labels) >= 0).all()


def test_the_demo_set_is_the_same_on_every_call_and_with_any_number_of_threads(demo):
    assert open_demo(threads=1).fingerprint == demo.fingerprint
    assert open_demo(threads=3).fingerprint == demo.fingerprint


def test_no_image_of_the_demo_set_is_drawn_twice(demo):
    images = np.concatenate([split.images.reshape(len(split), -1) for split in demo.splits.values()])
    assert len(np.unique(images, axis=0)) == 3200


def test_vessel_masks_mark_vessels_in_fundus_like_images_alone(demo):
    train = demo.splits["train"]
    share = train.masks.mean(axis=(1, 2))
    assert set(np.unique(train.masks)) == {0, 1}
    assert (share[train.labels != 0] == 0).all()
    assert (share[train.labels == 0] > 0.01).all()
    assert 0.05 < share[train.labels == 0].mean() < 0.3


def test_vessels_stand_out_from_what_surrounds_them(demo):
    train = demo.splits["train"]
    fundus = np.flatnonzero(train.labels == 0)
    masks = train.masks[fundus].astype(bool)
    images = train.images[fundus, ..., 0].astype(float)
    # The ring of pixels next to a vessel: light and field of view are alike on both sides of its edge.
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    ring = (padded[:, :-2, 1:-1] | padded[:, 2:, 1:-1] | padded[:, 1:-1, :-2] | padded[:, 1:-1, 2:]) & ~masks
    contrast = [abs(i[m].mean() - i[r].mean()) for i, m, r in zip(images, masks, ring, strict=True)]
    assert np.median(contrast) > 15


def test_the_colour_set_has_three_different_channels_and_is_drawn_at_other_sizes():
    source = open_demo("demo-colour", size=96, counts={"train": 16})
    images = source.splits["train"].images
    assert images.shape == (16, 96, 96, 3)
    assert (images[..., 0] != images[..., 1]).mean() > 0.5
    assert source.splits["train"].masks.shape == (16, 96, 96)


@pytest.mark.parametrize("size", [27, 225])
def test_a_size_that_the_demo_set_is_not_drawn_at_is_refused(size):
    with pytest.raises(DataError, match="28 to 224"):
        open_source("demo", size=size)


def test_raw_pixels_tell_a_linear_classifier_next_to_nothing(demo):
    train, test = demo.splits["train"], demo.splits["test"]
    linear = LogisticRegression(C=1e-3, max_iter=60).fit(train.images.reshape(2000, -1) / 255.0, train.labels)
    assert linear.score(test.images.reshape(800, -1) / 255.0, test.labels) < 0.4  # 0.25 is chance


def test_a_small_convolutional_net_learns_the_classes(demo):
    train, test = demo.splits["train"], demo.splits["test"]
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 24), (24, 48), (48, 64)):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 4))
    images, labels = _tensor(train.images), torch.tensor(train.labels)
    optimizer = torch.optim.AdamW(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=5 * 40)
    for _ in range(5):
        for rows in torch.randperm(2000).view(40, 50):
            loss = nn.functional.cross_entropy(net(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        predicted = net(_tensor(test.images)).argmax(1).numpy()
    assert (predicted == test.labels).mean() > 0.9


def _tensor(images: np.ndarray) -> torch.Tensor:
    return torch.tensor(images).permute(0, 3, 1, 2).float().div(127.5).sub(1)
