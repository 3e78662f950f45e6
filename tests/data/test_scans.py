"""Folders of scans from end to end: order, slices, neighbours, windows, cases, what is said."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.data.headers import read as headers_read
from fastssl.data.packing import squares
from fastssl.errors import DataError
from tests.data.reading.dicom.dicom_files import dataset, save

SIDE = 16
SLICES = np.random.default_rng(0).integers(0, 4000, (6, SIDE, SIDE), dtype=np.uint16)
POSITIONS = [10.0, -5.0, 25.0, 0.0, 5.0, 20.0]
"""Of the files 0 to 5 of a series, whose names do not follow their place."""
BY_PLACE = [1, 3, 4, 0, 5, 2]


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A series of six slices with a window that changes nothing but the scale."""
    for number, (pixels, position) in enumerate(zip(SLICES, POSITIONS, strict=True)):
        made = dataset(
            pixels,
            Modality="CT",
            PatientID="P1",
            SeriesInstanceUID="1.2.3",
            ImagePositionPatient=[0, 0, position],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            WindowCenter=2000,
            WindowWidth=4001,
        )
        (tmp_path / "set").mkdir(exist_ok=True)
        save(tmp_path / "set" / f"IM{number:04}", made)
    return tmp_path / "set"


def test_slices_of_a_series_come_by_their_position(series: Path) -> None:
    train = open_source(series, size=SIDE).splits["train"]
    assert train.ids is not None
    assert train.ids.tolist() == [f"IM{number:04}" for number in BY_PLACE]
    order = [int(np.corrcoef(image.ravel(), SLICES.reshape(6, -1))[0, 1:].argmax()) for image in train.images[..., 0]]
    assert order == BY_PLACE


def test_every_second_slice_with_its_neighbours_as_channels(series: Path) -> None:
    whole = open_source(series, size=SIDE).splits["train"].images[..., 0]
    source = open_source(series, size=SIDE, every=2, neighbours=True)
    images = source.splits["train"].images
    assert images.shape == (3, SIDE, SIDE, 3)
    for taken, place in zip(images, (0, 2, 4), strict=True):
        beside = (max(0, place - 1), place, place + 1)
        np.testing.assert_array_equal(taken, np.stack([whole[one] for one in beside], axis=-1))
    assert not source.rgb


def test_what_headers_say_of_a_set_is_in_its_source(series: Path) -> None:
    source = open_source(series, size=SIDE)
    assert source.modality == "CT"
    assert source.rgb
    assert source.splits["train"].images.dtype == np.uint16
    assert "by the windows of the scans" in source.report.value_range


def test_windows_in_numbers_become_channels_that_are_no_colours(series: Path) -> None:
    source = open_source(series, size=SIDE, window="1000,500;2000,4001;3000,10")
    assert source.image_shape == (SIDE, SIDE, 3)
    assert not source.rgb
    first = SLICES[BY_PLACE[0]].astype(float)
    expected = np.clip((first - 750) / 500, 0, 1) * 65535
    np.testing.assert_allclose(source.splits["train"].images[0, ..., 0], expected, atol=1)


def test_reports_among_dicom_files_are_left_out_and_counted(series: Path) -> None:
    report = dataset(SLICES[0], Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33")
    save(series / "SR0001", report)
    source = open_source(series, size=SIDE)
    assert len(source.splits["train"]) == 6
    assert any("1 DICOM file holds no image (SR 1)" in note for note in source.report.notes)


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Two cases of two sequences each, 8 slices of which 2 are empty, in classes."""
    rng = np.random.default_rng(1)
    for number in range(8):
        for sequence in ("t1", "t2"):
            values = np.zeros((SIDE, SIDE, 8), np.int16)
            values[..., :6] = rng.integers(100, 200, (SIDE, SIDE, 6))
            path = tmp_path / "set" / "ab"[number % 2] / f"case{number}_{sequence}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 1, 3, 1])), path)
    return tmp_path / "set"


def test_slices_of_a_case_are_in_one_split_and_named_by_their_frame(volumes: Path) -> None:
    source = open_source(volumes, size=SIDE)
    assert sum(map(len, source.splits.values())) == 8 * 2 * 6
    cases = {}
    for name, split in source.splits.items():
        for image in split.ids.tolist():
            path, _, frame = image.rpartition("#")
            assert 0 <= int(frame) < 6
            cases.setdefault(Path(path).name.split("_")[0], set()).add(name)
    assert all(len(splits) == 1 for splits in cases.values())
    assert source.report.shared_patients == 0
    assert source.report.patients_by.startswith("cases")
    assert any("32 of 128 slices and frames are empty and left out" in note for note in source.report.notes)


def test_a_volume_whose_values_lie_in_another_file_is_read_again_when_these_change(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    values = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8)
    header = "ObjectType = Image\nNDims = 3\nDimSize = 8 8 2\nElementType = MET_UCHAR\nElementDataFile = a.raw\n"
    (folder / "a.mhd").write_text(header)
    (folder / "a.raw").write_bytes(values.tobytes())
    before = open_source(folder, size=8).splits["train"].images[0].copy()
    (folder / "a.raw").write_bytes(values[::-1, ::-1].tobytes())
    assert not np.array_equal(open_source(folder, size=8).splits["train"].images[0], before)


def test_pictures_next_to_scans_keep_their_own_range(series: Path) -> None:
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(SIDE, SIDE)).save(series / "z.png")
    source = open_source(series, size=SIDE)
    picture = source.splits["train"].images[-1, ..., 0]
    np.testing.assert_array_equal(picture, np.arange(256).reshape(SIDE, SIDE) * 257)
    assert source.report.value_range.endswith("scans by their windows")


def test_headers_are_not_read_again_for_another_window(series: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_source(series, size=SIDE)
    seen: list[str] = []
    real = headers_read.read_image_header

    def counted(path: Path, options: object) -> object:
        seen.append(path.name)
        return real(path, options)

    monkeypatch.setattr(headers_read, "read_image_header", counted)
    one = open_source(series, size=SIDE, window="1000,500").splits["train"].images[0]
    other = open_source(series, size=SIDE, window="3000,500").splits["train"].images[0]
    assert not np.array_equal(one, other)
    assert seen == []
    assert open_source(series, size=SIDE, window="1000,500;2000,50;3000,10").image_shape == (SIDE, SIDE, 3)
    assert len(seen) == 6


def test_a_file_that_memory_is_too_small_for_is_named(series: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(squares, "read_squares", full)
    with pytest.raises(DataError, match=r"^IM0001: too little memory"):
        open_source(series, size=SIDE)
