"""NIfTI files: what their headers may say, and the one line for what cannot be read."""

from __future__ import annotations

import gzip
import shutil

import nibabel
import numpy as np
import pytest

from fastssl.data.reading import (
    ImageFileError,
    ReadingOptions,
    read_frames,
    read_image_bytes,
    read_image_header,
    read_label_file,
)
from fastssl.data.reading.volumes.nifti import CONTRADICTED, UNSTATED

from .volume_files import SHAPE, WHOLE, axial, noise, pixels_of, slices_of, write_nifti

RAS = np.eye(4)


def refused(path, **options) -> str:
    """The one line with which reading ends."""
    with pytest.raises(ImageFileError) as caught:
        list(read_frames(path, ReadingOptions(**options)))
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_both_versions_are_read_plain_and_compressed(tmp_path, kind, ending):
    path = write_nifti(tmp_path / f"a{ending}", noise(), RAS, kind)
    np.testing.assert_array_equal(pixels_of(path, window=WHOLE), axial(noise()))


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair])
@pytest.mark.parametrize("ending", [".img", ".img.gz"])
def test_a_pair_is_read_by_its_header(tmp_path, kind, ending):
    write_nifti(tmp_path / f"a{ending}", noise(), RAS, kind)
    header = tmp_path / f"a{ending.replace('img', 'hdr')}"
    np.testing.assert_array_equal(pixels_of(header, window=WHOLE), axial(noise()))
    (tmp_path / f"a{ending}").unlink()
    assert "its values are in a file of their own, a.img, which is not there" in refused(header)


def test_a_file_in_memory_and_a_file_of_any_name_are_read_by_their_content(tmp_path):
    path = write_nifti(tmp_path / "a.nii.gz", noise(), RAS)
    shutil.copy(path, tmp_path / "a.png")
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png", window=WHOLE), axial(noise()))
    assert read_image_bytes(path.read_bytes(), "a.nii.gz", max_megapixels=1).pixels.shape == (6, 5, 1)


@pytest.mark.parametrize("slope", [0.0, np.nan, 1.0])
def test_a_slope_of_zero_or_nan_means_values_as_they_are(tmp_path, slope):
    path = write_nifti(tmp_path / "a.nii", noise(), RAS)
    _set(path, scl_slope=slope, scl_inter=0.0)
    np.testing.assert_array_equal(pixels_of(path, window=WHOLE), axial(noise()))


def test_the_first_of_several_volumes_is_taken_and_told(tmp_path):
    array = np.stack([noise(), noise(seed=1)], axis=-1)
    path = write_nifti(tmp_path / "a.nii.gz", array, RAS)
    frames = slices_of(path, window=WHOLE)
    np.testing.assert_array_equal([frame.pixels for frame in frames], axial(noise()))
    assert "several volumes in one file, such as points in time; the first is taken" in frames[0].notes


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 1, 1), (5, 6, 1, 3)])
def test_two_dimensions_and_single_ones_are_one_slice(tmp_path, shape):
    path = write_nifti(tmp_path / "a.nii", noise(shape), RAS)
    first = noise(shape).reshape(5, 6, -1)[..., :1]
    np.testing.assert_array_equal(pixels_of(path, window=WHOLE), axial(first))


def test_sform_wins_over_qform_and_a_contradiction_is_told(tmp_path):
    image = nibabel.Nifti1Image(noise(), RAS)
    image.set_sform(RAS, code=2)
    image.set_qform(np.diag([-1, 1, 1, 1]), code=1)
    nibabel.save(image, tmp_path / "a.nii")
    frames = slices_of(tmp_path / "a.nii", window=WHOLE)
    np.testing.assert_array_equal([frame.pixels for frame in frames], axial(noise()))
    assert CONTRADICTED in frames[0].notes


def test_without_an_orientation_nibabels_is_taken_and_told(tmp_path):
    path = write_nifti(tmp_path / "a.nii", noise(), RAS)
    _set(path, sform_code=0, qform_code=0)
    frames = slices_of(path, window=WHOLE)
    canonical = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata(dtype=np.float32)
    np.testing.assert_array_equal([frame.pixels for frame in frames], axial(canonical))
    assert UNSTATED in frames[0].notes


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_that_is_cut_short_is_refused_in_one_line(tmp_path, ending):
    path = write_nifti(tmp_path / f"a{ending}", noise((20, 20, 20)), RAS)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged: its header says 20x20x20 voxels of float32, 32000 bytes" in refused(path)
    path.write_bytes(whole[:60])
    refused(path)


def test_a_header_that_claims_too_much_is_refused_before_memory_is_taken(tmp_path):
    path = write_nifti(tmp_path / "a.nii", noise(), RAS)
    _set(path, dim=[3, 30000, 30000, 30000, 1, 1, 1, 1])
    path.with_suffix(".nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert "more than 200 megapixels" in refused(path)
    for one in (path, path.with_suffix(".nii.gz")):
        assert "voxels of float32, 108000000000000 bytes" in refused(one, max_megapixels=1000)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dim": [3, 5, -6, 7, 1, 1, 1, 1]}, "its header says 5x-6x7 voxels"),
        ({"dim": [1, 210, 1, 1, 1, 1, 1, 1]}, "its header says 210 voxels"),
        ({"datatype": 32, "bitpix": 64}, "values of complex64, which are no grey levels"),
        ({"datatype": 9999}, "damaged"),
        ({"scl_slope": 1.0, "scl_inter": np.nan}, "damaged"),
        ({"srow_x": [0, 0, 0, 0]}, "damaged: its header gives two axes one direction, or none"),
        ({"srow_x": [np.nan, 0, 0, 0]}, "damaged: its header gives two axes one direction, or none"),
        ({"vox_offset": np.nan}, "damaged"),
        ({"vox_offset": 1e9}, "damaged: its header says 5x6x7 voxels"),
        ({"intent_code": 3001}, "a CIFTI matrix, which is no image"),
    ],
)
def test_what_a_header_must_not_say(tmp_path, fields, words):
    path = write_nifti(tmp_path / "a.nii", noise(), RAS)
    _set(path, **fields)
    assert words in refused(path)


def test_the_header_of_a_compressed_file_is_read_without_its_values(tmp_path):
    path = write_nifti(tmp_path / "a.nii.gz", noise((64, 64, 64)), RAS)
    path.write_bytes(path.read_bytes()[:4096])
    header = read_image_header(path, ReadingOptions())
    assert (header.width, header.height, header.frames, header.channels) == (64, 64, 64, 1)


def test_a_volume_is_no_mask_of_a_picture(tmp_path):
    path = write_nifti(tmp_path / "a.nii", np.zeros(SHAPE, np.uint8), RAS)
    with pytest.raises(ImageFileError, match="it is a scan, not a mask"):
        read_label_file(path, max_megapixels=1)


def _set(path, **fields) -> None:
    """Change fields of the header of a `.nii` file, which nibabel would not write so."""
    data = bytearray(path.read_bytes())
    header = np.frombuffer(data, nibabel.Nifti1Header.template_dtype, count=1)
    for name, value in fields.items():
        header[name][0] = value
    path.write_bytes(data)
