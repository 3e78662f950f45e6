"""NRRD and MetaImage files: SimpleITK and pynrrd write them, and the one line for what cannot be read."""

from __future__ import annotations

import bz2
import gzip
import zlib

import nrrd
import numpy as np
import pytest
import SimpleITK

from fastssl.data.reading import ImageFileError, ReadingOptions, read_frames, read_image_bytes, read_image_header

from .volume_files import WHOLE, axial, in_orientation, noise, pixels_of, slices_of, write_itk

CUBE = (1.0, 1.0, 1.0)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
NRRD_HEADER = "NRRD0004\ntype: float\ndimension: 3\nsizes: 5 6 7\nencoding: {encoding}\nendian: little\n{more}\n"
META_HEADER = (
    "ObjectType = Image\nNDims = 3\nDimSize = 5 6 7\nElementType = MET_FLOAT\n{more}ElementDataFile = {file}\n"
)
DIRECTIONS = "space: RAS\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"


def stored(array: np.ndarray) -> bytes:
    """The bytes of an array whose first axis varies fastest."""
    return array.astype("<f4").tobytes(order="F")


def refused(path) -> str:
    with pytest.raises(ImageFileError) as caught:
        list(read_frames(path, ReadingOptions()))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nhdr", "a.nii.gz"])
@pytest.mark.parametrize("compressed", [False, True])
def test_all_that_itk_writes_is_the_same_volume(tmp_path, name, compressed):
    path = write_itk(tmp_path / name, *in_orientation(noise(), (2, 0, 1), (1, -1, 1), CUBE), compressed=compressed)
    np.testing.assert_array_equal(pixels_of(path, axis="axial", window=WHOLE), axial(noise()))


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float64, np.int64])
def test_every_type_that_itk_writes_is_read(tmp_path, ending, dtype):
    values = np.random.default_rng(0).integers(0, 100, (5, 6, 7))
    path = write_itk(tmp_path / f"a{ending}", values.astype(dtype), LPS)
    expected = np.rint(values.transpose(2, 1, 0) * 655.35)
    np.testing.assert_allclose(pixels_of(path, window="50,100")[..., 0], expected, atol=1)


@pytest.mark.parametrize("ending", [".mha", ".nrrd", ".nii.gz"])
def test_colours_of_8_bits_stay_colours_and_other_vectors_are_their_first_value(tmp_path, ending):
    colours = np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), dtype=np.uint8)
    vectors = np.stack([noise(), noise(seed=1)], axis=-1).transpose(2, 1, 0, 3)
    for name, array in (("colours", colours), ("vectors", vectors)):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array, isVector=True), str(tmp_path / f"{name}{ending}"))
    assert "several values for each voxel" in slices_of(tmp_path / f"vectors{ending}")[0].notes[-1]
    np.testing.assert_array_equal(pixels_of(tmp_path / f"colours{ending}"), colours)
    pixels = pixels_of(tmp_path / f"vectors{ending}", window=WHOLE)
    np.testing.assert_array_equal(pixels, axial(noise()[::-1, ::-1]))


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("detached", [False, True])
def test_every_encoding_of_nrrd_is_read_attached_and_detached(tmp_path, encoding, detached):
    path = tmp_path / ("a.nhdr" if detached else "a.nrrd")
    header = {"space": "right-anterior-superior", "space directions": np.eye(3), "encoding": encoding}
    nrrd.write(str(path), noise(), header, detached_header=detached)
    np.testing.assert_allclose(pixels_of(path, window=WHOLE).astype(int), axial(noise()), atol=1)


@pytest.mark.parametrize("place", ["before", "behind"])
def test_further_axes_of_nrrd_may_stand_before_or_behind_those_in_space(tmp_path, place):
    times = [noise(), noise(seed=1)]
    none, rows = [np.full(3, np.nan)], list(np.eye(3))
    array = np.stack(times, axis=0 if place == "before" else -1)
    directions = np.array(none + rows if place == "before" else rows + none)
    kinds = ["list", *["domain"] * 3] if place == "before" else [*["domain"] * 3, "list"]
    header = {"space": "right-anterior-superior", "space directions": directions, "kinds": kinds}
    nrrd.write(str(tmp_path / "a.nrrd"), array, header)
    frames = slices_of(tmp_path / "a.nrrd", window=WHOLE)
    np.testing.assert_array_equal([frame.pixels for frame in frames], axial(noise()))
    assert "several volumes in one file" in frames[0].notes[-1]


@pytest.mark.parametrize(
    ("more", "spacing"),
    [("", (1, 1, 1)), ("spacings: 1 2 NaN\n", (1, 2, 1)), ("space: 3D-right-handed\n" + DIRECTIONS[11:], (1, 1, 1))],
)
def test_an_nrrd_without_a_space_is_taken_as_itk_does_and_that_is_told(tmp_path, more, spacing):
    path = tmp_path / "a.nrrd"
    path.write_bytes(NRRD_HEADER.format(encoding="raw", more=more).encode() + stored(noise()))
    frames = slices_of(path, axis="axial", window=WHOLE)
    assert any(note.startswith("no orientation in the header") for note in frames[0].notes)
    expected = axial(noise()[::-1, ::-1])
    assert frames[0].pixels.shape == (6 * spacing[1], 5, 1)
    if spacing == (1, 1, 1):
        np.testing.assert_array_equal([frame.pixels for frame in frames], expected)


@pytest.mark.parametrize("skip", ["", "line skip: 2\n", "byte skip: 11\n", "byte skip: -1\n"])
def test_bytes_and_lines_before_detached_values_are_skipped(tmp_path, skip):
    more = DIRECTIONS + skip + "data file: b.bin\n"
    (tmp_path / "a.nhdr").write_text(NRRD_HEADER.format(encoding="raw", more=more))
    before = b"" if not skip else b"some\nwords\n"
    (tmp_path / "b.bin").write_bytes(before + stored(noise()))
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.nhdr", window=WHOLE), axial(noise()))


@pytest.mark.parametrize("more", ["", "HeaderSize = 11\n", "HeaderSize = -1\n", "CompressedData = True\n"])
def test_metaimage_values_in_a_file_of_their_own_are_read(tmp_path, more):
    (tmp_path / "a.mhd").write_text(META_HEADER.format(more=more, file="b.raw"))
    data = zlib.compress(stored(noise())) if "Compressed" in more else stored(noise())
    (tmp_path / "b.raw").write_bytes((b"some\nwords\n" if "Header" in more else b"") + data)
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.mhd", window=WHOLE), axial(noise()[::-1, ::-1]))


def test_metaimage_values_of_the_other_byte_order_are_scaled_as_the_header_says(tmp_path):
    scaled = "ElementToIntensityFunctionSlope = 0.5\nElementToIntensityFunctionOffset = 0.25\n"
    head = META_HEADER.format(more=f"BinaryDataByteOrderMSB = True\n{scaled}", file="LOCAL").encode()
    (tmp_path / "a.mha").write_bytes(head + noise().astype(">f4").tobytes(order="F"))
    expected = axial(noise()[::-1, ::-1] * 0.5 + 0.25).astype(int)
    np.testing.assert_allclose(pixels_of(tmp_path / "a.mha", window=WHOLE).astype(int), expected, atol=1)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("data file: ../b.bin\n", "its values are in ../b.bin, outside of its folder"),
        ("data file: /b.bin\n", "outside of its folder"),
        ("data file: b.bin\n", "its values are in a file of their own, b.bin, which is not there"),
        ("data file: LIST\n", "its values are in several files, which are not read"),
        ("data file: b%03d.bin 1 7 1\n", "its values are in several files, which are not read"),
        ("space directions: (1,0,0) (0,1,0)\n", "3 axes and 2 directions"),
        ("space: RAS\nspace directions: (1,0,0) (2,0,0) (0,0,1)\n", "its header gives two axes one direction"),
    ],
)
def test_nrrd_headers_that_are_refused(tmp_path, more, words):
    path = tmp_path / "a.nhdr"
    path.write_bytes(NRRD_HEADER.format(encoding="raw", more=more).encode() + stored(noise()))
    assert words in refused(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("type: float", "type: block"), "values of type block, which are no grey levels"),
        (("sizes: 5 6 7", "sizes: 5 6"), "its header says 3 axes, of sizes [5, 6]"),
        (("sizes: 5 6 7", "sizes: 5 6 0"), "of sizes [5, 6, 0]"),
        (("sizes: 5 6 7", "sizes: 5 6 8"), "damaged: its header says 5x6x8 voxels"),
        (("endian: little\n", ""), "its header does not say endian"),
        (("type: float\n", ""), "its header does not say type"),
        (("encoding: raw", "encoding: hex"), "encoding hex, which is not read"),
        (("NRRD0004", "NRRD0009"), "damaged"),
        (("encoding: raw", "encoding: gzip"), "damaged"),
        (("encoding: raw", "encoding: bzip2"), "damaged"),
        (("encoding: raw", "encoding: ascii"), "damaged"),
    ],
)
def test_damaged_nrrd_headers_are_refused(tmp_path, change, words):
    path = tmp_path / "a.nrrd"
    head = NRRD_HEADER.format(encoding="raw", more=DIRECTIONS)
    assert change[0] in head
    path.write_bytes(head.replace(*change).encode() + stored(noise()))
    assert words in refused(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("MET_FLOAT", "MET_STRING"), "values of type 'MET_STRING', which are no grey levels"),
        (("DimSize = 5 6 7", "DimSize = 5 6"), "its header says 3 axes, of sizes [5, 6]"),
        (("DimSize = 5 6 7", "DimSize = 5 6 x"), "its header says DimSize = 5 6 x"),
        (("DimSize = 5 6 7\n", ""), "its header does not say DimSize"),
        (("DimSize = 5 6 7", "DimSize = 5 6 8"), "damaged: its header says 5x6x8 voxels"),
        (("ObjectType = Image", "ObjectType = Tube"), "a MetaIO file of a Tube, which is no image"),
        (("ElementDataFile = LOCAL\n", ""), "its header ends before ElementDataFile"),
        (("LOCAL", "LIST"), "its values are in several files, which are not read"),
        (("LOCAL", "c.raw"), "its values are in a file of their own, c.raw, which is not there"),
        (("LOCAL", "../c.raw"), "outside of its folder"),
        (("NDims = 3\n", "NDims = 3\nBinaryData = False\n"), "its values are text, which is not read"),
        (("NDims = 3\n", "NDims = 3\nCompressedData = True\n"), "damaged"),
        (("NDims = 3\n", "NDims = 3\nElementSpacing = 1 1\n"), "directions or spacings of others"),
    ],
)
def test_damaged_metaimage_headers_are_refused(tmp_path, change, words):
    path = tmp_path / "a.mha"
    head = META_HEADER.format(more="", file="LOCAL")
    assert change[0] in head
    path.write_bytes(head.replace(*change).encode() + stored(noise()))
    assert words in refused(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_compressed_values_that_are_cut_short_are_refused(tmp_path, pack):
    encoding = "gzip" if pack is gzip.compress else "bzip2"
    head = NRRD_HEADER.format(encoding=encoding, more=DIRECTIONS).encode()
    whole = pack(stored(noise()))
    (tmp_path / "a.nrrd").write_bytes(head + whole[: len(whole) // 2])
    assert "damaged: its header says 5x6x7 voxels of float32" in refused(tmp_path / "a.nrrd")


def test_a_header_in_memory_has_no_file_of_values():
    header = META_HEADER.format(more="", file="b.raw").encode()
    with pytest.raises(ImageFileError, match=r"its values are in a file of their own, b\.raw; give both as files"):
        read_image_bytes(header, "a.mhd", max_megapixels=1)


def test_two_dimensions_are_one_slice(tmp_path):
    image = SimpleITK.GetImageFromArray(noise((6, 5)))
    for name in ("a.mha", "a.nrrd"):
        SimpleITK.WriteImage(image, str(tmp_path / name))
        header = read_image_header(tmp_path / name, ReadingOptions())
        assert (header.width, header.height, header.frames) == (5, 6, 1)
        np.testing.assert_array_equal(
            pixels_of(tmp_path / name, window=WHOLE), axial(noise((6, 5)).T[::-1, ::-1, None])
        )
