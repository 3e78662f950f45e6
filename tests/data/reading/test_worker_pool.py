"""Workers: processes for DICOM files, threads for others; the same result, the same lines for what goes wrong."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from fastssl.data.reading import ImageFileError, in_order, worker_pool
from fastssl.errors import DataError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux alone")
NAMES = [f"{number:03}" for number in range(40)]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes from two files on, and two of them wherever the tests run."""
    monkeypatch.setattr(worker_pool, "MANY", 2)
    monkeypatch.setattr(worker_pool, "workers", lambda: 2)
    monkeypatch.setattr(in_order, "workers", lambda: 2)


def read(name: str) -> tuple[str, int]:
    if name == "damaged":
        raise ImageFileError(Path(name), "it is empty")
    if name == "refused":
        raise DataError("refused cannot be read: Permission denied")
    if name == "memory":
        raise ImageFileError(Path(name), "too little memory", passing=True)
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return name, os.getpid()


def all_of(names: list[str]) -> list[tuple[str, int] | str]:
    with worker_pool.worker_pool(names) as pool:
        return list(in_order.read_in_order(pool, read, names))


def test_processes_read_in_order_and_not_here() -> None:
    found = all_of(NAMES)
    assert [one[0] for one in found] == NAMES
    assert os.getpid() not in {one[1] for one in found}


@pytest.mark.parametrize(
    ("names", "kind"),
    [(["a", "b"], ProcessPoolExecutor), (["a.png", "b.nii.gz", "c"], ThreadPoolExecutor), (["a"], ThreadPoolExecutor)],
)
def test_processes_are_for_many_dicom_files(names: list[str], kind: type) -> None:
    with worker_pool.worker_pool(names) as pool:
        assert isinstance(pool, kind)


def test_a_damaged_file_is_one_line_in_its_place() -> None:
    found = all_of([*NAMES, "damaged", "last"])
    assert found[-2] == "it is empty"
    assert found[-1][0] == "last"


@pytest.mark.parametrize(
    ("name", "line"),
    [("refused", "refused cannot be read: Permission denied"), ("memory", "memory: too little memory"),
     ("killed", "a process that reads files was ended from outside")],
)  # fmt: skip
def test_what_may_pass_stops_the_reading_in_one_line(name: str, line: str) -> None:
    with pytest.raises(DataError, match=line) as caught:
        all_of([*NAMES, name, *NAMES])
    assert "\n" not in str(caught.value)
