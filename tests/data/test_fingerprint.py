"""The content digest: equal for equal data, different for any other."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data import Split, open_source
from fastssl.data.fingerprint import fingerprint, fingerprints

IMAGES = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
LABELS = np.array([0, 1, 0, 1, 0, 1])


def test_equal_data_have_equal_digests_whatever_their_layout_in_memory(tmp_path):
    mapped = np.memmap(tmp_path / "raw", np.uint8, "w+", shape=IMAGES.shape)
    mapped[:] = IMAGES
    strided = np.repeat(IMAGES, 2, axis=0)[::2]
    digests = {fingerprint({"train": Split(images=images, labels=LABELS)}) for images in (IMAGES, mapped, strided)}
    assert len(digests) == 1


def test_the_order_in_which_splits_are_named_does_not_count():
    train, test = Split(images=IMAGES, labels=LABELS), Split(images=IMAGES[:2], labels=LABELS[:2])
    assert fingerprint({"train": train, "test": test}) == fingerprint({"test": test, "train": train})


@pytest.mark.parametrize(
    "other",
    [
        {"train": Split(images=IMAGES ^ 1, labels=LABELS)},
        {"train": Split(images=IMAGES, labels=1 - LABELS)},
        {"train": Split(images=IMAGES)},
        {"train": Split(images=IMAGES, labels=LABELS, masks=IMAGES[..., 0])},
        {"test": Split(images=IMAGES, labels=LABELS)},
        {"train": Split(images=IMAGES.reshape(6, 2, 8, 1), labels=LABELS)},
        {"train": Split(images=IMAGES.astype(np.uint16), labels=LABELS)},
        {"train": Split(images=IMAGES[:3], labels=LABELS[:3]), "val": Split(images=IMAGES[3:], labels=LABELS[3:])},
    ],
    ids=["pixels", "labels", "no labels", "masks", "split name", "shape", "dtype", "division"],
)
def test_other_data_have_another_digest(other):
    assert fingerprint(other) != fingerprint({"train": Split(images=IMAGES, labels=LABELS)})


def test_a_change_in_any_chunk_changes_the_digest():
    digests = {fingerprint({"train": Split(images=IMAGES)}, chunk_bytes=16)}
    for position in range(0, IMAGES.size, 16):
        changed = IMAGES.copy()
        changed.reshape(-1)[position] ^= 255
        digests.add(fingerprint({"train": Split(images=changed)}, chunk_bytes=16))
    assert len(digests) == 1 + IMAGES.size // 16


def test_the_digest_of_what_is_trained_on_depends_on_the_training_pixels_alone():
    train = Split(images=IMAGES, labels=LABELS)
    alone = fingerprint({"train": Split(images=IMAGES)})
    for splits in (
        {"train": train},
        {"train": Split(images=IMAGES, labels=1 - LABELS)},
        {"train": train, "test": Split(images=IMAGES[:2])},
        {"train": Split(images=IMAGES, masks=IMAGES[..., 0]), "val": train},
    ):
        found = fingerprints(splits)
        assert found.images == alone
        assert found.whole == fingerprint(splits)
    assert fingerprints({"train": Split(images=IMAGES ^ 1)}).images != alone


@pytest.mark.parametrize("kind", ["demo", "npz", "folder"])
def test_every_kind_of_source_has_both_digests(kind, tmp_path, classes):
    np.savez(tmp_path / "x.npz", train_images=IMAGES, train_labels=LABELS)
    source = open_source({"demo": "demo", "npz": tmp_path / "x.npz", "folder": classes}[kind], size=28)
    assert source.fingerprint == fingerprint(source.splits)
    assert source.image_fingerprint == fingerprint({"train": Split(images=source.splits["train"].images)})
    again = open_source({"demo": "demo", "npz": tmp_path / "x.npz", "folder": classes}[kind], size=28)
    assert (again.fingerprint, again.image_fingerprint) == (source.fingerprint, source.image_fingerprint)
