"""TIFF files of every kind, written by tifffile, against the arrays that they were made of."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from fastssl.data.reading import ImageFileError, read_image_file, read_image_header, read_label_file

RANDOM = np.random.default_rng(0)
HEIGHT, WIDTH = 20, 33


def values(dtype: str, low: int = 0, high: int | None = None, samples: int = 0) -> np.ndarray:
    """Random values of a type, all of its range unless told otherwise."""
    shape = (HEIGHT, WIDTH, samples) if samples else (HEIGHT, WIDTH)
    if np.dtype(dtype).kind == "f":
        return RANDOM.uniform(low, 1 if high is None else high, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RANDOM.integers(low, limits.max if high is None else high, shape, dtype, endpoint=True)


def read(path: Path) -> np.ndarray:
    """The pixels of a file, whose header must have said their type and channels."""
    image, header = read_image_file(path, max_megapixels=1), read_image_header(path, max_megapixels=1)
    assert (header.dtype, header.channels) == (image.pixels.dtype, image.pixels.shape[2])
    return image.pixels


def write(tmp_path: Path, array: np.ndarray, **options: Any) -> Path:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **{"photometric": "rgb" if array.ndim == 3 else "minisblack", **options})
    return path


def packed_grey(
    tmp_path: Path, array: np.ndarray, bits: int, photometric: int = 1, fill_order: int = 1, colours: bytes = b""
) -> Path:
    """A grey or palette TIFF of so many bits per sample, written by hand."""
    rows = []
    for row in array.tolist():
        text = "".join(f"{value:0{bits}b}" for value in row)
        text += "0" * (-len(text) % 8)
        octets = [text[at : at + 8] for at in range(0, len(text), 8)]
        rows.append(bytes(int(octet if fill_order == 1 else octet[::-1], 2) for octet in octets))
    data = colours + b"".join(rows)
    height, width = array.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (266, fill_order)]
    tags += [(273, 8 + len(colours)), (277, 1), (278, height), (279, len(data) - len(colours))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    if colours:
        entries += struct.pack("<HHII", 320, 3, len(colours) // 2, 8)
        tags.append((320, 8))
    path = tmp_path / "a.tif"
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)
    )
    return path


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


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 2)])
def test_jpeg_in_tiff_is_close(tmp_path, subsampling):
    array = np.zeros((32, 48, 3), np.uint8)
    array[:16] = (200, 40, 60)
    path = write(tmp_path, array, compression="jpeg", compressionargs={"level": 95}, subsampling=subsampling)
    assert np.abs(read(path).astype(int) - array).mean() < 2


@pytest.mark.parametrize("layout", [{}, {"tile": (16, 32)}, {"rowsperstrip": 16}], ids=str)
@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (0, {}),
        (0, {"photometric": "miniswhite"}),
        (3, {"subsampling": (2, 1)}),
        (3, {"photometric": "rgb", "compressionargs": {"level": 90, "outcolorspace": "rgb"}}),
        (3, {"photometric": "rgb", "planarconfig": "separate"}),
    ],
    ids=str,
)
def test_jpeg_in_tiff_is_what_tifffile_decodes(tmp_path, layout, samples, options):
    smooth = np.add.outer(np.arange(50), np.arange(70)).astype(np.uint8)
    array = np.stack([smooth, smooth[::-1], smooth // 2], axis=-1) if samples else smooth
    separate = options.get("planarconfig") == "separate"
    path = write(tmp_path, np.moveaxis(array, 2, 0) if separate else array, compression="jpeg", **options, **layout)
    expected = tifffile.imread(path)
    expected = np.moveaxis(expected, 0, 2) if separate else expected.reshape(50, 70, -1)
    inverted = options.get("photometric") == "miniswhite"
    np.testing.assert_array_equal(read(path), 255 - expected if inverted else expected)


def test_jpeg_of_12_bits_in_tiff_keeps_them(tmp_path):
    array = (np.add.outer(np.arange(48), np.arange(64)) * 30).astype(np.uint16)
    path = write(tmp_path, array, compression="jpeg", compressionargs={"level": 98, "bitspersample": 12})
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[258].overwrite(12)
    assert np.abs(read(path)[..., 0].astype(int) - array).max() < 40


def test_ycbcr_without_jpeg_is_read_as_pillow_reads_it(tmp_path):
    array = values("uint8", samples=3)
    path = tmp_path / "a.tif"
    Image.fromarray(array).convert("YCbCr").save(path)
    np.testing.assert_array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))


def test_pages_are_counted_and_the_first_is_taken(tmp_path):
    stack = RANDOM.integers(0, 65536, (7, HEIGHT, WIDTH)).astype(np.uint16)
    for options in ({}, {"imagej": True}, {"ome": True}, {"metadata": None}, {"compression": "zlib"}):
        image = read_image_file(write(tmp_path, stack, photometric="minisblack", **options), max_megapixels=1)
        assert image.pages == 7, options
        np.testing.assert_array_equal(image.pixels[..., 0], stack[0])


def test_many_pages_are_counted(tmp_path):
    stack = np.zeros((300, 8, 8), np.uint8)
    assert read_image_file(write(tmp_path, stack, photometric="minisblack"), max_megapixels=1).pages == 300


def test_reduced_copies_and_masks_are_no_pages(tmp_path):
    array, path = values("uint16"), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as out:
        out.write(array[::2, ::2], subfiletype=1, photometric="minisblack")
        out.write(array, photometric="minisblack")
        out.write(array.astype(bool), subfiletype=4, photometric="mask")
    image = read_image_file(path, max_megapixels=1)
    assert image.pages == 1
    np.testing.assert_array_equal(image.pixels[..., 0], array)


def test_the_levels_of_a_pyramid_are_no_pages(tmp_path):
    array, path = values("uint8", samples=3), tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as out:
        out.write(array, subifds=2, photometric="rgb")
        out.write(array[::2, ::2], subfiletype=1, photometric="rgb")
        out.write(array[::4, ::4], subfiletype=1, photometric="rgb")
    image = read_image_file(path, max_megapixels=1)
    assert image.pages == 1
    np.testing.assert_array_equal(image.pixels, array)


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


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "jpeg", "jpeg2000"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"rowsperstrip": 5}])
def test_a_file_that_is_cut_short_is_refused(tmp_path, compression, options):
    array = np.zeros((64, 64), np.uint8)
    array[::3] = RANDOM.integers(0, 256, (22, 64))
    whole = write(tmp_path, array, compression=compression, **options).read_bytes()
    for length in (len(whole) - 1, len(whole) - 200, len(whole) // 2):
        (tmp_path / "a.tif").write_bytes(whole[:length])
        with pytest.raises(ImageFileError):
            read_image_file(tmp_path / "a.tif", max_megapixels=1)


def test_absurd_sizes_are_refused_without_taking_memory(tmp_path):
    path = write(tmp_path, values("uint8"), compression="zlib")
    plain = path.read_bytes()
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[256].overwrite(2**31 - 1)
        file.pages[0].tags[257].overwrite(2**31 - 1)
    with pytest.raises(ImageFileError, match="megapixels"):
        read_image_file(path, max_megapixels=200)
    path.write_bytes(plain)
    write(tmp_path, values("uint8"), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[322].overwrite(65520)
        file.pages[0].tags[323].overwrite(65520)
    with pytest.raises(ImageFileError, match="tiles of 65520x65520"):
        read_image_file(path, max_megapixels=200)


def test_a_strip_that_unpacks_to_far_more_than_its_pixels_takes_no_more_memory(tmp_path):
    bomb = imagecodecs.zlib_encode(bytes(1 << 28))
    path = write(tmp_path, np.zeros((64, 64), np.uint8), compression="zlib")
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].dataoffsets[0]
    path.write_bytes(path.read_bytes()[:at] + bomb)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[279].overwrite(len(bomb))
    with pytest.raises(ImageFileError):
        read_image_file(path, max_megapixels=200)
