"""One run per folder: refused in a line that says who is there, by a lock that no killed process leaves behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import fastssl.training.run_lock
from fastssl import locks
from fastssl.errors import ConfigError
from fastssl.training.run_lock import run_lock

HOLD = """
import sys, time
from pathlib import Path
from fastssl.training.run_lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_made_for_the_lock_and_is_gone_with_it_unless_something_was_written(tmp_path: Path) -> None:
    with run_lock(tmp_path / "runs" / "a"):
        assert (tmp_path / "runs" / "a").is_dir()
    assert list(tmp_path.iterdir()) == []
    with run_lock(tmp_path / "runs" / "a"):
        (tmp_path / "runs" / "a" / "config.yaml").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["runs", "a", "config.yaml"]


def test_another_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        expected = rf"^out='{tmp_path}': process {holder.pid} on \S+ is training here; "
        with pytest.raises(ConfigError, match=expected), run_lock(tmp_path):
            pytest.fail("two have the folder")
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with run_lock(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_where_nothing_can_be_made_it_gives_up(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".run.lock").symlink_to(tmp_path / "missing" / "lock")
    said = rf"^out='{tmp_path}/run': cannot be made or written to \(No such file or directory\); give another --out$"
    with pytest.raises(ConfigError, match=said), run_lock(tmp_path / "run"):
        pytest.fail("it holds no lock")


def test_a_lock_that_is_always_taken_away_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastssl.training.run_lock, "_is_at", lambda path, file: False)
    with pytest.raises(ConfigError, match="changes hands"), run_lock(tmp_path):
        pytest.fail("it holds no lock")


def test_another_thread_is_refused_too(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(ConfigError, match=f"process {os.getpid()} "), run_lock(tmp_path):
        pass


def test_of_many_that_begin_at_the_same_time_one_has_the_folder_at_any_moment(tmp_path: Path) -> None:
    inside, most, entered = [0], [0], [0]

    def try_often() -> None:
        for _ in range(60):
            try:
                with run_lock(tmp_path / "new" / "run"):
                    inside[0] += 1
                    entered[0] += 1
                    time.sleep(0)  # to let the others run
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
            except ConfigError:
                pass

    threads = [threading.Thread(target=try_often) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert entered[0] > 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_where_the_file_system_has_no_locks_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    with run_lock(tmp_path), run_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = rf"^out='{tmp_path}/file/run': cannot be made or written to \(Not a directory\); give another --out$"
    with pytest.raises(ConfigError, match=said), run_lock(tmp_path / "file" / "run"):
        pytest.fail("it holds no lock")


def test_a_full_disk_is_the_systems_error_whose_advice_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space left") as told, run_lock(tmp_path / "run"):
        pytest.fail("it holds no lock")
    assert told.value.filename == str(tmp_path / "run")
