"""What a command that failed says: one line for every kind of error, and the exit status."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import PIL.Image
import pydantic
import pytest
import safetensors
import torch
import yaml

from fastssl.cli import main
from fastssl.errors import ConfigError, DataError


class Saying:
    """Runs `fastssl train` with a command that raises; returns (exit status, the one line of standard error)."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, error: BaseException) -> tuple[int, str]:
        def fails(**_: Any) -> NoReturn:
            raise error

        status = main(["train"], commands={"train": fails})
        said = self.capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert len(said.err) < 700
        return status, said.err.rstrip("\n")


@pytest.fixture
def saying(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saying:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Saying(capsys)


def deep() -> NoReturn:
    return deep()


def caught(kind: type[Exception], function: Any, *arguments: Any, **named: Any) -> Exception:
    """The error that a library itself raises."""
    with pytest.raises(kind) as found:
        function(*arguments, **named)
    return found.value


FAULTS = {
    "division": ZeroDivisionError("division by zero"),
    "assertion": AssertionError(),
    "two lines": ValueError("first\nsecond\r\x1b[31m"),
    "long": KeyError("x" * 5000),
    "surrogates": RuntimeError("caf\udce9"),
    "recursion": caught(RecursionError, deep),
    "decoding": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "encoding": caught(UnicodeEncodeError, "肺".encode, "ascii"),
    "OSError without a number": OSError("image file is truncated"),
    "PIL": caught(PIL.UnidentifiedImageError, PIL.Image.open, __file__),
    "pydantic": caught(pydantic.ValidationError, pydantic.TypeAdapter(int).validate_python, "x"),
    "yaml": caught(yaml.YAMLError, yaml.safe_load, "[1"),
    "json": caught(json.JSONDecodeError, json.loads, "{"),
    "safetensors": caught(safetensors.SafetensorError, safetensors.deserialize, b"123"),
    "torch": caught(RuntimeError, torch.zeros(2).view, 3),
    "numpy": caught(ValueError, np.zeros(2).reshape, 3),
    "stop": StopIteration(3),
}


@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS)
def test_an_unexpected_error_is_one_line_and_its_traceback_a_file_for_the_user_alone(
    saying: Saying, tmp_path: Path, error: Exception
) -> None:
    status, line = saying(error)
    assert status == 70
    assert line.startswith(f"fastssl: error: unexpected {type(error).__name__}")
    assert "this is a fault of fastssl" in line
    (path,) = tmp_path.glob("fastssl-traceback-*.txt")
    assert line.endswith(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "Traceback (most recent call last)" in path.read_text()


def test_a_traceback_can_be_shown_instead(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("FASTSSL_TRACEBACK", "1")

    def fails(**_: Any) -> NoReturn:
        raise ZeroDivisionError

    assert main(["train"], commands={"train": fails}) == 70
    *traceback, line = capsys.readouterr().err.splitlines()
    assert traceback[0] == "Traceback (most recent call last):"
    assert line.endswith("with the traceback above")
    assert not list(tmp_path.glob("fastssl-traceback-*"))


def test_where_no_traceback_can_be_written_the_line_says_how_to_see_it(
    saying: Saying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert saying(ZeroDivisionError())[1].endswith("with the traceback that FASTSSL_TRACEBACK=1 shows")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        caught(MemoryError, np.empty, (1 << 60,), np.uint8),
        caught(RuntimeError, torch.empty, 1 << 60, dtype=torch.uint8),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nGPU 0 has ..."),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_where_memory_does_not_suffice_a_smaller_batch_is_advised(saying: Saying, error: Exception) -> None:
    status, line = saying(error)
    assert status == 1
    assert "give a smaller --batch-size" in line
    assert ("GPU" in line) == any(sign in str(error) for sign in ("CUDA", "CUDNN"))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a\n", None, "b"), r"a\n and b: No such file"),
        (OSError(errno.ENOSPC, "No space left on device", b"c\xff"), r"c\udcff: No space left on device; free some"),
        (OSError(errno.EIO, None), f"{os.strerror(errno.EIO)}"),
        (OSError(errno.EIO, "Input/output error", 3), "3: Input/output error"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 9000), "xxx"),
    ],
)
def test_an_error_of_the_system_names_the_file(saying: Saying, error: OSError, line: str) -> None:
    status, said = saying(error)
    assert status == 2
    assert said.startswith(f"fastssl: error: {line}")


def test_an_error_is_one_line_whatever_the_names_in_it_are(saying: Saying) -> None:
    assert saying(DataError("a\nb\x1b[2J\u202e\udcff: bad")) == (2, r"fastssl: error: a\nb\x1b[2J\u202e\udcff: bad")
    assert saying(ConfigError(["a\n", "b"])) == (2, r"fastssl: error: a\n; b")
    status, line = saying(DataError(f"{'x' * 9000}: what to do"))
    assert (status, len(line)) == (2, len("fastssl: error: ") + 480)
    assert line.endswith("x: what to do")


def run(command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A line for a shell, in which $FASTSSL is the command."""
    line = f"set -o pipefail; FASTSSL='{sys.executable} -m fastssl.cli'; {command}"
    return subprocess.run(["bash", "-c", line], capture_output=True, check=False, env={**os.environ, **variables})


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("$FASTSSL train --help | true", 141),  # nobody ever reads it
        ("$FASTSSL --help > /dev/full", 2),
        ("$FASTSSL --help >&-", 0),
        ("$FASTSSL train --lr x 2>&-", 2),
        ("$FASTSSL train --lr x 2>&1 >/dev/full | true", 2),
    ],
)
def test_output_that_cannot_be_written_ends_a_command_without_a_traceback(command: str, status: int) -> None:
    done = run(command)
    assert done.returncode == status
    assert done.stdout == b""
    assert done.stderr.count(b"\n") <= 1
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
