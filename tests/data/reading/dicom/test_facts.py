"""What headers say of where images come from, and that nothing else of them leaves the reader."""

from __future__ import annotations

import io
import logging
import pickle
import warnings

import numpy as np
import pytest

from fastssl.data.reading import ReadingOptions, read_image_header
from fastssl.data.reading.dicom import describe_no_images, modality_words
from fastssl.data.reading.samples import FileFacts
from fastssl.stages.tower.defaults import auto_mask

from .dicom_files import dataset, read, save
from .test_damage import SECRETS

STORED = np.zeros((4, 4), np.uint8)


def facts(path, **elements) -> FileFacts:
    return read_image_header(save(path, dataset(STORED, **elements)), ReadingOptions()).facts


def test_the_patient_is_patient_id_and_the_series_its_uid(tmp_path):
    found = facts(tmp_path / "a", PatientID=" 42-A ", SeriesInstanceUID="1.2.3", Modality="CT")
    assert (found.patient, found.series, found.modality) == ("42-A", "1.2.3", "CT")


@pytest.mark.parametrize(
    "removed", ["", "ANONYMOUS", "anonymized", "Anon", "0000", "N/A", "De-Identified", "XXXX", "-"]
)
def test_the_study_stands_in_for_a_patient_that_was_removed(tmp_path, removed):
    found = facts(tmp_path / "a", PatientID=removed, StudyInstanceUID="1.2.9")
    assert (found.patient, found.study) == ("", "1.2.9")


@pytest.mark.parametrize("kept", ["ANON0001", "Patient12", "X7", "LIDC-IDRI-0001", "1000"])
def test_pseudonyms_are_patients(tmp_path, kept):
    assert facts(tmp_path / "a", PatientID=kept, StudyInstanceUID="1.2.9").patient == kept


@pytest.mark.parametrize(
    ("elements", "position"),
    [
        ({"ImagePositionPatient": [1, 2, -30], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SliceLocation": 7}, -30),
        ({"ImagePositionPatient": [5, 2, 3], "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, -5),
        ({"SliceLocation": "12.5", "InstanceNumber": 3}, 12.5),
        ({"InstanceNumber": 3}, 3),
        ({"ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": [1, 0, 0, 1, 0, 0], "InstanceNumber": 4}, 4),
        ({}, 0),
    ],
)
def test_the_position_is_along_the_normal_of_the_slice(tmp_path, elements, position):
    assert facts(tmp_path / "a", **elements).position == pytest.approx(position)


def test_a_modality_that_is_no_code_is_not_kept(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert facts(tmp_path / "a", Modality="Erika Mustermann").modality == ""


def test_words_for_modalities_choose_towers_masks():
    chosen = {code: auto_mask(modality_words([code]))[0] for code in ("CT", "OP", "DX", "CR", "MG", "MR", "PT", "OPT")}
    assert chosen == {
        **dict.fromkeys(("DX", "CR", "MG", "MR", "PT", "OPT"), "stripe"),
        **{"CT": "block", "OP": "ray"},
    }
    assert modality_words(["PT", "CT", "CT", "SR", ""]) == "CT, PET"
    assert modality_words(["OT"]) == ""


@pytest.mark.parametrize(
    "elements",
    [
        {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"},
        {"Modality": "SEG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"},
        {"Modality": "RTDOSE", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2"},
    ],
)
def test_what_is_no_image_has_no_frames(tmp_path, elements):
    path = save(tmp_path / "a", dataset(STORED, **elements))
    header = read_image_header(path, ReadingOptions())
    assert (header.frames, header.facts.modality) == (0, elements["Modality"])
    assert read(path) == []


def test_files_without_pixels_are_no_images_and_are_counted_by_kind(tmp_path):
    made = dataset(STORED, Modality="RTSTRUCT")
    del made.PixelData
    header = read_image_header(save(tmp_path / "a", made), ReadingOptions())
    assert header.frames == 0
    counted = [header.facts.modality] * 4 + ["SR"] * 7 + ["MUSTERMANN"]
    assert describe_no_images(counted) == "12 DICOM files hold no image (SR 7, RTSTRUCT 4, other 1)"
    assert describe_no_images(["KO"]) == "1 DICOM file holds no image (KO 1)"
    assert describe_no_images([]) == ""


def test_burned_in_text_and_overlays_are_said(tmp_path):
    made = dataset(STORED, BurnedInAnnotation="YES")
    made.add_new((0x6002, 0x0010), "US", 4)
    (image,) = read(save(tmp_path / "a", made))
    assert [note.split(",")[0] for note in image.notes] == [
        "text burned into the image (BurnedInAnnotation is YES)",
        "overlay planes",
    ]


def test_nothing_of_the_header_is_in_what_is_stored_or_said(tmp_path, capfd):
    logged = io.StringIO()
    logging.getLogger().addHandler(handler := logging.StreamHandler(logged))
    made = dataset(STORED, **SECRETS, BurnedInAnnotation="YES", WindowCenter="123.75", WindowWidth=9)
    made.add_new((0x0009, 0x0010), "LO", "VENDOR")
    made.add_new((0x0009, 0x1001), "LO", "Mustermann^Erika")
    path = save(tmp_path / "a", made)
    path.write_bytes(path.read_bytes().replace(b"123.75", b"Erika "))
    with warnings.catch_warnings(record=True) as warned:
        header, images = read_image_header(path, ReadingOptions()), read(path)
    logging.getLogger().removeHandler(handler)
    used = {header.facts.patient, header.facts.study, header.facts.series}
    left = pickle.dumps([(image.pixels, image.notes, image.frame) for image in images])
    said = " ".join([*capfd.readouterr(), logged.getvalue(), *(str(one.message) for one in warned)])
    for secret in SECRETS.values():
        assert secret.encode() not in left
        assert secret not in said
        assert secret in used or secret not in repr(header)
