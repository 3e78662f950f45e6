"""Compressed pixels: what was encoded without loss is what is read, with every number of bits and sign."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    HTJ2K,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from .dicom_files import RANDOM, dataset, levels, read, save
from .rendering import through


def jpeg_2000(pixels: np.ndarray) -> bytes:
    return imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k", mct=False)


ENCODERS = {
    JPEGLossless: lambda pixels: imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=4),
    JPEGLosslessSV1: lambda pixels: imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEG2000Lossless: jpeg_2000,
    HTJ2KLossless: lambda pixels: imagecodecs.htj2k_encode(pixels, reversible=True),
}
SYNTAXES = pytest.mark.parametrize("syntax", list(ENCODERS), ids=lambda syntax: syntax.name)


def compressed(frames: list[np.ndarray], syntax: str, **elements):
    made = dataset(frames[0] if len(frames) == 1 else np.stack(frames), **elements)
    made.PixelData = encapsulate([ENCODERS[syntax](np.ascontiguousarray(unsigned(frame))) for frame in frames])
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    return made


def unsigned(frame: np.ndarray) -> np.ndarray:
    """Without a sign, as JPEG has none: the same bits."""
    return frame.view(f"u{frame.itemsize}")


@SYNTAXES
@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("u2", 16), ("u2", 12), ("i2", 16)])
def test_grey_of_every_depth_is_read_without_loss(tmp_path, syntax, dtype, bits):
    low = -(2 ** (bits - 1)) if dtype[0] == "i" else 0
    stored = RANDOM.integers(low, low + 2**bits, (16, 24)).astype(dtype)
    centre, width = low + 2.0 ** (bits - 1), 2.0**bits
    made = compressed([stored], syntax, BitsStored=bits, WindowCenter=centre, WindowWidth=width)
    found = levels(save(tmp_path / "a", made, syntax))[..., 0]
    assert np.abs(found - through(stored.astype(float), centre, width, "LINEAR")).max() <= 1


@SYNTAXES
def test_colour_is_read_without_loss(tmp_path, syntax):
    stored = RANDOM.integers(0, 256, (16, 24, 3)).astype(np.uint8)
    made = compressed([stored], syntax, SamplesPerPixel=3)
    assert (levels(save(tmp_path / "a", made, syntax)) == stored).all()


def test_the_colour_transform_of_jpeg_2000_is_undone_once(tmp_path):
    stored = RANDOM.integers(0, 256, (16, 24, 3)).astype(np.uint8)
    made = dataset(stored, SamplesPerPixel=3, PhotometricInterpretation="YBR_RCT")
    encoded = imagecodecs.jpeg2k_encode(stored, level=0, reversible=True, codecformat="j2k", mct=True)
    made.PixelData = encapsulate([encoded])
    made["PixelData"].is_undefined_length = True
    assert (levels(save(tmp_path / "a", made, JPEG2000Lossless)) == stored).all()


def test_lossy_high_throughput_is_near(tmp_path):
    stored = np.add.outer(np.arange(32), np.arange(40)).astype(np.uint8)
    made = dataset(stored)
    made.PixelData = encapsulate([imagecodecs.htj2k_encode(stored, reversible=False)])
    made["PixelData"].is_undefined_length = True
    assert np.abs(levels(save(tmp_path / "a", made, HTJ2K))[..., 0] / 257 - stored).max() <= 2


@pytest.mark.parametrize("bits", [8, 12])
def test_lossy_jpeg_of_eight_and_twelve_bits_is_near(tmp_path, bits):
    stored = (np.add.outer(np.arange(32), np.arange(40)) * 2.0 ** (bits - 8)).astype("u1" if bits == 8 else "u2")
    made = dataset(stored, BitsStored=bits, WindowCenter=2.0 ** (bits - 1), WindowWidth=2.0**bits)
    made.PixelData = encapsulate([imagecodecs.jpeg8_encode(stored, level=98, bitspersample=bits)])
    made["PixelData"].is_undefined_length = True
    for syntax in [JPEGExtended12Bit, *[JPEGBaseline8Bit] * (bits == 8)]:
        found = levels(save(tmp_path / "a", made, syntax))[..., 0].astype(float)
        expected = through(stored.astype(float), 2.0 ** (bits - 1), 2.0**bits, "LINEAR")
        assert np.abs(found - expected).max() <= 3 * 257


@pytest.mark.parametrize("extended", [False, True])
def test_frames_are_found_by_either_table_of_offsets(tmp_path, extended):
    frames = [RANDOM.integers(0, 256, (16, 24)).astype(np.uint8) for _ in range(4)]
    made = compressed(frames, JPEGLSLossless)
    if extended:
        encoded = [ENCODERS[JPEGLSLossless](frame) for frame in frames]
        made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulate_extended(encoded)
    images = read(save(tmp_path / "a", made, JPEGLSLossless), every=2)
    assert [image.frame for image in images] == [0, 2]
    assert all((image.pixels[..., 0] == frames[image.frame] * np.uint16(257)).all() for image in images)


def test_run_lengths_are_read(tmp_path):
    stored = RANDOM.integers(0, 4, (3, 16, 24)).astype(np.uint16)
    made = dataset(stored, WindowCenter=2, WindowWidth=4)
    made.file_meta = None
    path = save(tmp_path / "a", made)
    made.compress(RLELossless)
    made.save_as(path)
    for image in read(path):
        assert np.abs(image.pixels[..., 0] - through(stored[image.frame].astype(float), 2, 4, "LINEAR")).max() <= 1
