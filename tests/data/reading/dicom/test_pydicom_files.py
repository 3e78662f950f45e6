"""The test files of pydicom: every image that pydicom decodes opens with the values of an independent rendering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_files

from fastssl.data.reading import ImageFileError, ReadingOptions, read_frames, read_image_header
from fastssl.data.reading.dicom import HEAD, is_dicom

from .rendering import WHITE, render

pytestmark = pytest.mark.filterwarnings("ignore")

OPTIONS = ReadingOptions()
DECODED_LONG = 600_000
"""Bytes of a file from which on both decoders together take a second."""
TOLERANCE = {"JPGExtended.dcm": WHITE / 112 + 1}
"""Lossy 12 bits, of which decoders differ by one stored level; 112 of them are between black and white."""
OURS_ALONE = {"JPEG-lossy.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm"}
"""Files that pydicom or its plugins do not decode."""
NO_IMAGE = ("SEG", "RTDOSE")


def starts_like_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return is_dicom(file.read(HEAD))


FILES = sorted({path for found in get_testdata_files() if (path := Path(found)).is_file() and starts_like_dicom(path)})


def params(paths: list[Path]) -> list:
    slow = [pytest.mark.slow]
    return [
        pytest.param(path, id="/".join(path.parts[-2:]), marks=slow if path.stat().st_size > DECODED_LONG else [])
        for path in paths
    ]


@pytest.mark.parametrize("path", params(FILES))
def test_pixels_are_those_of_an_independent_rendering(path):
    dataset = dcmread(path, force=True)
    dataset.file_meta.setdefault("TransferSyntaxUID", "1.2.840.10008.1.2")
    header = try_header(path)
    try:
        expected = render(dataset)
    except Exception:
        if header is not None and header.frames and path.name not in OURS_ALONE:
            with pytest.raises(ImageFileError):
                list(read_frames(path, OPTIONS))
        return
    if dataset.get("Modality") in NO_IMAGE:
        assert header.frames == 0
        return
    found = sorted(read_frames(path, OPTIONS), key=lambda image: image.frame)
    assert len(found) == len(expected) == header.frames == header.pages
    for image, wanted in zip(found, expected, strict=True):
        levels = image.pixels.astype(np.float64) * (WHITE // np.iinfo(image.pixels.dtype).max)
        wanted = wanted if wanted.ndim == 3 else wanted[..., None]
        assert image.pixels.shape == (header.height, header.width, header.channels) == wanted.shape
        assert image.pixels.dtype == header.dtype
        assert np.abs(levels - wanted).max() <= TOLERANCE.get(path.name, 1)


def try_header(path: Path):
    try:
        return read_image_header(path, OPTIONS)
    except ImageFileError:
        return None


def test_the_wheel_has_many_files_of_many_kinds():
    assert len(FILES) > 80
    syntaxes = {dcmread(path, force=True, stop_before_pixels=True).file_meta.get("TransferSyntaxUID") for path in FILES}
    assert len(syntaxes) >= 9
