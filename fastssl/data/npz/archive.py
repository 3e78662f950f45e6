"""A `.npz` file as an archive of arrays, none of which is trusted before its size is checked.

Covers: the zip directory, the headers of the arrays, loading one array; all without pickle. Does not cover: which
arrays are wanted and what they mean (`open.py`).
"""

from __future__ import annotations

import math
import struct
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from fastssl.errors import DataError
from fastssl.memory import free_memory
from fastssl.text import printable

from .other_kinds import AGAIN, not_an_npz

_CHUNK = 1 << 22
_MOST_AXES = 32


@dataclass(frozen=True, kw_only=True)
class StoredArray:
    """An array in the archive, as its header describes it.

    Args:
        name: without ".npy".
        entry: in the zip directory.
        shape: of the array.
        dtype: of the array; objects, which only pickle could load, are dtype object.
        fortran: its first axis varies fastest.
        offset: bytes of the entry before the first value.
    """

    name: str
    entry: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


class NpzArchive:
    """An open `.npz` file; made by `open_archive`.

    Args:
        path: of the file.
        file: the open zip archive.
    """

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self._path, self._file = path, file
        self._entries: dict[str, list[zipfile.ZipInfo]] = {}
        for entry in file.infolist():
            if not entry.filename.endswith("/"):
                self._entries.setdefault(entry.filename.removesuffix(".npy"), []).append(entry)

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays' names, without ".npy", in the order in which they were saved."""
        return tuple(self._entries)

    def header(self, name: str) -> StoredArray:
        """Read what an array's header says, and hold it against the size of the entry.

        Args:
            name: one of `names`.

        Returns:
            The array, unread.

        Raises:
            DataError: the entry is damaged, no array, there twice, or of another length than its header says.
        """
        entries = self._entries[name]
        if len(entries) > 1:
            raise DataError(f"{self._path} holds {len(entries)} arrays called {printable(name)}; save each name once")
        with self._reading(name), self._file.open(entries[0]) as stream:
            shape, fortran, dtype = self._parsed(name, stream)
            stored = StoredArray(
                name=name, entry=entries[0], shape=shape, dtype=dtype, fortran=fortran, offset=stream.tell()
            )
            held = entries[0].file_size - stored.offset
        if not dtype.hasobject and stored.nbytes != held:
            raise DataError(
                f"{self._path}: {printable(name)} is damaged: its header says {dtype}{list(shape)}, "
                f"{stored.nbytes} bytes, and it holds {held}; {AGAIN}"
            )
        return stored

    def load(self, stored: StoredArray) -> np.ndarray:
        """Read an array; its checksum is checked.

        Args:
            stored: as `header` returned it; not of objects.

        Returns:
            The array, in its own dtype and in C order.

        Raises:
            DataError: the entry is damaged, or there is no memory for it.
        """
        try:
            values = np.empty(math.prod(stored.shape), stored.dtype)
        except MemoryError as error:
            raise self._too_large(stored.nbytes) from error
        with self._reading(stored.name), self._file.open(stored.entry) as stream:
            stream.read(stored.offset)
            if values.nbytes:
                _fill(stream, values.view(np.uint8).data)
            stream.read()  # to the end, where zipfile compares the checksum
        shaped = values.reshape(stored.shape[::-1]).transpose() if stored.fortran else values.reshape(stored.shape)
        return np.ascontiguousarray(shaped)

    def check_memory(self, needed: int, free: int | None = None) -> None:
        """Refuse what does not fit into the memory that is free, before any of it is read.

        Args:
            needed: bytes of all arrays that will be there together.
            free: bytes; None: as the system says.

        Raises:
            DataError: it does not fit.
        """
        free = free_memory() if free is None else free
        if free is not None and needed > free:
            raise self._too_large(needed, free)

    def _too_large(self, needed: int, free: int | None = None) -> DataError:
        have = "" if free is None else f", and {free / 1e9:.1f} GB of memory are free"
        return DataError(
            f"{self._path}: its arrays take {needed / 1e9:.1f} GB{have}; "
            "save smaller ones, or the images as files in a folder, which are not held in memory"
        )

    def _parsed(self, name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
        start = stream.read(6)
        if start != b"\x93NUMPY":
            raise DataError(f"{self._path}: {printable(name)} is no NumPy array; save it with numpy.savez")
        major, _ = stream.read(2)
        if major not in (1, 2):
            raise ValueError(f"the header of {printable(name)} has version {major}")
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings():  # headers of Python 2 are right as well
            warnings.simplefilter("ignore")
            shape, fortran, dtype = read(stream)
        if len(shape) > _MOST_AXES or any(length < 0 for length in shape):
            raise ValueError(f"the header of {printable(name)} says shape {list(shape)[:_MOST_AXES]}")
        return shape, fortran, dtype

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except (DataError, MemoryError):
            raise
        except (
            Exception
        ) as error:  # damage makes zipfile, its decompressors and the header's parser raise nearly anything
            cause = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{self._path} cannot be read: {printable(name)}: {cause}; {AGAIN}") from error


@contextmanager
def open_archive(path: Path) -> Iterator[NpzArchive]:
    """Open a `.npz` file and read its directory.

    Args:
        path: of the file.

    Yields:
        The archive.

    Raises:
        DataError: it is not a whole archive, is of another kind, or cannot be opened.
    """
    try:
        handle = path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; change its permissions") from error
    with handle:
        try:
            file = zipfile.ZipFile(handle)
        except (zipfile.BadZipFile, ValueError, struct.error, OSError, NotImplementedError, IndexError) as error:
            handle.seek(0)
            raise DataError(f"{path} {not_an_npz(handle.read(64))}") from error
        with file:
            yield NpzArchive(path, file)


def _fill(stream: IO[bytes], target: memoryview) -> None:
    place = 0
    while place < len(target):
        chunk = stream.read(min(_CHUNK, len(target) - place))
        if not chunk:
            raise EOFError("it ends too early")
        target[place : place + len(chunk)] = chunk
        place += len(chunk)
