"""Noticing that another process is gone, and saying which.

Covers: a sign of life from every process each second, kept in the store through which they met; the end of a process
that waits in vain. Does not cover: ending the others of one machine (torchrun and srun do), checkpoints.

A killed process closes its connections, which gloo reports at once without saying whose; one that hangs, or whose
machine is gone, is waited for by NCCL and gloo alike. Hence a thread that looks at the neighbour of the next lower
rank: so every process is looked at by one, whatever their number.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NoReturn, Protocol

from fastssl.distributed.world import World
from fastssl.errors import FastSSLError, LostPeerError

PERIOD = 1.0
"""Seconds from one sign of life to the next."""
GRACE = 5.0
"""Seconds that a process has to end by itself, once another is known to be gone."""
PARTING = 2.0
"""Seconds that rank 0, which keeps the store, waits for the others to leave before it does."""
SIGNS = ("gloo", "nccl", "connection", "peer", "timed out", "timeout", "socket", "store")
"""Words of errors that PyTorch raises when another process does not answer."""


class Store(Protocol):
    """The part of `torch.distributed.Store` that is used here: what waits for nothing."""

    def set(self, key: str, value: str) -> None:
        """Set the value of a key."""

    def get(self, key: str) -> bytes:
        """Return the value of a key that is there."""

    def check(self, keys: list[str]) -> bool:
        """Tell whether all keys are there."""


class Watch:
    """Gives signs of life and looks for those of others; a context manager.

    Leaving the block by an exception tells the others. Where the exception comes from another process being gone, it
    becomes a `LostPeerError` that names that process.

    Args:
        store: through which the processes met; used by one thread of each process and by its main thread.
        here: this process's place.
        patience: seconds of silence after which a process is taken to be gone.
        end: ends this process while its main thread waits for another one; for tests.
        now: tells the time in seconds.
    """

    def __init__(
        self,
        store: Store,
        here: World,
        patience: float,
        end: Callable[[str], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._here, self._patience, self._now = store, here, patience, now
        self._end = end or _end_process
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._look, name="fastssl-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._store.set(f"who/{self._here.rank}", f"process {os.getpid()} on {socket.gethostname()}")
        self._store.set(f"beat/{self._here.rank}", "0")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gone = self._gone_peer(error)
        lost = None if gone is None else self._loss_of(gone)
        self._left.set()
        with suppress(RuntimeError):  # the store may be what is gone
            if error is not None and lost is None:
                self._store.set("gone", f"{self._here.rank} {_words(error)}")
            if isinstance(error, FastSSLError):  # asked before this process has left, for which rank 0 waits
                error.told = self._is_told(error)
            self._store.set(f"left/{self._here.rank}", "" if error is None else _words(lost or error))
            if self._here.leads:
                self._let_others_leave(gone)
        self._thread.join(2 * PERIOD)
        if lost is not None:
            raise lost from None

    def _let_others_leave(self, gone: str | None) -> None:
        """Wait, or one that leaves a moment later finds the store gone, and takes rank 0 for killed.

        Not for long: others may be in an exchange, which ends once this process has closed its connections.
        """
        lost = None if gone is None else gone.partition(" ")[0]
        others, begin = [f"left/{rank}" for rank in range(1, self._here.size) if str(rank) != lost], self._now()
        while others and not self._store.check(others) and self._now() - begin < PARTING:
            time.sleep(PERIOD / 50)

    def _look(self) -> None:
        """The thread's work: one sign of life and one look each second."""
        neighbour, beats = (self._here.rank - 1) % self._here.size, 0
        seen, since = b"", self._now()
        while not self._left.wait(PERIOD):
            beats += 1
            try:
                self._store.set(f"beat/{self._here.rank}", str(beats))
                found = self._store.get(f"beat/{neighbour}") if self._store.check([f"beat/{neighbour}"]) else b""
                if found != seen or self._store.check([f"left/{neighbour}"]):
                    seen, since = found, self._now()
                if self._now() - since > self._patience:
                    self._store.set("gone", str(neighbour))
                told = self._store.check(["gone"])
                what = self._store.get("gone").decode() if told else ""
            except RuntimeError:
                told, what = True, "0"  # whoever keeps the store, which is rank 0 or what started it
            if told:
                self._end_in_vain(what)
                return

    def _end_in_vain(self, what: str) -> None:
        """End, unless the main thread does so by itself."""
        if not self._left.wait(GRACE):
            self._end("" if self._is_spoken_for(what) else self._line(what))

    def _gone_peer(self, error: BaseException | None) -> str | None:
        """The process that an error comes from; waits for some signs of life where it may be so."""
        if isinstance(error, FastSSLError) or not isinstance(error, RuntimeError):
            return None
        if not any(sign in f"{type(error).__name__} {error}".lower() for sign in SIGNS):
            return None
        return self._whoever_is_gone()

    def _loss_of(self, what: str) -> LostPeerError:
        lost = LostPeerError(self._line(what))
        lost.told = self._is_spoken_for(what)
        return lost

    def _whoever_is_gone(self) -> str | None:
        try:
            before = self._beats()
            for _ in range(6):
                time.sleep(PERIOD / 2 + 0.1)
                if self._store.check(["gone"]):
                    return self._store.get("gone").decode()
            after = self._beats()
        except RuntimeError:
            return "0"
        silent = [rank for rank in before if before[rank] == after[rank] and rank != self._here.rank]
        return str(silent[0]) if silent else None

    def _beats(self) -> dict[int, bytes]:
        """The newest sign of life of each process that has not left."""
        here = range(self._here.size)
        return {rank: self._store.get(f"beat/{rank}") for rank in here if not self._store.check([f"left/{rank}"])}

    def _line(self, what: str) -> str:
        """One line on a process that is gone: `what` is its rank and, where it has said so, its last words."""
        rank, _, words = what.partition(" ")
        who = ""
        with suppress(RuntimeError):
            who = f" ({self._store.get(f'who/{rank}').decode()})" if self._store.check([f"who/{rank}"]) else ""
        how = f"has ended: {words}" if words else "is gone: it was killed, or hangs"
        return f"rank {rank}{who} {how}; the last checkpoint is kept, go on with --resume"

    def _is_spoken_for(self, what: str) -> bool:
        """Whether somebody else says it: the process itself, or one of a lower rank that is still there."""
        gone, _, words = what.partition(" ")
        return bool(words) or any(str(rank) != gone and self._is_there(rank) for rank in range(self._here.rank))

    def _is_there(self, rank: int) -> bool:
        with suppress(RuntimeError):
            return not self._store.check([f"left/{rank}"])
        return False

    def _is_told(self, error: FastSSLError) -> bool:
        """Whether rank 0 ends by the same error, and says it; what it says of its checkpoints, it alone knows."""
        if self._here.leads:
            return False
        with suppress(RuntimeError):
            for _ in range(10):
                if self._store.check(["left/0"]):
                    return _gist(self._store.get("left/0").decode()) == _gist(_words(error))
                time.sleep(PERIOD / 5)
        return False


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _gist(words: str) -> str:
    return words.partition(";")[0]


def _end_process(line: str) -> NoReturn:
    """End this process although its main thread waits in a call that nothing interrupts."""
    if line:
        os.write(2, f"fastssl: error: {line}\n".encode())
    os._exit(LostPeerError.status)
