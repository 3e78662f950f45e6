"""DICOM files: recognising them, reading their images and what their headers say of them.

Covers: images of every photometric interpretation, window and common transfer syntax, as 16-bit grey or RGB. Does not
cover: which files of a folder are read (`fastssl.data.layout`), patients (`fastssl.data.patients`), series of files.
"""

from .detect import DICOM_SUFFIXES, DICOMDIR, HEAD, is_dicom
from .whole_sets import describe_no_images, modality_words

__all__ = [
    "DICOMDIR",
    "DICOM_SUFFIXES",
    "HEAD",
    "describe_no_images",
    "is_dicom",
    "modality_words",
]
