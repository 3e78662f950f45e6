"""How torch's threads wait for each other on a CPU.

Covers: the waiting of GNU OpenMP's threads, set before torch is loaded; saying which policy is on.
Does not cover: how many threads there are: `OMP_NUM_THREADS` and `torch.set_num_threads` say that.

At the end of every parallel region threads wait at a barrier. GNU OpenMP's spin there, by default for seconds, so that
on a machine with other work one thread spins away the processor that another needs to arrive. A short spin before
sleeping keeps nearly all of the speed of a quiet machine, and most of it on a busy one (`bench/threads`).
"""

from __future__ import annotations

import os
import sys

SPIN_COUNT = 10_000
"""Turns of the loop in which a thread waits before it sleeps."""

_OURS = "FASTSSL_SPIN_COUNT"
_FAMILIES = ("OMP_", "GOMP_", "KMP_")


def share_processors() -> bool:
    """Let waiting threads sleep after a short spin; returns whether that is now so.

    The `fastssl` command calls it first of all. In Python call it before torch is imported: its OpenMP library reads
    the environment once, when it is loaded. Nothing is changed where any OpenMP variable (`OMP_`, `GOMP_`, `KMP_`) is
    set: whoever sets one wants to choose.

    Raises:
        RuntimeError: torch has been imported already, and nothing was set before.
    """
    if os.environ.get(_OURS) is not None and os.environ.get("GOMP_SPINCOUNT") == os.environ[_OURS]:
        return True
    if _set_by_the_user():
        return False
    if "torch" in sys.modules:
        raise RuntimeError(
            "torch is imported already and has read how threads wait: call share_processors() first"
        )
    os.environ["GOMP_SPINCOUNT"] = os.environ[_OURS] = str(SPIN_COUNT)
    return True


def thread_policy() -> str:
    """How threads wait, and who chose it, in one line."""
    ours = os.environ.get(_OURS)
    if ours is not None and os.environ.get("GOMP_SPINCOUNT") == ours:
        return f"waiting threads sleep after {ours} spins, to leave the processor to others"
    chosen = _set_by_the_user()
    if chosen:
        return f"as {', '.join(f'{name}={os.environ[name]}' for name in chosen)} has it"
    return "waiting threads spin, OpenMP's default: slow beside other work (fastssl.share_processors(), before torch)"


def _set_by_the_user() -> list[str]:
    return sorted(name for name in os.environ if name.startswith(_FAMILIES))
