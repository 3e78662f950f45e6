"""The images of a split that lie in shards: an array that stays on the disk.

Covers: shape and dtype as of one array, reading rows of it into memory. Does not cover: which rows are read when
(`fastssl.pipelines`), the folder (`open.py`).

Rows are read into memory of their own, and nothing is mapped: mapped pages count as memory of the process as long as
the map exists, and a file that is cut off while it is mapped ends the process instead of raising an error.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from fastssl.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ShardFile:
    """A file of images.

    Args:
        path: of the file.
        count: of its images.
        offset: where the first of them begins, in bytes.
    """

    path: Path
    count: int
    offset: int


class ShardedImages:
    """Images of one shape in several files, used like an array of them that is read from the disk.

    `images[rows]` reads, and returns an array; `read` and `take` say so in words, and `subset` reads nothing.

    Args:
        files: in order.
        image_shape: height, width and channels.
        dtype: uint8 or uint16.
        rows: int64 `[N]`, the images that count; None: all of them.
    """

    def __init__(
        self,
        files: Sequence[ShardFile],
        image_shape: tuple[int, int, int],
        dtype: np.dtype,
        rows: np.ndarray | None = None,
    ) -> None:
        self._files, self._rows = tuple(files), rows
        self._starts = np.cumsum([0, *(file.count for file in files)])
        self.dtype = np.dtype(dtype)
        self.shape = (int(self._starts[-1]) if rows is None else len(rows), *image_shape)

    ndim = 4

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of all images, were they in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | np.integer | slice | np.ndarray | Sequence[int]) -> np.ndarray:
        if isinstance(rows, (int, np.integer)):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"image {rows} of {len(self)}")
            return self.take(np.array([rows % len(self)]))[0]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            return self.read(start, max(start, stop)) if step == 1 else self.take(np.arange(start, stop, step))
        return self.take(np.arange(len(self))[np.asarray(rows)])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """Read everything, as `numpy.asarray` asks for it."""
        if copy is False:
            raise ValueError("images in shards are read into memory: they are no array without a copy")
        return self.read(0, len(self)).astype(self.dtype if dtype is None else dtype, copy=False)

    def subset(self, rows: np.ndarray) -> ShardedImages:
        """Choose images without reading them.

        Args:
            rows: int64 `[M]`, which images, in which order.

        Returns:
            Those images, still on the disk.
        """
        own = rows if self._rows is None else self._rows[rows]
        height, width, channels = self.shape[1:]
        return ShardedImages(self._files, (height, width, channels), self.dtype, np.asarray(own, np.int64))

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read consecutive images.

        Args:
            start: the first.
            stop: the one after the last.

        Returns:
            `[stop - start, H, W, C]`.

        Raises:
            DataError: a file is missing, shorter than it was, or cannot be read.
        """
        if self._rows is not None:
            return self.take(np.arange(start, stop))
        return self._runs(np.array([start]), np.array([stop - start]))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Read images in any order; neighbours are read at once.

        Args:
            rows: int64 `[M]`, from 0 to N - 1, each as often as wanted.

        Returns:
            `[M, H, W, C]`, in the order of `rows`.

        Raises:
            DataError: a file is missing, shorter than it was, or cannot be read.
        """
        stored, place = np.unique(rows if self._rows is None else self._rows[rows], return_inverse=True)
        firsts = np.flatnonzero(np.diff(stored, prepend=-2) != 1)
        out = self._runs(stored[firsts], np.diff(firsts, append=len(stored)))
        in_order = len(place) == len(stored) and bool((np.diff(place) > 0).all())
        return out if in_order else out[place.reshape(-1)]

    def _runs(self, firsts: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Read runs of neighbours; of each file, which is opened once, one run after the other."""
        out = np.empty((int(counts.sum()), *self.shape[1:]), self.dtype)
        done = 0
        for number, runs in itertools.groupby(self._parts(firsts, counts), key=lambda part: part[0]):
            with _opened(self._files[number]) as file:
                for _, first, count in runs:
                    _read_bytes(file, self._files[number], first, out[done : done + count])
                    done += count
        return out

    def _parts(self, firsts: np.ndarray, counts: np.ndarray) -> Iterator[tuple[int, int, int]]:
        """Of each run its parts: the file's number, the first image in it, and how many."""
        numbers = np.searchsorted(self._starts, firsts, side="right") - 1
        for number, first, count in zip(numbers.tolist(), firsts.tolist(), counts.tolist(), strict=True):
            while count:
                within = first - int(self._starts[number])
                part = min(self._files[number].count - within, count)
                yield number, within, part
                number, first, count = number + 1, first + part, count - part


@contextmanager
def _opened(file: ShardFile) -> Iterator[FileIO]:
    try:
        with FileIO(file.path) as opened:
            yield opened
    except OSError as error:
        raise DataError(f"{file.path} cannot be read: {error.strerror}; leave its folder as it was written") from error


def _read_bytes(opened: FileIO, file: ShardFile, first: int, out: np.ndarray) -> None:
    opened.seek(file.offset + first * out[:1].nbytes)
    wanted = out.reshape(-1).view(np.uint8).data
    while len(wanted):
        count = opened.readinto(wanted)
        if not count:
            raise DataError(f"{file.path} is shorter than its index says; copy it again or write the shards again")
        wanted = wanted[count:]
