"""The images of a few-shot comparison: all that are not tested on can be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.source import Source, Split
from fastssl.errors import DataError
from fastssl.evaluation.fewshot.images import fewshot_images

CLASSES = np.repeat([0, 1], [30, 20])


def source(**labels: np.ndarray) -> Source:
    splits = {name: Split(images=np.zeros((len(own), 4, 4, 1), np.uint8), labels=own) for name, own in labels.items()}
    return Source(name="cells", splits=splits, task="binary-class")


def test_the_pool_is_train_where_there_are_splits() -> None:
    images = fewshot_images(source(train=CLASSES, val=CLASSES[:30], test=CLASSES[::2]), seed=0)
    np.testing.assert_array_equal(images.pool.rows, np.arange(50))
    assert (len(images.test), images.parts.held_out_notes()) == (25, ())


def test_without_splits_the_pool_and_the_test_images_are_all_of_train() -> None:
    images = fewshot_images(source(train=CLASSES), seed=3)
    assert (images.pool.split, images.test.split) == ("train", "train")
    assert (np.diff(images.pool.rows) > 0).all()
    rows = np.concatenate([images.pool.rows, images.test.rows])
    np.testing.assert_array_equal(np.sort(rows), np.arange(50))
    np.testing.assert_array_equal(images.pool.labels, CLASSES[images.pool.rows])
    (note,) = images.parts.held_out_notes()
    assert note.startswith("no labelled test split: tested on 10 images held out of train (seed 3)")


def test_several_labels_per_image_are_refused() -> None:
    with pytest.raises(DataError, match="cells: images have several labels each"):
        fewshot_images(source(train=np.eye(3, dtype=int)), seed=0)
