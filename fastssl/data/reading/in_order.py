"""Reading many files in parallel, in order.

Covers: what becomes of damaged files, how far reading goes ahead. Does not cover: reading one file (`files.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from fastssl.data.resize import workers
from fastssl.errors import DataError

from .records import ImageFileError

Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_ONCE = 8
"""Files that a process is given together: handing over one alone takes a tenth of the time of reading it."""


def read_in_order(
    pool: Executor,
    read: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    weights: Sequence[int] | None = None,
    most: int = 0,
) -> Iterator[Result | str]:
    """Read files by a pool of workers, a few ahead of the one that is asked for.

    Args:
        pool: of `workers()` threads or processes.
        read: reads one file.
        items: what `read` is called with.
        weights: how much of the memory each result takes, in any unit; None: all little.
        most: of these together that may be ahead; the one that is asked for is always read.

    Yields:
        What `read` returned, in the order of `items`; for a damaged file, one line of text that says what is wrong.

    Raises:
        DataError: the operating system refuses a file, or there is too little memory: this may pass, so that it must
            not be remembered.
    """
    at_once = _AT_ONCE if isinstance(pool, ProcessPoolExecutor) else 1
    ahead: deque[tuple[Future[list[Result | str]], int]] = deque()
    taken = 0
    for start in range(0, len(items), at_once):
        part = items[start : start + at_once]
        weight = sum(weights[start : start + at_once]) if weights is not None else 0
        while ahead and (len(ahead) > 4 * workers() or taken + weight > most):
            future, own = ahead.popleft()
            yield from _results(future)
            taken -= own
        ahead.append((pool.submit(_attempt_all, read, part), weight))
        taken += weight
    while ahead:
        yield from _results(ahead.popleft()[0])


def _attempt_all(read: Callable[[Item], Result], items: Sequence[Item]) -> list[Result | str]:
    return [_attempt(read, item) for item in items]


def _attempt(read: Callable[[Item], Result], item: Item) -> Result | str:
    """Read a file; text for a damaged one."""
    try:
        return read(item)
    except ImageFileError as error:
        if error.passing:
            raise DataError(str(error)) from None
        return error.reason
    except MemoryError:
        raise DataError(f"{item}: too little memory to resize it; free some, or choose a smaller size") from None


def _results(future: Future[list[Result | str]]) -> list[Result | str]:
    try:
        return future.result()
    except BrokenProcessPool:
        raise DataError(
            "a process that reads files was ended from outside, mostly for too little memory; free some, and go on"
        ) from None
