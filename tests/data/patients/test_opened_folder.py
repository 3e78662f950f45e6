"""Folders opened with their patients: what is divided, said, refused and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.folder_patients import NOBODY_KNOWN
from fastssl.data.patients.pseudonyms import pseudonyms_of
from fastssl.data.patients.salt import find_salt
from fastssl.data.source import Source
from fastssl.errors import DataError

Save = Callable[..., Path]
PATTERN = r"/(P\d+)_"


@pytest.fixture
def hospital(tmp_path: Path, save: Save) -> Path:
    """Twelve patients with three images each, of two classes, their names in those of the files."""
    for patient in range(12):
        for image in range(3):
            path = tmp_path / "set" / "ab"[patient % 2] / f"P{patient:02}_{image}.png"
            save(path, size=(16, 16), seed=10 * patient + image)
    return tmp_path / "set"


def whose(source: Source) -> dict[str, set[str]]:
    """Split -> names of patients, by the paths of their images."""
    return {split: {path.split("/")[1][:3] for path in own.ids.tolist()} for split, own in source.splits.items()}


def test_a_pattern_keeps_patients_together_and_the_report_says_so(hospital: Path) -> None:
    source = open_source(hospital, size=16, group=PATTERN)
    patients = whose(source)
    assert sum(map(len, patients.values())) == len(set.union(*patients.values())) == 12
    for split in source.splits.values():
        assert set(np.asarray(split.labels)) == {0, 1}
        own = [path.split("/")[1][:3] for path in split.ids.tolist()]
        np.testing.assert_array_equal(np.equal.outer(split.groups, split.groups), np.equal.outer(own, own))
    counts = ", ".join(f"{split} {len(names)}" for split, names in patients.items())
    assert f"patients    {counts}; 0 patients in two splits; by the pattern {PATTERN}" in source.report.lines()
    assert not source.report.notes


def test_without_a_word_on_patients_files_are_divided_and_that_is_said_once(hospital: Path) -> None:
    source = open_source(hospital, size=16)
    assert source.report.notes == (NOBODY_KNOWN,)
    assert open_source(hospital, size=16, group="none").report.notes == ()
    shared = whose(source)
    assert shared["train"] & shared["test"]


def test_the_note_is_not_there_where_the_data_have_their_own_splits_or_nothing_is_divided(
    tmp_path: Path, save: Save
) -> None:
    for split in ("train", "test"):
        for name in "ab":
            save(tmp_path / "own" / split / name / f"{split}{name}.png", size=(16, 16))
    save(tmp_path / "flat" / "1.png", size=(16, 16))
    for folder in ("own", "flat"):
        assert open_source(tmp_path / folder, size=16).report.notes == ()


def test_folders_are_patients_below_and_above_splits_and_classes(tmp_path: Path, save: Save) -> None:
    for split, patients in (("train", (1, 2, 3)), ("test", (4, 5))):
        for patient in patients:
            for image in range(2):
                folder = tmp_path / "set" / split / "ab"[image] / f"p{patient}"
                save(folder / f"{image}.png", size=(16, 16), seed=patient)
    source = open_source(tmp_path / "set", size=16, group="folder")
    assert source.report.patients == {"train": 3, "test": 2}
    assert (source.report.shared_patients, source.report.patients_by) == (0, "folders")


@pytest.fixture
def leaky(tmp_path: Path, save: Save) -> Path:
    """Own splits, P1 in both of them."""
    for path in ("train/a/P1_1", "train/b/P2_1", "test/a/P1_2", "test/b/P3_1"):
        save(tmp_path / "set" / f"{path}.png", size=(16, 16))
    return tmp_path / "set"


def test_own_splits_that_share_a_patient_are_refused_unless_that_is_allowed(leaky: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_source(leaky, size=16, group=PATTERN)
    assert str(caught.value) == (
        f"{leaky}: 1 patient has images in train and in test: scores there would be too good; divide the images by "
        "patient, or go on with --allow-leak"
    )
    source = open_source(leaky, size=16, group=PATTERN, allow_leak=True)
    assert source.report.notes == ("warning: 1 patient has images in train and in test: scores there may be too good",)
    assert source.report.shared_patients == 1
    assert any("1 patient in two splits" in line for line in source.report.lines())
    assert open_source(leaky, size=16).splits["train"].groups is None


def test_a_table_s_column_is_used_unasked_and_its_splits_are_checked(hospital: Path, tmp_path: Path) -> None:
    files = sorted(path.relative_to(hospital).as_posix() for path in hospital.rglob("*.png"))
    table = tmp_path / "labels.csv"
    rows = [f"{path},{path[0]},case {path[2:5]}" for path in files]
    table.write_text("\n".join(["path,label,patient_id", *rows]))
    source = open_source(hospital, size=16, labels=table)
    assert source.report.patients_by == "the column patient_id"
    assert sum(source.report.patients.values()) == 12
    by_pattern = open_source(hospital, size=16, group=PATTERN)
    assert whose(source) == whose(by_pattern)
    split = ["test" if path.endswith("_0.png") else "train" for path in files]
    table.write_text("\n".join(["path,label,patient_id,split", *map(",".join, zip(rows, split, strict=True))]))
    with pytest.raises(DataError, match="12 patients have images in train and in test"):
        open_source(hospital, size=16, labels=table)


def test_patients_are_called_by_pseudonyms_unless_that_is_refused(hospital: Path) -> None:
    names = [f"P{patient:02}" for patient in range(12)]
    assert set(open_source(hospital, size=16, group=PATTERN).group_names) == set(pseudonyms_of(names, find_salt()))
    plain = open_source(hospital, size=16, group=PATTERN, pseudonymise=False)
    assert set(plain.group_names) == set(names)


def test_splits_and_fingerprint_depend_neither_on_the_salt_nor_on_pseudonyms(
    hospital: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for salt in ("one", "two"):
        monkeypatch.setenv("FASTSSL_SALT", salt)
        found.append(open_source(hospital, size=16, group=PATTERN))
    found.append(open_source(hospital, size=16, group=PATTERN, pseudonymise=False))
    assert len({one.fingerprint for one in found}) == 1
    assert len({str(whose(one)) for one in found}) == 1
    assert len({one.group_names for one in found}) == 3


def test_no_name_of_a_patient_from_a_table_is_printed_or_kept(hospital: Path, tmp_path: Path, cache: Path) -> None:
    """Paths are the user's own words, and are shown; a table's names of patients are not."""
    files = sorted(path.relative_to(hospital).as_posix() for path in hospital.rglob("*.png"))
    table = tmp_path / "labels.csv"
    text = [f"{path},{path[0]},Zyxwv^{path[2:5]}" for path in files]
    table.write_text("\n".join(["path,label,patient_id", *text]))
    told: list[str] = []
    source = open_source(hospital, size=16, labels=table, notify=told.append)
    source.report.write(tmp_path)
    shown = [*told, *source.report.lines(), *source.group_names, (tmp_path / "data.json").read_text()]
    assert not [line for line in shown if "Zyxwv" in line]
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert len(kept) > 2
    assert not [path for path in kept if b"Zyxwv" in path.read_bytes() or "Zyxwv" in path.name]
    divided = [f"{line},{('train', 'test')[row % 2]}" for row, line in enumerate(text)]
    table.write_text("\n".join(["path,label,patient_id,split", *divided]))
    with pytest.raises(DataError, match="patients have images in train and in test") as caught:
        open_source(hospital, size=16, labels=table)
    assert "Zyxwv" not in str(caught.value)


def test_a_pattern_that_finds_names_shows_pseudonyms_alone(tmp_path: Path, save: Save) -> None:
    for patient in ("Quux", "Wibble", "Wobble", "Grault"):
        for image in range(2):
            save(tmp_path / "set" / "ab"[image] / f"{patient}-{image}.png", size=(16, 16))
    source = open_source(tmp_path / "set", size=16, group=r"/(\w+)-")
    shown = [*source.report.lines(), *source.group_names, json.dumps(source.report.as_json())]
    assert not [line for line in shown for name in ("Quux", "Wibble", "Wobble", "Grault") if name in line]
