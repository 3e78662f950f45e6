"""Random and damaged files: an image, or one line, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from fastssl.data.reading import ImageFileError, read_image_file, read_label_file

from .headers import header_of

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (16, 24)).astype(np.uint8)
COLOUR = RANDOM.integers(0, 256, (16, 24, 3)).astype(np.uint8)
WIDE = RANDOM.integers(0, 65536, (16, 24)).astype(np.uint16)


def by_pillow(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def by_tifffile(array: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, array, **{"photometric": "rgb" if array.ndim == 3 else "minisblack", **options})
    return out.getvalue()


VALID = {
    **{f"{kind} colour": by_pillow(Image.fromarray(COLOUR), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP")},
    **{f"{kind} colour": by_pillow(Image.fromarray(COLOUR), kind) for kind in ("PPM", "PCX", "JPEG2000", "TGA")},
    "PNG palette": by_pillow(Image.fromarray(COLOUR).quantize(8), "PNG"),
    "BMP palette": by_pillow(Image.fromarray(COLOUR).quantize(8), "BMP"),
    "GIF frames": by_pillow(Image.fromarray(GREY), "GIF", save_all=True, append_images=[Image.fromarray(255 - GREY)]),
    "PNG 16 bits": imagecodecs.png_encode(WIDE),
    "JPEG 12 bits": imagecodecs.jpeg8_encode(WIDE >> 4, bitspersample=12),
    "JPEG lossless": imagecodecs.jpeg8_encode(WIDE, lossless=True, bitspersample=16),
    "JPEG2000 16 bits": imagecodecs.jpeg2k_encode(WIDE, level=0),
    "PGM 12 bits": b"P5\n24 16\n4095\n" + (WIDE >> 4).astype(">u2").tobytes(),
    "TIFF plain": by_tifffile(WIDE),
    "TIFF big": by_tifffile(WIDE, bigtiff=True, byteorder=">"),
    "TIFF pages": by_tifffile(np.stack([WIDE] * 3), imagej=True, photometric="minisblack"),
    "TIFF planes": by_tifffile(np.moveaxis(COLOUR, 2, 0), planarconfig="separate", compression="lzw"),
    "TIFF floats": by_tifffile(GREY / np.float32(9), compression="zlib", predictor=True),
    "TIFF JPEG": by_tifffile(COLOUR, compression="jpeg", tile=(16, 16)),
    "TIFF JPEG 2000": by_tifffile(WIDE, compression="jpeg2000"),
    "TIFF fax": by_pillow(Image.fromarray(GREY > 99), "TIFF", compression="group4"),
    "TIFF YCbCr": by_pillow(Image.fromarray(COLOUR).convert("YCbCr"), "TIFF"),
}
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def read_in_every_way(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    lines = []
    for read in (header_of, read_image_file, read_label_file):
        try:
            read(path, max_megapixels=1)
        except ImageFileError as error:
            lines.append(str(error))
    assert not any("\n" in line for line in lines)


@pytest.fixture
def path(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: tmp_path / f"a.{'tga' if 'TGA' in name else 'png'}"


@pytest.mark.parametrize("start", [b"", *sorted({content[:4] for content in VALID.values()})])
@QUICK
@given(rest=st.binary(max_size=300))
def test_random_bytes_are_refused_in_one_line(path, start, rest):
    read_in_every_way(path("TGA"), start + rest)


@pytest.mark.parametrize("name", VALID)
@QUICK
@given(
    places=st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
    early=st.booleans(),
    length=st.floats(0.2, 1),
)
@example(places=[(0.0, b"")], early=False, length=1.0)
def test_a_file_with_bytes_changed_or_missing_is_an_image_or_one_line(path, name, places, early, length):
    content = bytearray(VALID[name])
    reach = min(100, len(content)) if early else len(content)  # headers are what decoders trust
    for place, new in places:
        at = int(place * reach)
        content[at : at + len(new)] = new
    read_in_every_way(path(name), bytes(content[: int(length * len(content))]))
