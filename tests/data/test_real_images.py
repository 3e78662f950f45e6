"""Real files, on machines that have them: PneumoniaMNIST, BreastMNIST, dermoscopy in class folders, fundi."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data import open_source

from .packing.folders import packed_names


@pytest.mark.parametrize(
    ("flag", "counts", "classes"),
    [
        ("pneumoniamnist", (4708, 524, 624), ("normal", "pneumonia")),
        ("breastmnist", (546, 78, 156), ("malignant", "normal, benign")),
    ],
)
def test_medmnist_files_hold_what_medmnist_publishes(shared_data, flag, counts, classes):
    source = open_source(flag, root=shared_data)
    assert tuple(len(source.splits[split]) for split in ("train", "val", "test")) == counts
    assert source.image_shape == (28, 28, 1)
    assert source.class_names == classes
    assert source.task == "binary-class"
    assert open_source(shared_data / f"{flag}.npz").fingerprint == source.fingerprint


def test_dermoscopy_in_class_folders_is_split_and_labelled(shared_data, told):
    source = open_source(shared_data / "isic557", size=64, notify=told.append)
    assert source.image_shape == (64, 64, 3)
    assert source.class_names == ("benign", "malignant")
    counts = np.sum([np.bincount(split.labels) for split in source.splits.values()], axis=0)
    assert counts.tolist() == [398, 159]
    shares = [len(source.splits[split]) / 557 for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.04)


def test_a_note_says_that_some_images_may_be_masks(shared_data):
    root = shared_data / "chasedb1"
    pack = packed_names(root, sorted(path.name for path in root.iterdir()), 64)
    assert pack.images.shape == (84, 64, 64, 3)
    assert any("56 of 84 images are black and white only; if they are masks" in line for line in pack.notes)
