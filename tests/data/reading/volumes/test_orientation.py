"""The same anatomy comes out the same way up, whatever the axes of its file: nibabel and SimpleITK are the oracles."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from fastssl.data.reading import ImageFileError, ReadingOptions, read_image_header
from fastssl.data.reading.windowing import to_grey

from .volume_files import (
    ORIENTATIONS,
    SPACING,
    WHOLE,
    axial,
    coronal,
    in_orientation,
    noise,
    pixels_of,
    sagittal,
    slices_of,
    write_itk,
    write_nifti,
)

OF_NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"
CUBE = (1.0, 1.0, 1.0)
EXPECTED = {"axial": axial, "coronal": coronal, "sagittal": sagittal}


def cube(path: Path, writer, axes=(0, 1, 2), signs=(1, 1, 1)) -> Path:
    """`noise` in some orientation, with voxels that are cubes, so that nothing is resampled."""
    return writer(path, *in_orientation(noise(), axes, signs, CUBE))


@pytest.mark.parametrize("axis", EXPECTED)
def test_all_48_orientations_of_nifti_give_equal_slices(tmp_path, axis):
    for index, (axes, signs) in enumerate(ORIENTATIONS):
        path = cube(tmp_path / f"{index}.nii", write_nifti, axes, signs)
        np.testing.assert_array_equal(pixels_of(path, axis=axis, window=WHOLE), EXPECTED[axis](noise()))
        canonical = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata(dtype=np.float32)
        np.testing.assert_array_equal(canonical, noise())


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_all_48_orientations_that_itk_writes_give_the_same_slices(tmp_path, ending):
    for index, (axes, signs) in enumerate(ORIENTATIONS):
        path = cube(tmp_path / f"{index}{ending}", write_itk, axes, signs)
        np.testing.assert_array_equal(pixels_of(path, axis="coronal", window=WHOLE), coronal(noise()))


@pytest.mark.parametrize("ending", [".nii", ".mha", ".nrrd"])
def test_axial_slices_are_those_that_itk_reorients_to_lps(tmp_path, ending):
    path = cube(tmp_path / f"a{ending}", write_itk, (2, 0, 1), (-1, 1, -1))
    lps = SimpleITK.GetArrayFromImage(SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(path)), "LPS"))
    np.testing.assert_array_equal(pixels_of(path, axis="axial", window=WHOLE)[..., 0], to_grey(lps, 0, 1))


def test_numbered_axes_are_those_of_nibabels_array_as_they_are(tmp_path):
    path = cube(tmp_path / "a.nii", write_nifti, (1, 2, 0), (1, -1, 1))
    array = np.asarray(nibabel.load(path).dataobj)
    for axis in range(3):
        grey = to_grey(np.moveaxis(array, axis, 0), 0, 1)
        np.testing.assert_array_equal(pixels_of(path, axis=str(axis), window=WHOLE)[..., 0], grey)


@pytest.mark.parametrize("angle", [20, -35])
def test_oblique_volumes_are_cut_along_their_own_axes(tmp_path, angle):
    array, affine = in_orientation(noise(), (1, 0, 2), (-1, 1, 1), CUBE)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    affine[:3, :3] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ affine[:3, :3]
    path = write_nifti(tmp_path / "a.nii", array, affine)
    np.testing.assert_array_equal(pixels_of(path, axis="axial", window=WHOLE), axial(noise()))


@pytest.mark.parametrize(
    ("spacing", "name"),
    [
        *(((1, 1, 1), "axial"), ((1, 1, 5), "axial"), ((1, 5, 1), "coronal"), ((1.2, 1, 1), "sagittal")),
        *(((1, 2, 2), "axial"), ((2, 2, 1), "coronal"), ((1.005, 1, 1), "axial")),
    ],
)
def test_the_automatic_axis_is_that_of_the_coarsest_spacing(tmp_path, spacing, name):
    array, affine = in_orientation(noise(), (2, 0, 1), (1, -1, 1), spacing)
    assert slices_of(write_nifti(tmp_path / "a.nii", array, affine))[0].notes == (f"slices of a volume, {name}",)


def test_a_single_slice_is_shown_whole_whatever_its_spacing(tmp_path):
    array, affine = in_orientation(noise((5, 1, 7)), (0, 1, 2), (1, 1, 1), CUBE)
    path = write_nifti(tmp_path / "a.nii", array, affine)
    assert pixels_of(path).shape == (1, 7, 5, 1)
    with pytest.raises(ImageFileError, match=r"cut along axial, its slices are 5x1 voxels; choose another --axis"):
        read_image_header(path, ReadingOptions(axis="axial"))


@pytest.mark.parametrize("name", ["anatomical.nii", "reoriented_anat_moved.nii", "functional.nii", "example4d.nii.gz"])
def test_nibabels_own_volumes_equal_their_canonical_orientation(tmp_path, name):
    if not (OF_NIBABEL / name).is_file():
        pytest.skip("nibabel is installed without its test data")
    canonical = nibabel.as_closest_canonical(nibabel.load(OF_NIBABEL / name))
    array = np.asarray(canonical.dataobj, np.float32)
    array = array[..., 0] if array.ndim == 4 else array
    low, high = float(array.min()), float(array.max())
    zooms = canonical.header.get_zooms()
    frames = slices_of(OF_NIBABEL / name, axis="axial", window=f"{(low + high) / 2},{high - low}")
    if zooms[0] == pytest.approx(zooms[1], rel=0.01):
        for frame in frames:
            grey = to_grey(array[::-1, ::-1, frame.frame].T, low, high)
            np.testing.assert_allclose(frame.pixels[..., 0].astype(int), grey, atol=1)
    for axes, signs in ORIENTATIONS[::7]:
        turned = write_nifti(tmp_path / "a.nii", *in_orientation(array, axes, signs, zooms[:3]))
        again = slices_of(turned, axis="axial", window=f"{(low + high) / 2},{high - low}")
        assert [one.frame for one in again] == [one.frame for one in frames]
        for one, other in zip(again, frames, strict=True):
            np.testing.assert_allclose(one.pixels.astype(int), other.pixels.astype(int), atol=1)


def test_pixels_become_square_with_the_finer_spacing(tmp_path):
    ramp = np.broadcast_to(np.arange(7, dtype=np.float32), (5, 6, 7))
    path = write_nifti(tmp_path / "a.nii", *in_orientation(ramp, (0, 1, 2), (1, 1, 1)))
    pixels = pixels_of(path, axis="coronal", window="3,6")
    assert pixels.shape == (6, 14, 5, 1)
    expected = np.interp((np.arange(14) + 0.5) / 2 - 0.5, np.arange(7), np.arange(7))[::-1] / 6 * 65535
    np.testing.assert_allclose(pixels[0, 2:-2, 0, 0], expected[2:-2], rtol=0.02, atol=300)
    assert SPACING[2] == 2 * SPACING[0]
