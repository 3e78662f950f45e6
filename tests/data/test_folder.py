"""Folders of images, opened as a user would."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.data.fingerprint import fingerprint
from fastssl.errors import DataError


def test_a_grey_folder_has_one_channel_and_the_labels_of_its_subfolders(classes):
    source = open_source(classes, size=32)
    assert source.name == "two classes"
    assert source.task == "binary-class"
    assert source.class_names == ("benign", "malignant")
    assert source.image_shape == (32, 32, 1)
    assert sum(len(split) for split in source.splits.values()) == 24
    for split in source.splits.values():
        assert split.images.dtype == np.uint8
        assert set(split.labels) == {0, 1}


def test_every_image_keeps_its_own_label(tmp_path):
    for label, name in enumerate("abc"):
        for index in range(10):
            (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
            Image.new("L", (16, 16), 60 * label + index).save(tmp_path / "set" / name / f"{index}.png")
    source = open_source(tmp_path / "set", size=16)
    for split in source.splits.values():
        np.testing.assert_array_equal(split.images[:, 0, 0, 0] // 60, split.labels)
    assert source.task == "multi-class"


def test_the_default_size_is_224(tmp_path, save):
    save(tmp_path / "flat" / "a.png", size=(300, 260))
    assert open_source(tmp_path / "flat").image_shape == (224, 224, 1)


def test_a_flat_folder_is_unlabelled(tmp_path, save, told):
    for index in range(5):
        save(tmp_path / "flat" / f"{index}.jpg", "RGB", size=(50, 40), seed=index)
    source = open_source(tmp_path / "flat", size=32, notify=told.append)
    assert list(source.splits) == ["train"]
    assert source.splits["train"].labels is None
    assert source.task == "none"
    assert source.image_shape == (32, 32, 3)
    assert "decoding 5 images once to 32 px" in told[0]
    assert "5 images decoded in" in told[1]


def test_an_unlabelled_test_split_has_no_labels(tmp_path, save):
    for path in ("train/x/1.png", "train/y/2.png", "test/3.png"):
        save(tmp_path / "set" / path)
    source = open_source(tmp_path / "set", size=16)
    assert source.splits["train"].labels.tolist() == [0, 1]
    assert source.splits["test"].labels is None


def test_16_bit_grey_stays_16_bit(tmp_path):
    (tmp_path / "flat").mkdir()
    pixels = np.random.default_rng(0).integers(0, 65536, (16, 16), dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "flat" / "a.tif")
    images = open_source(tmp_path / "flat", size=16).splits["train"].images
    assert images.dtype == np.uint16
    np.testing.assert_array_equal(images[0, ..., 0], pixels)


def test_mixed_channels_and_depths_are_brought_together_and_told(tmp_path, save):
    root = tmp_path / "mixed"
    save(root / "a.png", "L", size=(32, 32))
    save(root / "b.jpg", "RGB", size=(32, 32))
    save(root / "c.png", "1", size=(32, 32))
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(root / "d.png")
    source = open_source(root, size=32)
    images = source.splits["train"].images
    assert images.shape == (4, 32, 32, 3)
    assert images.dtype == np.uint16
    assert (images[3] == 40_000).all()
    assert (images[0] % 257 == 0).all()
    text = "\n".join(source.report.lines())
    for part in ("3 of 4 images are grey", "8 and 16 bit", "1 of 4 images are black and white only"):
        assert part in text


def test_enlarging_is_told(classes):
    notes = open_source(classes, size=64).report.notes
    assert any("enlarged to 64 px (median short side 32)" in note for note in notes)


@pytest.fixture
def damaged(classes):
    """Two of the 24 images damaged: one cut short, one that is no image."""
    cut = classes / "benign" / "004.png"
    cut.write_bytes(cut.read_bytes()[:60])
    (classes / "malignant" / "007.png").write_text("not an image")
    return classes


def test_corrupt_images_are_counted_and_named_in_one_line(damaged):
    with pytest.raises(DataError) as caught:
        open_source(damaged, size=24)
    text = str(caught.value)
    assert "\n" not in text
    for part in ("2 of 24 images cannot be read", "benign/004.png (", "malignant/007.png (", "skip_corrupt"):
        assert part in text


def test_corrupt_images_are_named_and_skipped_when_asked(damaged):
    source = open_source(damaged, size=24, skip_corrupt=True)
    assert sum(len(split) for split in source.splits.values()) == 22
    assert all(len(split.images) == len(split.labels) for split in source.splits.values())
    skipped = source.report.notes[-1]
    assert "benign/004.png" in skipped
    assert skipped.endswith("skipped")


def test_going_on_without_corrupt_images_needs_no_second_decoding(damaged, told):
    with pytest.raises(DataError):
        open_source(damaged, size=24)
    open_source(damaged, size=24, skip_corrupt=True, notify=told.append)
    assert told == []
    with pytest.raises(DataError, match="2 of 24"):
        open_source(damaged, size=24)


def test_only_the_first_few_corrupt_images_are_named(tmp_path, save):
    save(tmp_path / "flat" / "good.png")
    for index in range(8):
        (tmp_path / "flat" / f"bad{index}.png").write_bytes(b"?")
    with pytest.raises(DataError, match=r"8 of 9 images cannot be read: bad0.png .* \.\.\.; repair") as caught:
        open_source(tmp_path / "flat", size=16)
    assert "bad4.png" in str(caught.value)
    assert "bad5.png" not in str(caught.value)


def test_a_folder_in_which_no_image_can_be_read_is_refused(tmp_path, cache):
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.png").write_bytes(b"?")
    with pytest.raises(DataError, match="none of the 1 images"):
        open_source(tmp_path / "flat", size=16, skip_corrupt=True)


def test_equal_images_in_a_folder_and_in_an_npz_have_one_fingerprint(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    (tmp_path / "flat").mkdir()
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "flat" / f"{index}.png")
    np.savez(tmp_path / "same.npz", train_images=pixels)
    folder, file = open_source(tmp_path / "flat", size=16), open_source(tmp_path / "same.npz")
    assert folder.fingerprint == file.fingerprint
    assert open_source(tmp_path / "flat", size=16).fingerprint == file.fingerprint


def test_what_was_read_of_a_folder_is_reported(tmp_path, save):
    root = tmp_path / "chest"
    for name, count in {"train/a": 3, "train/b": 2, "val/a": 2, "test/c": 2}.items():
        for index in range(count):
            save(root / name / f"{index}.png", size=(32, 32), seed=index)
    (root / "train" / "a" / "notes.txt").write_text("")
    (root / "list.csv").write_text("")
    (root / "train" / "b" / "more.txt").write_text("")
    report = open_source(root, size=32).report
    assert report.lines() == [
        f"data        chest, {root}",
        "images      train 5, val 2, test 2",
        "shape       32x32, 1 channel, 8 bit",
        "values      0 to 255",
        "classes     3: a 3/2/0, b 2/0/0, c 0/0/2 (train/val/test)",
        "passed over .txt 2, .csv 1",
        "note        no train image of class c (test 2)",
    ]


def test_the_digest_of_a_folder_is_kept_next_to_its_pack(tmp_path, save):
    for index in range(6):
        save(tmp_path / "set" / "train" / "ab"[index % 2] / f"{index}.png", size=(16, 16), seed=index)
    source = open_source(tmp_path / "set", size=16)
    assert source.fingerprint == fingerprint(source.splits)
    assert open_source(tmp_path / "set", size=16).fingerprint == source.fingerprint
    kept = [path.name for path in (tmp_path / "cache").rglob("*.fingerprint")]
    assert len(kept) == 1
