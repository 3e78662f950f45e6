"""What a command that failed says: one line, and its exit status.

Covers: errors that users are meant to read, the system's errors, memory that does not suffice, a reader of the output
who has gone, and everything else, which is a fault of fastssl and whose traceback is kept. Does not cover: signals
(`entry.py`).
"""

from __future__ import annotations

import errno
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

import fastssl
from fastssl.errors import LONGEST, FastSSLError
from fastssl.text import printable, shortened

INPUT_ERROR = 2
OUT_OF_MEMORY = 1
FAULT = 70
"""EX_SOFTWARE of sysexits.h: an error of the program itself."""
BROKEN_PIPE = 141
"""What shells say of a command that a closed pipe has ended (128 + SIGPIPE)."""

SHOW_TRACEBACK = "FASTSSL_TRACEBACK"
"""Variable of the environment: where it is 1, tracebacks are printed and not written to files."""

_GO_ON = ", then give the command again; a training that has begun goes on with --resume"
_ADVICE = {
    errno.ENOSPC: f"; free some space{_GO_ON}",
    errno.EDQUOT: f"; free some of your quota{_GO_ON}",
    errno.EFBIG: f"; raise the limit of file sizes (ulimit -f){_GO_ON}",
}

_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "status_alloc_failed")
"""Parts of what PyTorch says in errors that have no class of their own."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a failed command leaves behind.

    Attributes:
        text: the line to print; empty where there is nothing to say.
        status: the exit status.
    """

    text: str
    status: int


def failure_of(error: Exception, environment: Mapping[str, str] | None = None) -> Failure:
    """Say what a failed command tells its user.

    Args:
        error: what it raised.
        environment: variables; None for those of this process.

    Returns:
        The line and the exit status. Of a fault of fastssl the traceback has been written to a file that the user
        alone can read, or to standard error, where FASTSSL_TRACEBACK is 1.
    """
    if isinstance(error, FastSSLError):
        return Failure(text="" if error.told else str(error), status=error.status)
    if isinstance(error, BrokenPipeError):
        return Failure(text="", status=BROKEN_PIPE)
    if _lacks_memory(error):
        return Failure(text=_memory_advice(error), status=OUT_OF_MEMORY)
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(text=_of_system(error), status=INPUT_ERROR)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    where = _keep(error, os.environ if environment is None else environment)
    text = (
        f"unexpected {shortened(printable(what), LONGEST // 2)}; this is a fault of fastssl: please report it, {where}"
    )
    return Failure(text=text, status=FAULT)


def _lacks_memory(error: Exception) -> bool:
    """Whether memory did not suffice; torch.OutOfMemoryError is told by its name, for torch may not be loaded."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _NO_MEMORY)


def _memory_advice(error: Exception) -> str:
    on_gpu = any(sign in str(error) for sign in ("CUDA", "CUDNN", "CUBLAS", "HIP"))
    whose = "the GPU's memory" if on_gpu else "memory"
    return f"{whose} does not suffice: give a smaller --batch-size or --size, or free memory that other programs hold"


def _of_system(error: OSError) -> str:
    names = [name for name in (error.filename, error.filename2) if name not in (None, "", b"")]
    where = " and ".join(os.fsdecode(name) if isinstance(name, (bytes, os.PathLike)) else str(name) for name in names)
    advice = _ADVICE.get(error.errno or 0, "")
    said = error.strerror or os.strerror(error.errno or 0)
    return f"{shortened(printable(where), LONGEST // 2)}{': ' if where else ''}{printable(said)}{advice}"


def _keep(error: Exception, environment: Mapping[str, str]) -> str:
    """Print the traceback, or write it to a file of mode 0600; returns where it is, in words."""
    report = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if environment.get(SHOW_TRACEBACK) == "1":
        print(report.encode("utf-8", "backslashreplace").decode("utf-8"), file=sys.stderr, end="")
        return "with the traceback above"
    lines = [f"fastssl {fastssl.__version__}, Python {platform.python_version()}, {platform.platform()}"]
    lines += [f"{name} {version}" for name, version in _library_versions()]
    content = "\n".join([*lines, "", repr(sys.argv), "", report])
    try:
        descriptor, path = tempfile.mkstemp(prefix="fastssl-traceback-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(content)
    except OSError:
        return f"with the traceback that {SHOW_TRACEBACK}=1 shows"
    return f"with the traceback in {printable(path)}"


def _library_versions() -> list[tuple[str, str]]:
    names = ("torch", "triton", "timm", "numpy", "PIL", "tifffile", "pydantic")
    versions = {name: getattr(sys.modules.get(name), "__version__", None) for name in names}
    return [(name, str(version)) for name, version in versions.items() if version is not None]
