"""Copies that were put into a set by the test: which are found, which are not, and what is counted of them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from fastssl.inspection import near_copies
from fastssl.inspection.duplicates import Duplicates, find_duplicates
from fastssl.inspection.pixels import look_at_pixels

from .conftest import MakeSource


def duplicates(source: object, distance: int = 6) -> Duplicates:
    return find_duplicates(source, look_at_pixels(source), distance)  # type: ignore[arg-type]


def each(change: Callable[[Image.Image], Image.Image]) -> Callable[[np.ndarray], np.ndarray]:
    def changed(images: np.ndarray) -> np.ndarray:
        done = [np.asarray(change(Image.fromarray(image[..., 0]))) for image in images]
        return np.stack(done)[..., None]

    return changed


def as_jpeg(image: Image.Image) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=75)
    return Image.open(content)


def through_half_size(image: Image.Image) -> Image.Image:
    return image.resize((56, 56), Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)


def cropped(image: Image.Image) -> Image.Image:
    return image.resize(image.size, Image.Resampling.BICUBIC, box=(8, 8, 104, 104))


@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        (each(as_jpeg), 1.0, 1.0),
        (lambda images: np.clip(images * 1.05, 0, 255).astype(np.uint8), 1.0, 1.0),
        (each(through_half_size), 1.0, 1.0),
        (lambda images: np.roll(images, 1, axis=2), 0.5, 1.0),
        (each(cropped), 0.0, 0.2),  # not found, as docs/inspect.md says
        (lambda images: images[:, :, ::-1], 0.0, 0.0),
    ],
    ids=["JPEG 75", "5 % brighter", "half size", "1 px to the side", "cropped", "mirrored"],
)
def test_which_copies_are_found(
    make_source: MakeSource,
    pictures: np.ndarray,
    change: Callable[[np.ndarray], np.ndarray],
    least: float,
    most: float,
) -> None:
    found = duplicates(make_source({"train": pictures[:60], "test": np.ascontiguousarray(change(pictures[:30]))}))
    assert all(copy.row == copy.other_row and not copy.exact for copy in found.across)
    assert least <= len(found.across) / 30 <= most


def test_images_that_are_no_copies_are_not_found(make_source: MakeSource, pictures: np.ndarray) -> None:
    found = duplicates(make_source({"train": pictures[:60], "test": pictures[60:]}))
    assert found.across == ()
    assert found.alike == {"train": 0, "test": 0}


def test_images_that_look_alike_but_are_different_are_not_found(make_source: MakeSource, pictures: np.ndarray) -> None:
    """As chest X-rays: nine tenths of each image are what all have in common."""
    alike = np.rint(0.9 * pictures[0] + 0.1 * pictures).astype(np.uint8)[1:]
    apart = np.corrcoef(alike.reshape(len(alike), -1)[:2])[0, 1]
    assert apart > 0.98
    assert duplicates(make_source({"train": alike[:60], "test": alike[60:]}), distance=16).across == ()


def test_equal_images_across_splits_are_named_with_what_they_repeat(
    make_source: MakeSource, pictures: np.ndarray
) -> None:
    test = np.concatenate([pictures[80:], pictures[3:4], pictures[3:4]])
    found = duplicates(make_source({"train": pictures[:60], "val": pictures[60:80], "test": test}))
    assert [(copy.split, copy.row, copy.other_split, copy.other_row) for copy in found.across] == [
        ("test", 10, "train", 3),
        ("test", 11, "train", 3),
    ]
    assert found.across_counts() == {("test", "train"): (2, 0)}
    assert found.repeated == {"train": 0, "val": 0, "test": 1}
    assert found.alike == {"train": 0, "val": 0, "test": 2}


def test_a_near_copy_is_found_in_every_split_and_for_all_equal_images(
    make_source: MakeSource, pictures: np.ndarray
) -> None:
    brighter = np.clip(pictures[5:6] * 1.05, 0, 255).astype(np.uint8)
    val, test = np.concatenate([pictures[60:70], pictures[5:6]]), np.concatenate([pictures[70:], brighter, brighter])
    counts = duplicates(make_source({"train": pictures[:60], "val": val, "test": test})).across_counts()
    assert list(counts.items()) == [(("test", "train"), (0, 2)), (("val", "train"), (1, 0)), (("test", "val"), (0, 2))]


def test_copies_with_another_label_are_told_and_unknown_labels_are_not(
    make_source: MakeSource, pictures: np.ndarray
) -> None:
    images = np.concatenate([pictures[:20], pictures[:3], np.clip(pictures[5:6] * 1.05, 0, 255).astype(np.uint8)])
    labels = np.zeros(24, np.int64)
    labels[[20, 23]] = 1  # those of 0 and 5
    labels[21] = -1
    found = duplicates(make_source({"train": images}, {"train": labels}, class_names=("a", "b")))
    assert {name: rows.tolist() for name, rows in found.conflicts.items()} == {"train": [0, 5, 20, 23]}
    assert found.exact_conflicts == 2


def test_labels_of_several_findings_conflict_as_a_whole(make_source: MakeSource, pictures: np.ndarray) -> None:
    images = np.concatenate([pictures[:10], pictures[:2]])
    labels = np.zeros((12, 3), np.int64)
    labels[10, 2] = 1
    found = duplicates(make_source({"train": images}, {"train": labels}, class_names=("a", "b", "c")))
    assert found.conflicts["train"].tolist() == [0, 10]


def test_blank_images_are_no_near_copies_of_each_other(make_source: MakeSource) -> None:
    noise = np.random.default_rng(0).integers(100, 103, (30, 40, 40, 1), dtype=np.uint8)
    found = duplicates(make_source({"train": noise[:20], "test": noise[20:]}))
    assert found.across == ()
    assert found.alike == {"train": 0, "test": 0}


def test_too_many_candidates_are_said_to_be_incomplete(
    make_source: MakeSource, pictures: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.concatenate([np.clip(pictures[:10] * (1 + 0.01 * k), 0, 255).astype(np.uint8) for k in range(5)])
    assert duplicates(make_source({"train": images})).complete
    monkeypatch.setattr(near_copies, "MOST_CHECKED", 10)
    assert not duplicates(make_source({"train": images})).complete


def test_of_several_near_copies_the_most_similar_is_named(make_source: MakeSource, pictures: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    noisy = [np.clip(pictures[7] + rng.normal(0, level, pictures[7].shape), 0, 255) for level in (9, 2, 6)]
    train = np.concatenate([pictures[20:50], np.stack(noisy).astype(np.uint8)])
    (copy,) = duplicates(make_source({"train": train, "test": pictures[7:8]})).across
    assert (copy.row, copy.other_split, copy.other_row) == (0, "train", 31)
