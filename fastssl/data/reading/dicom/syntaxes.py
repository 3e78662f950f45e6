"""The transfer syntaxes of DICOM: how the pixels are stored, and what decodes them.

Covers: naming each, one decoder for each that is read, and one line for those that are not. Does not cover: decoding
(`codecs.py`, `pixels.py`). The decoders are objects of our own, so that the same code decodes a file whatever plugins
of pydicom a machine has.
"""

from __future__ import annotations

from functools import lru_cache

from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import UID

from fastssl.data.reading.samples import UnreadableError

from .codecs import HIGH_THROUGHPUT, JPEG_2000, JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER, JPEG_LS
from .header import DEFLATED, NATIVE, NATIVE_BIG_ENDIAN

_FAMILY = "1.2.840.10008.1.2"
NATIVES = (_FAMILY, NATIVE, NATIVE_BIG_ENDIAN, DEFLATED)
_PILLOW = ("pillow", ("pydicom.pixels.decoders.pillow", "_decode_frame"))
_IMAGECODECS = ("imagecodecs", ("fastssl.data.reading.dicom.codecs", "decode_frame"))
_RLE = ("pydicom", ("pydicom.pixels.decoders.rle", "_decode_frame"))
_COMPRESSED = {
    f"{_FAMILY}.4.50": (_PILLOW,),
    JPEG_EXTENDED: (_PILLOW, _IMAGECODECS),
    **dict.fromkeys((JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER), (_IMAGECODECS,)),
    **dict.fromkeys((*JPEG_LS, *JPEG_2000, *HIGH_THROUGHPUT), (_IMAGECODECS,)),
    f"{_FAMILY}.5": (_RLE,),
}
"""UID -> the plugins of pydicom that decode it, in the order in which they are tried."""

_NAMES = (
    (("4.100", "4.101"), "MPEG-2 video"),
    (("4.102", "4.103", "4.104", "4.105", "4.106"), "MPEG-4 video"),
    (("4.107", "4.108"), "HEVC video"),
    (("4.110", "4.111", "4.112"), "JPEG XL"),
    (("4.92", "4.93"), "JPEG 2000 part 2"),
    (("4.94", "4.95", "4.204", "4.205"), "JPIP, whose pixels are on a server"),
)
_NAME_OF = {f"{_FAMILY}.{last}": name for lasts, name in _NAMES for last in lasts}


def is_native(syntax: str) -> bool:
    """Tell whether pixels are stored as they are.

    Args:
        syntax: UID of the transfer syntax.
    """
    return syntax in NATIVES


@lru_cache(maxsize=64)
def decoder_of(syntax: str) -> Decoder:
    """Choose the decoder of a transfer syntax.

    Args:
        syntax: its UID.

    Returns:
        A decoder of pydicom.

    Raises:
        UnreadableError: it is none that is read; the text names it.
    """
    if syntax not in _COMPRESSED and not is_native(syntax):
        raise UnreadableError(f"{_describe(syntax)}; convert it, for example to JPEG 2000, or save it uncompressed")
    decoder = Decoder(UID(syntax))
    for plugin in _COMPRESSED.get(syntax, ()):
        decoder.add_plugin(*plugin)
    return decoder


def _describe(syntax: str) -> str:
    uid = UID(syntax)
    if syntax not in _NAME_OF and not (uid.is_valid and uid.is_transfer_syntax):  # only registered UIDs are shown
        return "its pixels are stored in a way that is private to a vendor or damaged, and not read"
    return f"compressed as {_NAME_OF.get(syntax, uid.name)} ({syntax}), which is not read"
