"""Image files and label files, in every kind that is read."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import tifffile
from PIL import Image

from fastssl.data.reading import IMAGE_SUFFIXES, read_image_file, read_label_file
from tests.fuzz.target import Target

SUFFIXES = tuple(sorted(IMAGE_SUFFIXES))
MEGAPIXELS = 4
_RNG = np.random.default_rng(0)
_GREY = _RNG.integers(0, 256, (9, 11), dtype=np.uint8)
_COLOUR = _RNG.integers(0, 256, (9, 11, 3), dtype=np.uint8)
_LABELS = (_GREY > 100).astype(np.uint8) * 255


@cache
def _pictures() -> tuple[tuple[str, bytes], ...]:
    """(ending, file) of many kinds."""
    found = []

    def add(suffix: str, image: Image.Image, **options: object) -> None:
        content = io.BytesIO()
        image.save(content, Image.registered_extensions()[suffix], **options)
        found.append((suffix, content.getvalue()))

    palette = Image.fromarray(_GREY).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    for suffix in (".png", ".jpg", ".bmp", ".tif", ".gif", ".webp", ".jp2", ".ppm", ".tga"):
        if suffix in SUFFIXES and suffix in Image.registered_extensions():
            add(suffix, Image.fromarray(_COLOUR))
    add(".png", Image.fromarray(_GREY.astype(np.uint16) * 257))
    add(".png", palette)
    add(".png", Image.fromarray(np.dstack([_COLOUR, _GREY])))
    add(".png", Image.fromarray(_LABELS))
    add(".tif", Image.fromarray(_LABELS).convert("1"), compression="group4")
    for pixels, options in (
        (_GREY.astype(np.uint16) * 100, {"photometric": "miniswhite"}),
        (np.moveaxis(_COLOUR, 2, 0), {"planarconfig": "separate", "photometric": "rgb"}),
        (_GREY.astype(np.float32) / 255, {"compression": "zlib", "predictor": True}),
        (_GREY.astype(np.int16) - 100, {"tile": (16, 16)}),
    ):
        content = io.BytesIO()
        tifffile.imwrite(content, pixels, **options)
        found.append((".tif", content.getvalue()))
    return (*found, *_volumes())


def _volumes() -> list[tuple[str, bytes]]:
    """(ending, file) of small volumes."""
    voxels = _RNG.integers(0, 1000, (5, 6, 4), dtype=np.int16)
    stored = voxels.tobytes(order="F")
    nifti = nibabel.Nifti1Image(voxels, np.diag([-1.0, 1.0, 2.0, 1.0])).to_bytes()
    nrrd = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 5 6 4\nencoding: raw\nendian: little\nspace: RAS\n"
    nrrd += b"space directions: (1,0,0) (0,1,0) (0,0,1)\n\n"
    meta = b"ObjectType = Image\nNDims = 3\nDimSize = 5 6 4\nElementSpacing = 1 1 2\nElementType = MET_SHORT\n"
    meta += b"TransformMatrix = 1 0 0 0 1 0 0 0 1\nElementDataFile = LOCAL\n"
    return [(".nii", nifti), (".nii.gz", gzip.compress(nifti)), (".nrrd", nrrd + stored), (".mha", meta + stored)]


def _files() -> Sequence[bytes]:
    """Each file behind the place of its ending."""
    return [bytes([SUFFIXES.index(suffix)]) + content for suffix, content in _pictures() if suffix in SUFFIXES]


def _written(content: bytes, folder: Path) -> Path:
    path = folder / f"image{SUFFIXES[(content[0] if content else 0) % len(SUFFIXES)]}"
    path.write_bytes(content[1:])
    return path


def _read_image(content: bytes, folder: Path) -> None:
    image = read_image_file(_written(content, folder), max_megapixels=MEGAPIXELS)
    height, width, channels = image.pixels.shape
    assert height * width <= MEGAPIXELS * 1_000_000
    assert channels in (1, 3)


def _read_labels(content: bytes, folder: Path) -> None:
    found = read_label_file(_written(content, folder), max_megapixels=MEGAPIXELS)
    assert found is not None


def _chunks() -> Sequence[bytes]:
    """The chunks of PNG files, each behind its length, without their checksums."""
    found = []
    for suffix, content in _pictures():
        if suffix == ".png":
            place, parts = 8, []
            while place < len(content):
                (length,) = struct.unpack_from(">I", content, place)
                parts.append(struct.pack("<H", length) + content[place + 4 : place + 8 + length])
                place += 12 + length
            found.append(b"".join(parts))
    return found


def _read_chunks(content: bytes, folder: Path) -> None:
    """A PNG file with right checksums, whatever its chunks hold; compressed pixels are packed anew."""
    place, parts = 0, [b"\x89PNG\r\n\x1a\n"]
    while len(content) - place >= 6:
        (length,) = struct.unpack_from("<H", content, place)
        kind, data = content[place + 2 : place + 6], content[place + 6 : place + 6 + length]
        place += 6 + length
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        parts.append(struct.pack(">I", len(data)) + kind + data + checksum)
    _read_image(bytes([SUFFIXES.index(".png")]) + b"".join(parts), folder)


TARGETS = (
    Target(name="image", seeds=_files, run=_read_image),
    Target(name="png-chunks", seeds=_chunks, run=_read_chunks),
    Target(name="labels", seeds=_files, run=_read_labels),
)
