"""Lookup tables of grey values: the modality LUT and the VOI LUT.

Covers: their descriptor and their data (PS3.3 C.11.1.1, C.11.2.1.1). Does not cover: palettes (`colour.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from .elements import numbers, raw_bytes


@dataclass(frozen=True, kw_only=True)
class LookupTable:
    """A value for each of the values from `first` on.

    Args:
        first: the value that the first entry is for; lower ones have it too, and higher ones than the table has the
            last.
        entries: `[N]` uint8 or uint16.
        bits: of an entry.
    """

    first: int
    entries: np.ndarray
    bits: int

    @property
    def top(self) -> int:
        """Return the largest value that an entry may have."""
        return 2**self.bits - 1

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Look values up.

        Args:
            values: of any shape and real type; fractions are rounded.

        Returns:
            Entries, of the same shape.
        """
        rounded = np.rint(values) if values.dtype.kind == "f" else values
        return self.entries[np.clip(rounded.astype(np.int64) - self.first, 0, len(self.entries) - 1)]


def lookup_table(item: Dataset, *, signed: bool) -> LookupTable | None:
    """Read a lookup table.

    Args:
        item: of the sequence that holds it.
        signed: the values that are looked up may be negative.

    Returns:
        The table; None where its parts are missing or contradict each other.
    """
    descriptor = numbers(item, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    count, first, bits = int(descriptor[0]) % 65536 or 65536, int(descriptor[1]), int(descriptor[2])
    if signed and first > 32767:
        first -= 65536
    entries = _entries(item, count)
    if not 1 <= bits <= 16 or entries is None:
        return None
    if bits < 16 and int(entries.max()) >= 2**bits:  # written with more bits than the descriptor says
        bits = 16
    return LookupTable(first=first, entries=entries, bits=bits)


def _entries(item: Dataset, count: int) -> np.ndarray | None:
    data = raw_bytes(item, "LUTData")
    if len(data) in (count, count + count % 2) and count > 1:
        return np.frombuffer(data[:count], np.uint8)
    listed = numbers(item, "LUTData")
    if len(listed) < count:
        return None
    return np.array(listed[:count]).astype(np.int64).astype(np.uint16)
