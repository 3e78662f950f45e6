"""Whose images are and what they are called, beside the shards: written, opened, refused where they were changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.shards import pack_source, verify_shards, write_shards
from fastssl.data.source import Source
from fastssl.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
NAMES = [f"p{row // 3}" for row in range(12)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve training images of four patients, three test images of another."""
    split = {"train": PIXELS, "test": PIXELS[:3]}
    return write_shards(tmp_path / "set", split, groups={"train": NAMES, "test": ["p9", "p9", "p9"]})


@pytest.fixture
def pictures(tmp_path: Path, save: Callable[..., Path]) -> Source:
    for patient in range(8):
        for image in range(2):
            path = tmp_path / "pictures" / "ab"[patient % 2] / f"Ö{patient}_{image}.png"
            save(path, size=(16, 16), seed=10 * patient + image)
    return open_source(tmp_path / "pictures", size=16, group=r"(Ö\d)_")


def test_groups_are_numbered_and_called_by_pseudonyms(folder: Path) -> None:
    source = open_source(folder)
    np.testing.assert_array_equal(source.splits["train"].groups, np.arange(12) // 3)
    assert source.splits["test"].groups.tolist() == [4] * 3
    assert len(set(source.group_names)) == 5
    assert not [path for path in folder.iterdir() if b"p9" in path.read_bytes()]
    assert "patients    train 4, test 1; 0 patients in two splits" in source.report.lines()
    assert verify_shards(folder) == 15


def test_names_are_kept_where_pseudonyms_are_refused(tmp_path: Path) -> None:
    source = open_source(write_shards(tmp_path / "set", PIXELS, groups=NAMES, pseudonymise=False))
    assert source.group_names == ("p0", "p1", "p2", "p3")
    numbered = open_source(write_shards(tmp_path / "numbered", PIXELS, groups=np.arange(12) // 3))
    assert numbered.fingerprint == source.fingerprint


def test_a_folder_of_pictures_keeps_patients_ids_and_fingerprint(pictures: Source, tmp_path: Path) -> None:
    packed = open_source(pack_source(pictures, tmp_path / "packed"))
    assert (packed.fingerprint, packed.group_names) == (pictures.fingerprint, pictures.group_names)
    for name, split in pictures.splits.items():
        np.testing.assert_array_equal(packed.splits[name].groups, split.groups)
        assert packed.splits[name].ids.tolist() == split.ids.tolist()
    assert packed.report.patients_by == r"the pattern (Ö\d)_"
    again = open_source(pack_source(packed, tmp_path / "again"))
    assert again.splits["train"].ids.tolist() == packed.splits["train"].ids.tolist()


def test_groups_can_be_left_out_and_nothing_else_can_be_asked_for(folder: Path) -> None:
    plain = open_source(folder, group="none")
    assert (plain.splits["train"].groups, plain.group_names, plain.report.patients) == (None, (), {})
    with pytest.raises(DataError, match=r"keeps whose its images are: group='folder' has no meaning there"):
        open_source(folder, group="folder")


def test_a_patient_in_two_splits_is_refused_unless_that_is_allowed(tmp_path: Path) -> None:
    split = {"train": PIXELS, "test": PIXELS[:1]}
    folder = write_shards(tmp_path / "set", split, groups={"train": NAMES, "test": ["p0"]})
    with pytest.raises(DataError, match=r"1 patient has images in train and in test: .* go on with --allow-leak"):
        open_source(folder)
    source = open_source(folder, allow_leak=True)
    assert source.report.notes[-1].startswith("warning: 1 patient has images in train and in test")
    assert verify_shards(folder) == 13


def test_shards_without_patients_and_names_are_those_of_before(tmp_path: Path) -> None:
    """The index as it was before it knew patients: older versions read it, and it is read here."""
    folder = write_shards(tmp_path / "set", PIXELS)
    about = json.loads((folder / "shards.json").read_text())
    assert about["version"] == 1
    assert set(about["splits"]["train"]) == {"shards", "labels", "labels_checksum"}
    assert not {"group_names", "patients_by"} & set(about)
    source = open_source(folder)
    assert (source.splits["train"].groups, source.splits["train"].ids, source.group_names) == (None, None, ())


def other_groups(folder: Path) -> None:
    np.save(folder / "train-groups.npy", np.arange(12))


def other_ids(folder: Path) -> None:
    path = folder / "train-ids.json"
    path.write_text(path.read_text(encoding="utf-8").replace(".png", ".jpg"), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_groups, "train-groups.npy holds other groups than those that were written"),
        (lambda folder: (folder / "train-groups.npy").write_bytes(b"no array"), "train-groups.npy cannot be read"),
        (lambda folder: (folder / "train-groups.npy").unlink(), "train-groups.npy cannot be read"),
        (other_ids, "train-ids.json holds other names than those that were written"),
        (lambda folder: (folder / "train-ids.json").unlink(), "train-ids.json cannot be read"),
    ],
    ids=["other groups", "no groups", "groups gone", "other ids", "ids gone"],
)
def test_a_changed_file_is_refused_in_one_line(
    pictures: Source, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    folder = pack_source(pictures, tmp_path / "packed")
    change(folder)
    with pytest.raises(DataError, match=f"{said}.*copy the folder again, or write the shards again") as caught:
        open_source(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (NAMES[:5], r"train: groups are <U2 \[5\] and there are 12 images; give a name or a whole number for each"),
        (np.zeros((12, 2), int), r"train: groups are int64 \[12, 2\]"),
        (np.linspace(0, 1, 12), r"train: groups are float64 \[12\]"),
        ({"train": NAMES, "val": ["p"]}, r"val: groups are <U1 \[1\] and there are 0 images"),
        ([None] * 12, r"train: groups are object \[12\]"),
    ],
    ids=["short", "table", "fractions", "another split", "nothing"],
)
def test_groups_that_do_not_fit_leave_nothing(groups: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        write_shards(tmp_path / "new" / "set", PIXELS, groups=groups)
    assert list((tmp_path / "new").iterdir()) == []
