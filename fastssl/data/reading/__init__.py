"""Reading image files, by what they mean and not by how they are called.

Covers: the first image of a file as pixels (`read_image_file`) or as labels (`read_label_file`), in every kind of
`IMAGE_SUFFIXES`; the frames of scans. Does not cover: resizing, grey levels (`fastssl.data.values`).
"""

from .files import (
    read_frames,
    read_image_bytes,
    read_image_file,
    read_image_header,
    read_label_file,
    refused_file,
)
from .kinds import IMAGE_SUFFIXES, PICTURE_SUFFIXES
from .options import ReadingOptions
from .records import ImageFileError, LabelMap, RawImage
from .samples import ImageHeader

__all__ = [
    "IMAGE_SUFFIXES",
    "PICTURE_SUFFIXES",
    "ImageFileError",
    "ImageHeader",
    "LabelMap",
    "RawImage",
    "ReadingOptions",
    "read_frames",
    "read_image_bytes",
    "read_image_file",
    "read_image_header",
    "read_label_file",
    "refused_file",
]
