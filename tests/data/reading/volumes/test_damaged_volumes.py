"""Volumes with bytes changed or missing: slices, or one line."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile

from fastssl.data.reading import ImageFileError, ReadingOptions, read_frames

from .volume_files import in_orientation, noise, write_itk, write_nifti

CHANGES = 60
HEADER = 600
"""Bytes at the beginning, in which two thirds of the changes are."""


def write(path):
    array, affine = in_orientation(noise((8, 9, 10)), (1, 0, 2), (1, -1, 1))
    if path.name.endswith(".tif"):
        tifffile.imwrite(path, array, imagej=True, metadata={"axes": "ZYX"})
    elif path.name.startswith("itk"):
        write_itk(path, array, affine, compressed="packed" in path.name)
    else:
        write_nifti(path, array, affine)
    return path.read_bytes()


@pytest.mark.parametrize(
    "name", ["a.nii", "a.nii.gz", "itk.nrrd", "itk_packed.nrrd", "itk.mha", "itk_packed.mha", "a.tif"]
)
def test_a_volume_with_bytes_changed_or_missing_is_slices_or_one_line(tmp_path, name):
    path, random = tmp_path / name, np.random.default_rng(0)
    whole, read, lines = write(path), 0, list[str]()
    for change in range(CHANGES):
        data = bytearray(whole)
        for _ in range(random.integers(1, 5)):
            data[random.integers(min(HEADER, len(data)) if change % 3 else len(data))] = random.integers(256)
        path.write_bytes(data if change % 5 else data[: random.integers(len(data))])
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                for frame in read_frames(path, ReadingOptions(max_megapixels=1)):
                    assert frame.pixels.dtype == np.uint16 or not frame.windowed
            read += 1
        except ImageFileError as error:
            lines.append(str(error))
        assert not [str(one.message) for one in told]
    assert read
    assert lines
    assert all("\n" not in line and len(line) < 500 for line in lines)
