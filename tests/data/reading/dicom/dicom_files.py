"""Small DICOM files, written with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from fastssl.data.reading import RawImage, ReadingOptions, read_frames

CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
RANDOM = np.random.default_rng(0)


def dataset(pixels: np.ndarray, **elements: Any) -> Dataset:
    """A data set of stored values: `[H, W]` or `[N, H, W]` of grey, `[H, W, 3]` where SamplesPerPixel is 3."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CT_STORAGE, generate_uid()
    made.Modality = elements.pop("Modality", "MR")
    colour = elements.get("SamplesPerPixel", 1) == 3
    if not colour and pixels.ndim == 3:
        made.NumberOfFrames = len(pixels)
    made.Rows, made.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = (3, "RGB") if colour else (1, "MONOCHROME2")
    if colour:
        made.PlanarConfiguration = 0
    made.BitsAllocated = 8 * pixels.itemsize
    made.BitsStored = elements.get("BitsStored", made.BitsAllocated)
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in elements.items():
        setattr(made, name, value)
    made.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    made["PixelData"].VR = "OW"
    return made


def item(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def save(path: Path, made: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.save_as(path, enforce_file_format=True)
    return path


def read(path: Path, **options: Any) -> list[RawImage]:
    return list(read_frames(path, ReadingOptions(**options)))


def levels(path: Path, **options: Any) -> np.ndarray:
    """The pixels of the one image of a file, `[H, W, C]`."""
    (image,) = read(path, **options)
    return image.pixels
