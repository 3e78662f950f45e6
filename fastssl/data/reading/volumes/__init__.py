"""Reading volumes: NIfTI, NRRD, MetaImage, and TIFF files of several slices.

Covers: one volume of a file as slices, the same way up whatever the axes of its file. Does not cover: DICOM series,
whose slices are files of their own (`dicom`); volumes in `.npz` files (`fastssl.data.npz`).
"""

from .open import VOLUME_SUFFIXES, open_volume

__all__ = ["VOLUME_SUFFIXES", "open_volume"]
