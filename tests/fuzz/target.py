"""A parser as a fuzzer sees it: bytes in, a right result or one line out, in bounded time and memory.

Covers: what counts as a fault, limits, saving an input that is one. Does not cover: which parsers (`targets/`), where
inputs come from (`mutations.py`, `engines.py`).
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from fastssl.errors import ConfigError, FastSSLError
from fastssl.text import printable

SECONDS = 10.0
"""That one input may take."""
MEMORY = 4 << 30
"""Bytes of addresses that a process may take beyond those it has when it begins."""
LONGEST = 500
"""Characters of an error."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parser.

    Attributes:
        name: for the command line and the folder of its crashes.
        seeds: makes small valid inputs.
        run: parses an input, in an empty folder; raises AssertionError where the result is not right.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    run: Callable[[bytes, Path], None]


class TooSlowError(BaseException):
    """An input took longer than it may; no `except Exception` holds it up."""


def check(target: Target, content: bytes) -> bool:
    """Parse an input.

    Args:
        target: the parser.
        content: the input.

    Returns:
        Whether it was accepted; False, where it was refused in one line.

    Raises:
        BaseException: anything else, which is a fault.
    """
    with _empty_folder() as folder, _time_limit(SECONDS):
        try:
            target.run(content, folder)
        except FastSSLError as error:
            for text in error.problems if isinstance(error, ConfigError) else [str(error)]:
                assert 0 < len(text) < LONGEST, f"an error of {len(text)} characters: {text[:200]}"
                assert printable(text) == text, f"an error that is not one line of text: {text!r}"
            return False
    return True


def limit_memory() -> None:
    """Let this process have a few gigabytes more than it has now, and no more."""
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, resource.RLIM_INFINITY))


def save_crash(target: Target, content: bytes, error: BaseException, folder: Path) -> Path | None:
    """Keep an input that is a fault, with its traceback, unless one of the same kind is kept already.

    Args:
        target: the parser.
        content: the input.
        error: what it raised.
        folder: of all crashes.

    Returns:
        The file of the input; None for a kind that is known.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = next(
        (f"{frame.filename}:{frame.lineno}" for frame in reversed(frames) if "/fastssl/" in frame.filename), ""
    )
    kind = hashlib.blake2b(f"{type(error).__name__} {place}".encode(), digest_size=6).hexdigest()
    path = folder / target.name / f"crash-{kind}"
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    path.with_suffix(".txt").write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def kept_faults(folder: Path, name: str) -> list[Path]:
    """List the inputs of a target that are faults: found by `check`, or by atheris where the process itself ended.

    Args:
        folder: of all crashes.
        name: of the target.
    """
    found = sorted((folder / name).glob("crash-*")) + sorted((folder / name).glob("native-*"))
    return [path for path in found if path.suffix != ".txt"]


def take_faults(folder: Path, name: str) -> list[bytes]:
    """Read the inputs that were faults of a target, and forget that they were: they may have been mended.

    Args:
        folder: of all crashes.
        name: of the target.
    """
    found = kept_faults(folder, name)
    contents = [path.read_bytes() for path in found]
    for path in found:
        path.unlink()
        path.with_suffix(".txt").unlink(missing_ok=True)
    return contents


@contextmanager
def _empty_folder() -> Iterator[Path]:
    """A folder in memory where there is one, also for what fastssl caches; gone afterwards, whatever is in it."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="fastssl-fuzz-", dir=memory if memory.is_dir() else None))
    before = os.environ.get("FASTSSL_CACHE")
    os.environ["FASTSSL_CACHE"] = str(folder / "cache")
    (folder / "work").mkdir()
    try:
        yield folder / "work"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("FASTSSL_CACHE")
        if before is not None:
            os.environ["FASTSSL_CACHE"] = before


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"over {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
