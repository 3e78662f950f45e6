"""Decoding compressed frames with imagecodecs, in the form of a plugin of pydicom.

Covers: JPEG of 12 bits and of the lossless process, JPEG-LS, JPEG 2000 and its high-throughput form. Does not cover:
JPEG of 8 bits and RLE, which pydicom decodes with Pillow and by itself; what is done with the samples, which is
pydicom's task. pydicom's own plugins for these need pylibjpeg with libraries under the GPL; imagecodecs is here anyway.
"""

from __future__ import annotations

import numpy as np
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import UID

JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER = (f"1.2.840.10008.1.2.4.{last}" for last in (51, 57, 70))
JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
HIGH_THROUGHPUT = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")

DECODER_DEPENDENCIES = {
    UID(uid): ("imagecodecs",)
    for uid in (JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER, *JPEG_LS, *JPEG_2000, *HIGH_THROUGHPUT)
}
"""pydicom asks for it: what the plugin needs for each transfer syntax."""


def is_available(uid: str) -> bool:
    """Tell pydicom whether the plugin decodes a transfer syntax.

    Args:
        uid: of the syntax.
    """
    return uid in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode a frame.

    Args:
        source: the frame as it is in the file.
        runner: pydicom's record of the frame, which is told how the samples are laid out.

    Returns:
        The samples, little endian, colour by pixel, in the fewest bytes that hold them.

    Raises:
        Exception: any that imagecodecs raises for a damaged frame.
    """
    import imagecodecs

    syntax = str(runner.transfer_syntax)
    if syntax in JPEG_LS:
        pixels = imagecodecs.jpegls_decode(source)
    elif syntax in (*JPEG_2000, *HIGH_THROUGHPUT):
        pixels = imagecodecs.jpeg2k_decode(source, numthreads=1)
        if runner.photometric_interpretation in (PhotometricInterpretation.YBR_ICT, PhotometricInterpretation.YBR_RCT):
            runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)  # undone by the codec
    else:
        pixels = imagecodecs.jpeg8_decode(source)  # `jpeg_decode` falls back on a codec that may end the process
    expected = (runner.rows, runner.columns, runner.samples_per_pixel)
    if pixels.size != np.prod(expected):
        raise ValueError("another size than the header says")
    runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    return np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
