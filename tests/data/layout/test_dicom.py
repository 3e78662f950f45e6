"""Folders of DICOM files: which files they are, and that patients, studies and series are no classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fastssl.data.layout import read_layout
from fastssl.errors import DataError

DICOM = bytes(128) + b"DICM" + bytes(20)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Make files with the beginning of a DICOM file."""

    def make(paths: list[str]) -> Path:
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(DICOM)
        return tmp_path

    return make


def paths(template: str, patients=range(4), series=range(2), images=range(3)) -> list[str]:
    return [template.format(p=p, s=s, i=i) for p in patients for s in series for i in images]


PATIENTS = {
    "TCIA": paths("LIDC-IDRI/LIDC-IDRI-{p:04}/01-01-2000-3017{p}/300056{s}-0319{p}/{i:06}.dcm"),
    "TCIA, one patient": paths("LIDC-IDRI-0001/01-01-2000-3017{p}/300056{s}-0319{p}/{i:06}.dcm"),
    "TCIA, series with descriptions": paths(
        "T/TCGA-02-{p:04}/06-15-1997-MRI BRAIN-{p}1234/{s}.000000-AX T1-1{s}234/{i}.dcm"
    ),
    "hospital export": paths("DICOM/S{p:05}/SER{s:05}/I{i:05}"),
    "DICOM medium": paths("PA{p:06}/ST000000/SE{s:06}/IM{i:06}"),
    "UIDs": paths("1.2.840.113619.{p}/1.2.840.113619.{p}.{s}/1.2.840.113619.{p}.{s}.{i}"),
    "hashes": paths("images/{p:032x}/{s:016x}{i:016x}.dicom"),
    "dates": paths("2020{p:02}15/AX T{s}/{i}.IMA"),
    "CBIS-DDSM, with words for splits": paths("Calc-Test_P_{p:05}_LEFT_CC/08-07-2016-DDSM-{s}/1-{i}.dcm")
    + paths("Mass-Training_P_{p:05}_LEFT_CC/08-07-2016-DDSM-{s}/1-{i}.dcm"),
    "names of people": paths("{p}/CT THORAX/AX {s}/IM{i}", patients=[f"Name{chr(97 + k)}" for k in range(25)]),
}


@pytest.mark.parametrize("name", PATIENTS)
def test_patients_studies_and_series_are_no_classes(tree, name):
    layout = read_layout(tree(PATIENTS[name]))
    assert (len(layout.files), layout.class_names) == (len(PATIENTS[name]), ())
    (note,) = layout.notes
    assert note.endswith("folders are patients, studies or series, no classes")


@pytest.mark.parametrize(
    ("files", "classes", "splits"),
    [
        (paths("{p}/{s}{i}.dcm", patients=["benign", "malignant"]), ("benign", "malignant"), {}),
        (paths("{p}/P{s:03}/1.2.3.4.{i}/a.DCM", ["benign", "malignant"]), ("benign", "malignant"), {}),
        (paths("BIRADS{p}/{s}{i}.dcm"), ("BIRADS0", "BIRADS1", "BIRADS2", "BIRADS3"), {}),
        (paths("{p}/{s}/{i}.dic", ["train", "test"], ["no", "yes"]), ("no", "yes"), {"train": 6, "test": 6}),
        (paths("{p}/P{p}{s:03}/IM{i:04}", ["train", "val"]), (), {"train": 6, "val": 6}),
        (paths("stage_2_{p}_images/{s}{i}-a.dcm", ["train", "test"]), (), {"train": 6, "test": 6}),
        (paths("dicom-images-{p}/1.2.276.0.{s}/1.2.276.{i}/a.dcm", ["train", "test"]), (), {"train": 6, "test": 6}),
    ],
)
def test_classes_and_splits_of_dicom_files_are_read(tree, files, classes, splits):
    layout = read_layout(tree(files))
    assert layout.class_names == classes
    assert len(layout.files) == len(files)
    if splits:
        assert Counter(layout.splits) == splits


def test_the_same_folders_of_pictures_are_classes(tmp_path):
    for path in paths("S{p:05}/{s}{i}.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert len(read_layout(tmp_path).class_names) == 4


def test_files_without_an_ending_are_dicom_by_their_content(tree, tmp_path):
    tree(["a/IM0001", "a/1.2.840.113619.2.55", "a/scan.IMA", "DICOMDIR", "a/dicomdir"])
    (tmp_path / "README").write_bytes(b"This is the text of a file that everybody has seen before. " * 4)
    (tmp_path / "a/IM0002").write_bytes(b"")
    layout = read_layout(tmp_path)
    assert sorted(layout.files) == ["1.2.840.113619.2.55", "IM0001", "scan.IMA"]
    assert layout.passed_over == {"no ending": 2}
    assert layout.notes == ()


def test_a_folder_with_nothing_but_its_index_has_no_image(tree):
    with pytest.raises(DataError, match="no image in"):
        read_layout(tree(["DICOMDIR"]))
