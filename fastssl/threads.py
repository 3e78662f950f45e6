"""How many threads torch uses on a CPU, and how they wait for each other.

Covers: both, set before torch is loaded; the threads of one run; saying what is on, and why.
Does not cover: threads that make batches ahead (`fastssl.pipelines`).

At the end of every parallel region threads wait at a barrier. GNU OpenMP's spin there for a while, oneDNN's for ever,
so that where other work is going on, one thread spins away the processor that another needs to arrive. Hence as many
threads as there are free processors, and a short spin for what comes later. A step of MoCo (ResNet-18, 28 px, batch
128, bf16) on 2 cores of an AMD EPYC of family 26 took, in ms, medians of 1 to 4 runs of 4 to 8 steps:

                              quiet   a busy neighbour for each core   one for both
    2 threads, OpenMP's own      71                            241            306
    2 threads, spin of 1,000     80                           3157            344
    2 threads, spin of 10,000    73                            147            518
    2 threads, sleep at once    125                           3162            213
    1 thread                     98                            145            102
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SPIN_COUNT = 10_000
"""Turns of the loop in which a thread waits before it sleeps."""

LOOKED_SECONDS = 0.2
"""How long the processors are watched, to see which are free."""

STATISTICS = Path("/proc/stat")
"""Where Linux tells how long its processors have worked."""

_SPIN, _THREADS = "FASTSSL_SPIN_COUNT", "FASTSSL_THREADS"  # what we set, for child processes to know it as ours
_FAMILIES = ("OMP_", "GOMP_", "KMP_")


def free_processors(
    available: int | None = None,
    installed: int | None = None,
    statistics: Path = STATISTICS,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Count the processors that nobody else uses now, by watching them for a moment.

    Args:
        available: how many this process may run on; default: `available_processors`.
        installed: how many the machine has; default: as the system tells.
        statistics: a file as Linux keeps it, `proc(5)`.
        sleep: lets so many seconds pass.

    Returns:
        Their number, at least one; `available` where the system does not tell.
    """
    available = available_processors() if available is None else available
    before = _busy_seconds(statistics)
    if before is None:
        return available
    sleep(LOOKED_SECONDS)
    after = _busy_seconds(statistics)
    busy = 0.0 if after is None else (after - before) / LOOKED_SECONDS
    return max(1, min(available, round((installed or os.cpu_count() or 1) - busy)))


def available_processors() -> int:
    """Count the processors that this process may run on.

    Returns:
        Their number.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_processors(count_free: Callable[[], int] = free_processors) -> bool:
    """Use only processors that are free, and let waiting threads sleep soon.

    The `fastssl` command calls it first of all. In Python call it before torch is imported: its OpenMP library reads
    the environment once, when it is loaded. Nothing is changed where any OpenMP variable (`OMP_`, `GOMP_`, `KMP_`) is
    set: whoever sets one wants to choose.

    Args:
        count_free: counts the processors to use; it is called only where something is to be set.

    Returns:
        Whether that is now so.

    Raises:
        RuntimeError: torch has been imported already, and nothing was set before.
    """
    if _is_ours():
        return True
    if _set_by_the_user():
        return False
    if "torch" in sys.modules:
        raise RuntimeError("torch is imported already and has read how threads wait: call share_processors() first")
    os.environ["GOMP_SPINCOUNT"] = os.environ[_SPIN] = str(SPIN_COUNT)
    free = count_free()
    if free < available_processors():
        os.environ["OMP_NUM_THREADS"] = os.environ[_THREADS] = str(free)
    return True


def thread_policy() -> str:
    """Say why there are so many threads, and how they wait.

    Returns:
        One line.
    """
    if _is_ours():
        waiting = f"they sleep after {os.environ[_SPIN]} spins"
        if _THREADS in os.environ:
            return f"of {available_processors()} processors the others were busy at the start; {waiting}"
        return f"one for each processor; {waiting}, to leave it to others"
    chosen = _set_by_the_user()
    if chosen:
        return f"as {', '.join(f'{name}={os.environ[name]}' for name in chosen)} has it"
    return "they spin while they wait: slow where other work is going on (fastssl.share_processors(), before torch)"


@contextmanager
def use_threads(count: int | None) -> Iterator[None]:
    """Have torch use so many threads inside the block.

    Args:
        count: how many; None leaves their number as it is.

    Yields:
        Nothing.
    """
    import torch

    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _busy_seconds(statistics: Path) -> float | None:
    """Seconds that all processors together have worked since the machine was started; None where it is not told."""
    try:
        fields = [int(field) for field in statistics.read_text(encoding="ascii").splitlines()[0].split()[1:]]
    except (OSError, ValueError, IndexError):
        return None
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = fields[:8]
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")


def _is_ours() -> bool:
    ours = os.environ.get(_SPIN) is not None and os.environ.get("GOMP_SPINCOUNT") == os.environ[_SPIN]
    return ours and os.environ.get("OMP_NUM_THREADS") == os.environ.get(_THREADS)


def _set_by_the_user() -> list[str]:
    return sorted(name for name in os.environ if name.startswith(_FAMILIES))
