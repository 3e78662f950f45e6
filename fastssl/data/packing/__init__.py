"""The cache of decoded folders: each is decoded once, into one memory-mapped array.

Covers: decoding the images of a folder to squares (`decode.py`, `squares.py`), the pack of them on disk
(`writer.py`, `stored.py`), their groups by type (`groups.py`), their grey levels for a range of values (`levels.py`).
Does not cover: reading a file (`fastssl.data.reading`), which files and classes there are (`fastssl.data.layout`).
"""

from .decode import PackItem
from .open import Pack, packed

__all__ = ["Pack", "PackItem", "packed"]
