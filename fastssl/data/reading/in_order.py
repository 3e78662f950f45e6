"""Reading many files in parallel, in order.

Covers: what becomes of damaged files, how far reading goes ahead. Does not cover: reading one file (`files.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from fastssl.data.resize import workers
from fastssl.errors import DataError

from .records import ImageFileError

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_in_order(
    pool: ThreadPoolExecutor,
    read: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    weights: Sequence[int] | None = None,
    most: int = 0,
) -> Iterator[Result | str]:
    """Read files on a thread pool, a few ahead of the one that is asked for.

    Args:
        pool: of `workers()` threads.
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

    def attempt(item: Item) -> Result | str:
        try:
            return read(item)
        except ImageFileError as error:
            if error.passing:
                raise
            return error.reason
        except MemoryError:
            raise DataError(f"{item}: too little memory to resize it; free some, or choose a smaller size") from None

    ahead: deque[tuple[Future[Result | str], int]] = deque()
    taken = 0
    for index, item in enumerate(items):
        weight = weights[index] if weights is not None else 0
        while ahead and (len(ahead) > 4 * workers() or taken + weight > most):
            future, own = ahead.popleft()
            yield future.result()
            taken -= own
        ahead.append((pool.submit(attempt, item), weight))
        taken += weight
    while ahead:
        yield ahead.popleft()[0].result()
