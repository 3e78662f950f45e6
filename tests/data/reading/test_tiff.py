"""What the samples of TIFF files mean, in every kind, against the arrays that the files were made of."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from fastssl.data.reading import ImageFileError, read_image_file, read_label_file

from .tiff_files import HEIGHT, RANDOM, WIDTH, packed_grey, read, values, write


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "int32", "float32"])
@pytest.mark.parametrize("samples", [0, 3])
def test_every_type_of_sample_keeps_its_values(tmp_path, dtype, samples):
    array = values(dtype, samples=samples)
    pixels = read(write(tmp_path, array))
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, array if samples else array[..., None])


@pytest.mark.parametrize(
    ("dtype", "own"), [("int8", "int16"), ("float16", "float32"), ("float64", "float32"), ("int64", "int32")]
)
def test_rare_types_are_read_as_the_next_usual_one(tmp_path, dtype, own):
    array = values(dtype, low=0 if dtype[0] == "f" else -100, high=100)
    pixels = read(write(tmp_path, array))
    assert pixels.dtype == own
    np.testing.assert_array_equal(pixels[..., 0], array.astype(own))


def test_negative_bytes_do_not_wrap(tmp_path):
    array = np.array([[-128, -1, 0, 127]], np.int8)
    assert read(write(tmp_path, array))[..., 0].tolist() == [[-128, -1, 0, 127]]


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
def test_fewer_than_8_bits_become_0_to_255(tmp_path, bits):
    array = values("uint8", high=2**bits - 1)
    pixels = read(packed_grey(tmp_path, array, bits))
    np.testing.assert_array_equal(pixels[..., 0], np.rint(array * (255 / (2**bits - 1))))


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15, 17, 20, 24, 31])
def test_more_than_8_bits_keep_their_values_whatever_their_number(tmp_path, bits):
    array = RANDOM.integers(0, 2**bits, (HEIGHT, WIDTH))
    np.testing.assert_array_equal(read(packed_grey(tmp_path, array, bits))[..., 0], array)


@pytest.mark.parametrize("bits", [1, 4, 8, 10, 12, 16, 32])
def test_where_0_is_white_it_becomes_the_highest_value(tmp_path, bits):
    array = RANDOM.integers(0, 2**bits, (HEIGHT, WIDTH))
    inverted = read(packed_grey(tmp_path, array, bits, photometric=0))[..., 0].astype(np.int64)
    upright = read(packed_grey(tmp_path, array, bits, photometric=1))[..., 0].astype(np.int64)
    np.testing.assert_array_equal(inverted, (255 if bits < 8 else 2**bits - 1) - upright)


def test_signed_values_of_which_the_lowest_is_white_are_turned_around(tmp_path):
    array = values("int16", low=-32768)
    pixels = read(write(tmp_path, array, photometric="miniswhite"))
    np.testing.assert_array_equal(pixels[..., 0], -1 - array.astype(int))


def test_bits_in_the_other_order_are_read(tmp_path):
    array = RANDOM.integers(0, 2, (HEIGHT, WIDTH))
    np.testing.assert_array_equal(read(packed_grey(tmp_path, array, 1, fill_order=2))[..., 0], array * 255)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"rowsperstrip": 7}])
def test_planes_one_after_the_other_are_put_together(tmp_path, dtype, options):
    array = values(dtype, samples=3)
    path = write(tmp_path, np.moveaxis(array, 2, 0), photometric="rgb", planarconfig="separate", **options)
    np.testing.assert_array_equal(read(path), array)


@pytest.mark.parametrize(
    "options",
    [
        {"bigtiff": True},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "lzw", "predictor": True},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "packbits"},
        {"compression": "jpeg2000"},
        {"tile": (16, 32)},
        {"tile": (16, 16), "compression": "lzw"},
        {"rowsperstrip": 3, "compression": "zlib"},
        {"imagej": True},
        {"ome": True},
        {"description": "no metadata", "metadata": None},
    ],
    ids=str,
)
def test_every_layout_and_lossless_compression_gives_back_16_bits(tmp_path, options):
    array = values("uint16")
    np.testing.assert_array_equal(read(write(tmp_path, array, **options))[..., 0], array)


@pytest.mark.parametrize("predictor", [False, True])
def test_compressed_floats_are_read(tmp_path, predictor):
    array = values("float32")
    np.testing.assert_array_equal(read(write(tmp_path, array, compression="zlib", predictor=predictor))[..., 0], array)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_fax_compression_has_the_right_polarity(tmp_path, compression, photometric):
    bits = np.zeros((HEIGHT, WIDTH), bool)
    bits[5:15, 3:20] = True
    Image.fromarray(bits).save(tmp_path / "a.tif", compression=compression, tiffinfo={262: photometric})
    expected = np.asarray(Image.open(tmp_path / "a.tif").convert("L"))
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[..., 0], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied(tmp_path, orientation):
    array = values("uint8", samples=3)
    path = write(tmp_path, array, extratags=[(274, "H", 1, orientation, True)])
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    np.testing.assert_array_equal(read(path), upright)
    path = write(tmp_path, array.astype(np.uint16) * 200, extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read(path), upright.astype(np.uint16) * 200)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("kind", "premultiplied"), [("unassalpha", False), ("assocalpha", True)])
@pytest.mark.parametrize("samples", [2, 4])
def test_transparency_is_laid_over_black(tmp_path, dtype, kind, premultiplied, samples):
    array = values(dtype, samples=samples)
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    photometric = "rgb" if samples == 4 else "minisblack"
    path = write(tmp_path, array, photometric=photometric, extrasamples=[kind], planarconfig="contig")
    colour, alpha = array[..., :-1].astype(np.float64), array[..., -1:].astype(np.float64)
    expected = colour if premultiplied else colour * alpha / top
    np.testing.assert_allclose(read(path), expected, rtol=1e-6, atol=0.5 if dtype[0] == "u" else 1e-9)


def test_an_image_that_is_transparent_everywhere_keeps_its_colours_and_says_so(tmp_path):
    array = values("uint8", samples=4)
    array[..., 3] = 0
    image = read_image_file(write(tmp_path, array, extrasamples=["unassalpha"]), max_megapixels=1)
    np.testing.assert_array_equal(image.pixels, array[..., :3])
    assert "transparent everywhere" in image.notes[0]


@pytest.mark.parametrize("samples", [2, 4])
def test_one_sample_without_meaning_is_left_out_and_said(tmp_path, samples):
    array = values("uint16", samples=samples)
    photometric = "rgb" if samples == 4 else "minisblack"
    path = write(tmp_path, array, photometric=photometric, extrasamples=["unspecified"], planarconfig="contig")
    image = read_image_file(path, max_megapixels=1)
    np.testing.assert_array_equal(image.pixels, array[..., : samples - 1])
    assert image.notes == ("a further sample without meaning, which is left out",)


def test_three_grey_samples_are_taken_as_colour_and_said(tmp_path):
    array = values("uint16", samples=3)
    image = read_image_file(write(tmp_path, array, photometric="minisblack", planarconfig="contig"), max_megapixels=1)
    np.testing.assert_array_equal(image.pixels, array)
    assert "taken as red, green and blue" in image.notes[0]


def colormap(bits: int) -> np.ndarray:
    return RANDOM.integers(0, 65536, (3, 2**bits)).astype(np.uint16)


def test_a_palette_has_16_bits(tmp_path):
    array, colours = values("uint8"), colormap(8)
    path = write(tmp_path, array, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(read(path), colours.T[array])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10])
def test_a_palette_has_as_many_colours_as_the_bits_of_its_indices(tmp_path, bits):
    array, colours = RANDOM.integers(0, 2**bits, (HEIGHT, WIDTH)), colormap(bits)
    path = packed_grey(tmp_path, array, bits, photometric=3, colours=colours.astype("<u2").tobytes())
    np.testing.assert_array_equal(read(path), colours.T[array])
    found = read_label_file(path, max_megapixels=1)
    assert found.kind == "palette"
    np.testing.assert_array_equal(found.values, array)


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_a_palette_that_holds_8_bits_gives_8_bits(tmp_path, scale):
    array, colours = values("uint8"), RANDOM.integers(0, 256, (3, 256)).astype(np.uint16)
    path = write(tmp_path, array, photometric="palette", colormap=colours * np.uint16(scale))
    np.testing.assert_array_equal(read(path), colours.T[array])


def test_a_palette_of_greys_is_grey(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint16)[::-1] * 257, (3, 1))
    array = values("uint8")
    np.testing.assert_array_equal(
        read(write(tmp_path, array, photometric="palette", colormap=ramp))[..., 0], 255 - array
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_cmyk_becomes_rgb(tmp_path, dtype):
    array = values(dtype, samples=4)
    top = np.iinfo(dtype).max
    inks = array.astype(np.float64) / top
    expected = (1 - inks[..., :3]) * (1 - inks[..., 3:]) * top
    pixels = read(write(tmp_path, array, photometric="separated", planarconfig="contig"))
    np.testing.assert_allclose(pixels, expected, atol=1)
    if dtype == "uint8":
        np.testing.assert_array_equal(pixels, np.asarray(Image.fromarray(array, "CMYK").convert("RGB")))


def test_lab_becomes_rgb_as_pillow_has_it(tmp_path):
    lab = Image.fromarray(values("uint8", samples=3))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.applyTransform(lab, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    lab.save(tmp_path / "a.tif")
    expected = np.asarray(Image.open(tmp_path / "a.tif").convert("RGB"))
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)


def test_ycbcr_without_jpeg_is_read_as_pillow_reads_it(tmp_path):
    array = values("uint8", samples=3)
    path = tmp_path / "a.tif"
    Image.fromarray(array).convert("YCbCr").save(path)
    np.testing.assert_array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize(
    ("array", "options", "reason"),
    [
        (values("float32").astype(np.complex64), {}, "complex numbers"),
        (values("float32"), {"photometric": "miniswhite"}, "MinIsWhite"),
        (values("uint8", samples=5), {"planarconfig": "contig"}, "2 of them without meaning"),
        (values("uint16", samples=8), {"photometric": "minisblack", "planarconfig": "contig"}, "without meaning"),
        (values("uint16"), {"photometric": "cfa"}, r"32803 \(CFA\)"),
        (values("uint16", samples=3), {"photometric": "cielab"}, "lab colours stored as uint16"),
        (values("uint16"), {"compression": "lerc"}, r"compression 34887 \(LERC\)"),
        (values("uint64"), {}, "beyond 32 bits"),
        (np.full((4, 4), np.nan, np.float32), {}, "NaN or infinite"),
        (np.full((4, 4), 1e300), {}, "NaN or infinite"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path, array, options, reason):
    path = write(tmp_path, array, **{"photometric": "rgb" if array.ndim == 3 else "minisblack", **options})
    with pytest.raises(ImageFileError, match=reason) as caught:
        read_image_file(path, max_megapixels=1)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_without_photometric_interpretation_one_sample_is_grey_and_said(tmp_path):
    data = packed_grey(tmp_path, values("uint8"), 8).read_bytes().replace(struct.pack("<HH", 262, 4), b"\x07\x04\x04\0")
    (tmp_path / "a.tif").write_bytes(data)
    assert "taken as grey" in read_image_file(tmp_path / "a.tif", max_megapixels=1).notes[0]
