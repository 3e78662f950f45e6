"""Patients and ids in shards: kept, checked, and written for nobody who has none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.fingerprint import fingerprints
from fastssl.data.shards import pack_source, verify_shards, write_shards
from fastssl.data.source import Source, Split
from fastssl.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
SPLITS = {
    "train": Split(
        images=PIXELS[:12],
        labels=np.arange(12) % 2,
        groups=np.arange(12) // 3,
        ids=np.array([f"a/caf\udce9 {row}.png#1" for row in range(12)]),
    ),
    "test": Split(images=PIXELS[12:], groups=4 + np.arange(8) // 4, ids=np.array([f"b/{row}.png" for row in range(8)])),
}


@pytest.fixture(autouse=True)
def one_salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSL_SALT", "of these tests")


def packed(folder: Path, **splits: Split) -> Path:
    names = tuple(f"pseudonym {number}" for number in range(6))
    task, classes = "binary-class", ("x", "y")
    whole = Source(name="set", splits={**SPLITS, **splits}, task=task, class_names=classes, group_names=names)
    return pack_source(whole, folder / "set.shards")


def test_patients_and_ids_come_back_and_the_fingerprint_is_that_of_the_data(tmp_path: Path) -> None:
    folder = packed(tmp_path)
    source = open_source(folder)
    for name, split in SPLITS.items():
        np.testing.assert_array_equal(source.splits[name].groups, split.groups)
        assert source.splits[name].ids.tolist() == split.ids.tolist()
    assert source.group_names == tuple(f"pseudonym {number}" for number in range(6))
    assert source.fingerprint == fingerprints(SPLITS).whole
    assert "patients    train 4, test 2; 0 patients in two splits" in source.report.lines()
    assert verify_shards(folder) == 20
    assert open_source(folder, group="none").group_names == ()


def test_a_folder_without_them_is_written_as_before(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "plain", PIXELS)
    about = json.loads((folder / "shards.json").read_text())
    assert about["version"] == 1
    assert not {"group_names", "patients_by"} & set(about)
    assert set(about["splits"]["train"]) == {"shards", "labels", "labels_checksum"}
    assert json.loads((packed(tmp_path) / "shards.json").read_text())["version"] == 2


def test_a_patient_in_two_splits_is_refused(tmp_path: Path) -> None:
    folder = packed(tmp_path, test=Split(images=PIXELS[12:], groups=np.full(8, 2)))
    with pytest.raises(DataError, match="1 patient has images in train and in test"):
        open_source(folder)
    assert open_source(folder, allow_leak=True).report.shared_patients == 1
    assert verify_shards(folder) == 20


@pytest.mark.parametrize("name", ["train-groups.npy", "train-ids.json"])
def test_files_that_are_not_those_that_were_written_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    folder = packed(tmp_path)
    content = (folder / name).read_bytes()
    for changed in (content[:-3], content[:-8] + b"\1" + bytes(7)):
        (folder / name).write_bytes(changed)
        with pytest.raises(DataError, match=f"{name} (cannot be read|holds other)") as caught:
            open_source(folder)
        assert "\n" not in str(caught.value)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} cannot be read"):
        open_source(folder)


def test_a_writer_takes_whose_images_are(tmp_path: Path) -> None:
    whose = [f"p{row // 4}" for row in range(20)]
    named = open_source(write_shards(tmp_path / "named", PIXELS, groups=whose, pseudonymise=False))
    assert named.splits["train"].groups.tolist() == [row // 4 for row in range(20)]
    assert named.group_names == ("p0", "p1", "p2", "p3", "p4")
    hidden = open_source(write_shards(tmp_path / "hidden", {"train": PIXELS}, groups={"train": whose}))
    assert not any("p" in name for name in hidden.group_names)
    with pytest.raises(DataError, match=r"train: groups are int64 \[3\] and there are 20 images"):
        write_shards(tmp_path / "short", PIXELS, groups=[1, 2, 3])
    assert not (tmp_path / "short").exists()
