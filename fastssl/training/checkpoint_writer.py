"""Writing checkpoints while training goes on.

Covers: one thread that hashes, writes, syncs and prunes, one checkpoint at a time; when its errors are raised. Does not
cover: copying the state (`snapshot.py`), the files (`checkpoint.py`), when one is due (`checkpoint_policy.py`).
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType

from fastssl.errors import DivergenceError
from fastssl.training.checkpoint import Checkpoint, save_checkpoint
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.retention import Retention
from fastssl.training.snapshot import Snapshot, take_snapshot

HELD_UP = 1.5
"""Seconds that steps on a CPU lose for each second of the thread: it takes one core, and the threads on the others wait
for the one that was there at their next barrier (1.2 to 1.7 on 2 cores, `bench/end_to_end/test_checkpoints.py`)."""

PATIENCE = 5.0
"""Seconds that Ctrl-C waits for a write that has been given up; a disk may be slow."""


class CheckpointWriter:
    """Writes checkpoints on a thread of its own; a context manager, after whose block everything is on disk.

    Where the block is left by an exception, what is under way is finished first. Ctrl-C gives it up: what is
    half-written is then removed, within `PATIENCE`.

    Args:
        policy: where they go, and how many are kept.
    """

    def __init__(self, policy: CheckpointPolicy) -> None:
        self._policy = policy
        self._retention = Retention(policy.folder, policy.keep)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._given_up = False
        self._newest: int | None = None
        self.cost = 0.0
        """Seconds that the newest checkpoint took from the steps: those of the copy, and, where the same processor
        computes the steps, those that the thread held them up."""

    def submit(self, checkpoint: Checkpoint) -> None:
        """Copy a checkpoint and start writing it, once the one before is written.

        Args:
            checkpoint: whose tensors are those of the run themselves.

        Raises:
            DivergenceError: a tensor of the one before is not finite; it was not written.
            OSError: the one before could not be written.
        """
        begin = time.perf_counter()
        self.finish()
        self._given_up = False
        snapshot = take_snapshot(checkpoint)
        self.cost = time.perf_counter() - begin
        self._thread = threading.Thread(target=self._write, args=(snapshot,), name="fastssl-checkpoint", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system allows no more threads
            self._thread = None
            self._write(snapshot)

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and return once it is on disk.

        Args:
            checkpoint: whose tensors are those of the run themselves.

        Raises:
            DivergenceError: a tensor is not finite; nothing was written.
            OSError: it cannot be written.
        """
        self.submit(checkpoint)
        self.finish()

    def count(self, step: int) -> None:
        """Take a checkpoint that is there for a sound one.

        Args:
            step: of the checkpoint.
        """
        self._retention.add(step)
        self._newest = step

    def check(self) -> None:
        """Raise what went wrong in the meantime, without waiting for anything.

        Raises:
            DivergenceError: a tensor is not finite; the checkpoint was not written.
            OSError: a checkpoint could not be written.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error

    def finish(self) -> None:
        """Return once everything is on disk.

        Raises:
            DivergenceError: a tensor is not finite; the checkpoint was not written.
            OSError: a checkpoint could not be written.
        """
        self._join()
        self.check()

    def newest(self) -> int | None:
        """Return the step of the newest checkpoint that is on disk, after waiting for one under way; None: none is."""
        self._join()
        return self._newest

    def way_back(self) -> str:
        """Say which checkpoint is kept, and what can be done after a divergence."""
        newest = self.newest()
        kept = "nothing was saved" if newest is None else f"the checkpoint of step {newest} is kept"
        return f"{kept} in {self._policy.folder}; start again with a lower --lr or --no-amp"

    def __enter__(self) -> CheckpointWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._give_up()
        elif error is not None:
            self._join()
        else:
            self.finish()

    def _join(self) -> None:
        if self._thread is None or self._thread is threading.current_thread():
            return
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self._give_up()
            raise
        self._thread = None

    def _give_up(self) -> None:
        self._given_up = True
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _write(self, snapshot: Snapshot) -> None:
        begin = time.thread_time()
        try:
            snapshot.wait()
            step, name = snapshot.checkpoint.step, snapshot.not_finite()
            if name is not None:
                raise DivergenceError(f"{name} is not finite after step {step}; {self.way_back()}")
            save_checkpoint(self._policy.folder, snapshot.checkpoint, self._stop_if_given_up)
            self.count(step)
            with suppress(OSError):  # the new one is safe; what cannot be removed now is removed after the next one
                self._retention.prune()
        except _GivenUpError:
            pass
        except BaseException as error:
            self._error = error
        if not snapshot.from_gpu:
            self.cost += HELD_UP * (time.thread_time() - begin)

    def _stop_if_given_up(self) -> None:
        if self._given_up:
            raise _GivenUpError


class _GivenUpError(Exception):
    """Ends the writing of a checkpoint that nobody waits for."""
