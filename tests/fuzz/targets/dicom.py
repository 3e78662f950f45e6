"""DICOM files: native, deflated, compressed, of several frames, in colour, with tables and functional groups."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from fastssl.data.reading import ReadingOptions, read_frames, read_image_header
from tests.fuzz.target import Target

SECRET = "Mustermann"
OPTIONS = (
    ReadingOptions(max_megapixels=1),
    ReadingOptions(max_megapixels=1, window="auto", neighbours=True),
    ReadingOptions(max_megapixels=1, window="40,400;-600,1500;400,1800", every=2),
)
_GREY = np.random.default_rng(0).integers(0, 4096, (3, 9, 8)).astype(np.uint16)


def _item(**elements: object) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def _file(syntax: str, pixels: bytes, **elements: object) -> bytes:
    made = _item(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", SOPInstanceUID="1.2.3", Modality="CT", PatientName=SECRET)
    made.update(_item(PatientID=SECRET, Rows=9, Columns=8, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2"))
    made.update(_item(BitsAllocated=16, BitsStored=12, HighBit=11, PixelRepresentation=0))
    made.update(_item(**elements))
    made.PixelData = pixels
    made["PixelData"].VR = "OW"
    if syntax.startswith("1.2.840.10008.1.2.4"):
        made["PixelData"].is_undefined_length = True
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = made.SOPClassUID, "1.2.3"
    content = io.BytesIO()
    made.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _files() -> Sequence[bytes]:
    explicit, one = "1.2.840.10008.1.2.1", _GREY[0].tobytes()
    table = _item(LUTDescriptor=[4, 0, 16], LUTData=bytes(range(8)))
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    window = _item(FrameVOILUTSequence=[_item(WindowCenter=40, WindowWidth=400)])
    made = [
        _file(explicit, one, WindowCenter=40, WindowWidth=400, RescaleSlope=1, RescaleIntercept=-1024),
        _file("1.2.840.10008.1.2", one, PixelPaddingValue=3),
        _file("1.2.840.10008.1.2.1.99", one, VOILUTSequence=[table]),
        _file(explicit, one, ModalityLUTSequence=[table]),
        _file(explicit, _GREY.tobytes(), NumberOfFrames=3, PerFrameFunctionalGroupsSequence=[window] * 3),
        _file(
            "1.2.840.10008.1.2.4.80",
            encapsulate([imagecodecs.jpegls_encode(frame) for frame in _GREY]),
            NumberOfFrames=3,
        ),
        _file("1.2.840.10008.1.2.4.70", encapsulate([imagecodecs.jpeg8_encode(_GREY[0], lossless=True, predictor=1)])),
        _file("1.2.840.10008.1.2.4.90", encapsulate([imagecodecs.jpeg2k_encode(_GREY[0], level=0, codecformat="j2k")])),
    ]
    return [*made, _palette_file(one)]


def _palette_file(pixels: bytes) -> bytes:
    colours: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        colours[f"{colour}PaletteColorLookupTableDescriptor"] = [16, 0, 16]
        colours[f"{colour}PaletteColorLookupTableData"] = bytes(range(32))
    return _file("1.2.840.10008.1.2.1", pixels, **colours)


def _read(content: bytes, folder: Path) -> None:
    path = folder / "IM000001"
    path.write_bytes(content)
    for options in OPTIONS:
        header = read_image_header(path, options)
        assert header.frames <= header.pages
        for count, image in enumerate(read_frames(path, options)):
            height, width, channels = image.pixels.shape
            assert (height, width, channels) == (header.height, header.width, header.channels)
            assert image.pixels.dtype == header.dtype
            assert SECRET not in " ".join(image.notes)
            if count == 4:
                break


TARGETS = (Target(name="dicom", seeds=_files, run=_read),)
