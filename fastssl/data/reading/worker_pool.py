"""Workers that read many files at the same time.

Covers: threads, and processes where reading is mostly Python code, of which a process runs one thread at a time. Does
not cover: what is read and in which order (`in_order.py`).

Processes are forked, as the workers of PyTorch's DataLoader are: they know the program as it is, need no main module
that can be imported, and end with the process that started them.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

from fastssl.data.resize import workers

from .kinds import IMAGE_SUFFIXES

MANY = 500
"""DICOM files from which on processes are started: they take 20 ms each, about as long as reading 20 files."""
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


@contextmanager
def worker_pool(files: Sequence[str]) -> Iterator[Executor]:
    """Start workers for reading files.

    Args:
        files: their names. DICOM files are read by Python code, pictures and volumes by libraries that threads share.

    Yields:
        As many processes or threads as `workers()` says. What is given to processes has to be picklable.
    """
    if not _wants_processes(files):
        with ThreadPoolExecutor(workers()) as threads:
            yield threads
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process that has threads
        pool = ProcessPoolExecutor(workers(), multiprocessing.get_context("fork"), initializer=_begin)
        try:
            pool.submit(_nothing).result()  # all are forked now, before a progress bar has a thread that holds locks
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _wants_processes(files: Sequence[str]) -> bool:
    if not sys.platform.startswith("linux") or workers() < 2 or multiprocessing.current_process().daemon:
        return False
    return sum(not name.lower().endswith(IMAGE_SUFFIXES) for name in files) >= MANY


def _nothing() -> None:
    pass


def _begin() -> None:
    """Leave signals of the terminal to the process that started this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
