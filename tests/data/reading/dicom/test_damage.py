"""Damaged, lying and unknown DICOM files: one clear line, and nothing of the header in it."""

from __future__ import annotations

import random
import re
import warnings

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HEVCMP51,
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from fastssl.data.reading import ImageFileError, ReadingOptions, read_frames, read_image_header
from fastssl.data.reading.dicom import header as header_module

from .dicom_files import RANDOM, dataset, levels, read, save

STORED = RANDOM.integers(0, 1000, (16, 16)).astype(np.uint16)
SECRETS = {
    "PatientName": "Mustermann^Erika",
    "PatientID": "MRN-8812",
    "PatientBirthDate": "19570612",
    "StudyDate": "20230405",
    "InstitutionName": "Klinikum Beispielstadt",
    "ReferringPhysicianName": "Doktor^Grete",
    "AccessionNumber": "ACC-556677",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.111222333",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.444555666",
    "StationName": "Station7",
}


def refusal(path, **options) -> str:
    with pytest.raises(ImageFileError) as caught:
        list(read_frames(path, ReadingOptions(**options)))
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(("syntax", "name"), [(MPEG4HP41, "MPEG-4 video"), (HEVCMP51, "HEVC video")])
def test_a_transfer_syntax_that_is_not_read_is_named(tmp_path, syntax, name):
    made = dataset(STORED)
    made.PixelData = encapsulate([b"film"])
    made["PixelData"].is_undefined_length = True
    path = save(tmp_path / "a", made, syntax)
    assert refusal(path).startswith(f"compressed as {name} ({syntax}), which is not read; convert it")
    with pytest.raises(ImageFileError, match="which is not read"):
        read_image_header(path, ReadingOptions())


def test_a_damaged_frame_is_named_by_its_number(tmp_path):
    made = dataset(STORED)
    made.PixelData = encapsulate([b"no JPEG 2000 image"])
    made["PixelData"].is_undefined_length = True
    assert refusal(save(tmp_path / "a", made, JPEG2000Lossless)).startswith("damaged: frame 1 of 1 cannot be decoded")


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 400}, "truncated: 512 bytes of pixels, where 1 x 400 x 16 of 16 bits take 12800"),
        ({"NumberOfFrames": 2}, "truncated: 512 bytes of pixels, where 2 x 16 x 16 of 16 bits take 1024"),
        ({"Rows": 0}, "damaged: 16x0 pixels"),
        ({"BitsAllocated": 12}, "12 bits allocated for a value"),
        ({"SamplesPerPixel": 3}, "damaged: "),
        ({"PhotometricInterpretation": "CMYK"}, "its colours are CMYK, which are not read"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "damaged: PALETTE COLOR without a palette"),
        ({"PhotometricInterpretation": "MRN-8812"}, "its colours are of an unknown kind"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(tmp_path, elements, reason):
    made = dataset(STORED)
    for name, value in elements.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            setattr(made, name, value)
    assert reason in refusal(save(tmp_path / "a", made))


def test_large_images_are_refused_before_they_are_decoded(tmp_path):
    made = dataset(np.zeros((1001, 1000), np.uint8))
    assert "more than 1 megapixels" in refusal(save(tmp_path / "a", made), max_megapixels=1)


def test_what_inflates_without_end_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a", dataset(np.zeros((600, 1000), np.uint16)), DeflatedExplicitVRLittleEndian)
    assert levels(path).shape == (600, 1000, 1)
    monkeypatch.setattr(header_module, "LARGEST", 1 << 20)
    assert "deflated, and more than 1 MiB" in refusal(path)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_every_native_syntax_gives_the_same_image(tmp_path, syntax):
    expected = levels(save(tmp_path / "a", dataset(STORED)))
    made = dataset(STORED)
    if syntax == ExplicitVRBigEndian:
        made.PixelData = STORED.byteswap().tobytes()
    assert (levels(save(tmp_path / "b", made, syntax)) == expected).all()


def test_a_file_without_preamble_and_meta_information_is_read(tmp_path):
    path = save(tmp_path / "a", dataset(STORED), ImplicitVRLittleEndian)
    content = path.read_bytes()
    bare = tmp_path / "b"
    bare.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])
    assert (levels(bare) == levels(path)).all()


def test_damaged_bytes_give_an_image_or_one_line_without_secrets(tmp_path):
    made = dataset(STORED, **SECRETS, WindowCenter=500, WindowWidth=900, RescaleSlope=1, RescaleIntercept=0)
    content, dice = save(tmp_path / "a", made).read_bytes(), random.Random(0)
    secret = re.compile("|".join(map(re.escape, SECRETS.values())))
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(dice.randrange(1, 6)):
            damaged[dice.randrange(132, 1000)] = dice.randrange(256)
        (tmp_path / "b").write_bytes(damaged[: dice.choice([None, dice.randrange(len(damaged))])])
        said = said_of(tmp_path / "b")
        assert "\n" not in said
        assert not secret.search(said)


def said_of(path) -> str:
    try:
        return " ".join(note for image in read(path, max_megapixels=4) for note in image.notes)
    except ImageFileError as error:
        return str(error)
