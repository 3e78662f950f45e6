"""Running the jobs of a table one after the other, each once.

Covers: what is done already, going on with a training that was interrupted, logs, jobs that fail and those that need
them. Does not cover: which jobs there are (the tables), what comes of them (`outcome.py`).

Beside a job's results lies its record: command, version of the code, seconds. A job is done if its record says so, its
artefact is there, and the jobs it needs have not been run again since. A training that is done loses its checkpoints.
"""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.reproduce.declaration import Job
from fastssl.errors import FastSSLError
from fastssl.files import write_json
from fastssl.training.run_folder import CHECKPOINTS, holds_run
from fastssl.training.run_lock import run_lock

Say = Callable[[str], None]
RECORD = ".job.json"
"""Ending of the name of a job's record."""
PROMPT = "$ "
"""Begins the line of a log that is the command."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs jobs in the folder of a table.

    Attributes:
        folder: of the table; commands are run there.
        data_root: where data lie.
        code: version of the code that would run them.
        strict: what another version of the code has made is not taken.
        say: is told when a job begins, ends or fails.
        program: what a job's arguments are given to.
    """

    folder: Path
    data_root: Path
    code: str
    strict: bool = False
    say: Say = print
    program: tuple[str, ...] = (sys.executable, "-m", "fastssl")

    def record(self, job: Job) -> dict[str, Any]:
        """Return what is known of a job; empty where it has never begun."""
        try:
            found = json.loads(self._beside(job, RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # a file that was damaged is as good as none
            return {}
        return found if isinstance(found, dict) else {}

    def log(self, job: Job) -> Path:
        """Return the file that the job's output goes to."""
        return self._beside(job, ".log")

    def is_done(self, job: Job) -> bool:
        """Tell whether a job need not be run."""
        record = self.record(job)
        return record.get("state") == "done" and self._is_current(job, record) and self._artefact(job).is_file()

    def run(self, job: Job) -> bool:
        """Run a job, or go on with it.

        Returns:
            Whether it is done now; what went wrong has been said.

        Raises:
            KeyboardInterrupt: it was asked to stop; what it has done so far is kept.
        """
        before = self.record(job)
        goes_on = before.get("state") == "begun" and self._is_current(job, before)
        try:
            record = self._going_on(job, before) if goes_on else self._anew(job, before)
        except (FastSSLError, OSError) as error:
            self.say(f"{job.name}: FAILED: {error}")
            return False
        began, spent = time.monotonic(), record["seconds"]
        try:
            status = self._execute(self._command(job, goes_on), self.log(job))
        finally:
            record["seconds"] = round(spent + time.monotonic() - began, 1)
            self._write(job, record)
        problem = f"exit status {status}" if status else "" if self._artefact(job).is_file() else f"no {job.artefact}"
        if problem:
            self.say(f"{job.name}: FAILED ({problem}): {_last_line(self.log(job))}; log: {self.log(job)}")
            return False
        self._write(job, {**record, "state": "done", "id": secrets.token_hex(4)})
        self._remove_checkpoints(job)
        self.say(f"{job.name}: done in {_time(record['seconds'])}")
        return True

    def _anew(self, job: Job, before: dict[str, Any]) -> dict[str, Any]:
        """Begin a job, without what an earlier one has left: it goes before the new record says that it is begun."""
        folder = self.folder / job.run_folder
        if before and job.run_folder and folder.is_dir():  # what has no record is not ours
            with run_lock(folder):
                shutil.rmtree(folder)
        if before:
            self._artefact(job).unlink(missing_ok=True)
        if before.get("code") != self.code:  # evaluations keep finished trials, and would take them for this code's
            for path in self._artefact(job).parent.glob("*-trials.jsonl"):
                path.unlink()
        self.log(job).parent.mkdir(parents=True, exist_ok=True)
        record = {"command": job.command, "code": self.code, "needs": self._needed(job), "seconds": 0.0}
        self._write(job, {**record, "state": "begun"})
        self.say(f"{job.name}: begins")
        return {**record, "state": "begun"}

    def _remove_checkpoints(self, job: Job) -> None:
        """Free what only going on needs: a table's would fill gigabytes. Weights for evaluations lie beside them."""
        folder = self.folder / job.run_folder
        if job.run_folder:
            for checkpoints in (folder / CHECKPOINTS, *folder.glob(f"*/{CHECKPOINTS}")):  # a recipe has a run per stage
                shutil.rmtree(checkpoints, ignore_errors=True)

    def _going_on(self, job: Job, before: dict[str, Any]) -> dict[str, Any]:
        """Go on with a job; where the code has changed since, the record names both versions."""
        code = before["code"]
        if code.split(", ")[-1] != self.code:
            self.say(f"{job.name}: warning: begun by code {code}, which is now {self.code}; --strict begins it anew")
            code = f"{code}, {self.code}"
        self.say(f"{job.name}: goes on")
        return {**before, "code": code}

    def _command(self, job: Job, goes_on: bool) -> list[str]:
        """A training that has begun is told to go on; evaluations do so by themselves."""
        again = ["--resume"] if goes_on and job.run_folder and holds_run(self.folder / job.run_folder) else []
        return [*self.program, *job.arguments, "--data-root", str(self.data_root), *again]

    def _is_current(self, job: Job, record: dict[str, Any]) -> bool:
        same = record.get("command") == job.command and record.get("needs") == self._needed(job)
        return same and (record.get("code") == self.code or not self.strict)

    def _needed(self, job: Job) -> dict[str, str]:
        """Name -> which run of that job it was, for the jobs that are needed."""
        return {name: self._of_name(name).get("id", "") for name in job.needs}

    def _of_name(self, name: str) -> dict[str, Any]:
        return self.record(Job(name=name, arguments=(), artefact=""))

    def _write(self, job: Job, record: dict[str, Any]) -> None:
        write_json(self._beside(job, RECORD), record)

    def _artefact(self, job: Job) -> Path:
        return self.folder / job.artefact

    def _beside(self, job: Job, ending: str) -> Path:
        return self.folder / f"{job.name}{ending}"

    def _execute(self, command: Sequence[str], log: Path) -> int:
        """The exit status. In a session of its own, so that Ctrl-C reaches us alone, who pass it on once."""
        with log.open("a", encoding="utf-8") as output:
            output.write(f"{PROMPT}{shlex.join(command)}\n")
            output.flush()
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                return process.wait()
            except BaseException:
                process.send_signal(signal.SIGTERM)  # a training saves what it has and ends
                try:
                    process.wait()
                except BaseException:
                    process.kill()
                    raise
                raise


def run_jobs(runner: Runner, jobs: Sequence[Job]) -> bool:
    """Run all jobs that are not done, in order; those that need one that failed are left out.

    Args:
        runner: runs them.
        jobs: each after those that it needs.

    Returns:
        Whether all of them are done.

    Raises:
        KeyboardInterrupt: as `Runner.run`.
    """
    failed: set[str] = set()
    for job in jobs:
        blocked = [name for name in job.needs if name in failed]
        if blocked:
            runner.say(f"{job.name}: left out, it needs {', '.join(blocked)}")
            failed.add(job.name)
        elif runner.is_done(job):
            _warn_of_other_code(runner, job)
        elif not runner.run(job):
            failed.add(job.name)
    return not failed


def _warn_of_other_code(runner: Runner, job: Job) -> None:
    code = runner.record(job).get("code")
    if code != runner.code:
        made, now = code or "unknown", runner.code or "unknown"
        runner.say(f"{job.name}: warning: made by code {made}, which is now {now}; --strict runs it again")


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith(PROMPT)), "no output")


def _time(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s"
