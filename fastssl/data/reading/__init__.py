"""Reading image files, by what they mean and not by how they are called.

Covers: the first image of a file as pixels (`read_image_file`) or as labels (`read_label_file`), in every kind of
`IMAGE_SUFFIXES`. Does not cover: resizing, grey levels (`fastssl.data.value_range`), DICOM, NIfTI and other volumes.
"""

from .files import read_image_file, read_label_file
from .records import ImageFileError, LabelMap, RawImage

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".pgm", ".ppm", ".pbm", ".pnm", ".tga", ".pcx", ".avif"),
)

__all__ = ["IMAGE_SUFFIXES", "ImageFileError", "LabelMap", "RawImage", "read_image_file", "read_label_file"]
