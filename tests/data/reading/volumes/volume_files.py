"""Volumes for tests: written by nibabel, SimpleITK and by hand, and read back as slices."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK

from fastssl.data.reading import RawImage, ReadingOptions, read_frames, read_image_header
from fastssl.data.reading.windowing import to_grey

SHAPE = (5, 6, 7)
SPACING = (1.0, 1.5, 2.0)
"""To the patient's right, front and head, in millimetres."""
WHOLE = "0.5,1"
"""The window of `noise`: black is 0 and white is 1."""

ORIENTATIONS = [
    (axes, signs) for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)
]  # which axis of the body each axis of the array is, and whether it runs towards right, front or head


def noise(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    """float32 from 0 to 1, `[right, front, head]`."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def in_orientation(
    ras: np.ndarray, axes: tuple[int, ...], signs: tuple[int, ...], spacing: tuple[float, ...] = SPACING
) -> tuple[np.ndarray, np.ndarray]:
    """The same volume with its axes in another order and direction, and its affine, written without nibabel."""
    array = ras.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, (body, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[body, axis] = sign * spacing[body]
        affine[body, 3] += 0 if sign > 0 else (ras.shape[body] - 1) * spacing[body]
    return np.ascontiguousarray(array), affine


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray, kind: Any = nibabel.Nifti1Image) -> Path:
    nibabel.save(kind(array, affine), path)
    return path


def write_itk(path: Path, array: np.ndarray, affine: np.ndarray, *, compressed: bool = False) -> Path:
    """Write an array `[i, j, k]` whose affine is towards RAS+ by ITK, whose space is LPS+."""
    image = SimpleITK.GetImageFromArray(array.T)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    direction = np.diag([-1, -1, 1]) @ affine[:3, :3] / spacing
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin((np.diag([-1, -1, 1]) @ affine[:3, 3]).tolist())
    SimpleITK.WriteImage(image, str(path), useCompression=compressed)
    return path


def slices_of(path: Path, **options: Any) -> list[RawImage]:
    """All slices of a file, whose header must have said their size, type, channels and number."""
    chosen = ReadingOptions(**options)
    frames, header = list(read_frames(path, chosen)), read_image_header(path, chosen)
    assert len(frames) <= header.frames
    for frame in frames:
        assert frame.pixels.shape == (header.height, header.width, header.channels)
        assert frame.pixels.dtype == header.dtype
        assert frame.windowed
    return frames


def pixels_of(path: Path, **options: Any) -> np.ndarray:
    """`[N, H, W, C]` of a file."""
    return np.stack([frame.pixels for frame in slices_of(path, **options)])


def axial(ras: np.ndarray) -> np.ndarray:
    """What is expected of a volume `[right, front, head]`: slices upwards, rows to the back, columns to the left."""
    return to_grey(ras[::-1, ::-1].transpose(2, 1, 0), 0, 1)[..., None]


def coronal(ras: np.ndarray) -> np.ndarray:
    """Slices to the back, rows downwards, columns to the left."""
    return to_grey(ras[::-1, ::-1, ::-1].transpose(1, 2, 0), 0, 1)[..., None]


def sagittal(ras: np.ndarray) -> np.ndarray:
    """Slices to the left, rows downwards, columns to the back."""
    return to_grey(ras[::-1, ::-1, ::-1].transpose(0, 2, 1), 0, 1)[..., None]
