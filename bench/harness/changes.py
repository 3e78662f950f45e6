"""Statistics of a change between two sets of benchmark runs: is it the code, or is it noise?

Covers: reading runs in pytest-benchmark's form, the change of every benchmark of ours from A to B, its interval and a
verdict. Does not cover: the command line (`bench/compare.py`).

A run is one sample: rounds of one run share its moment, its memory and its neighbours, so their spread says too little.
Of a run counts the lower quartile of its rounds: neighbours make rounds slower, never faster. Where a problem has
peers, which took turns with ours and whose code is the same in A and B, ours is also taken relative to them, and of
the two figures the one that varies less from run to run is used. Variances of few runs are uncertain; each is drawn
towards the median of all (Smyth, Stat Appl Genet Mol Biol 2004: a moderated t-test). Bonferroni's limit holds the
chance of any false alarm, over all benchmarks together, below `ALPHA`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student

Pair = tuple[np.ndarray, np.ndarray]

THRESHOLD, ALPHA = 0.05, 0.01
QUANTILE = 0.25
PRIOR_FREEDOM = 4.0
"""How many degrees of freedom the median variance of all benchmarks is worth beside a benchmark's own."""
LEAST_DEVIATION = 0.01
"""From run to run, as a share of the time: an alarm is never raised on the strength of an accidental agreement."""
ONE_RUN_DEVIATION = 0.08
"""Where a side has one run, so that nothing is known of its deviation: what a quiet virtual machine showed at worst."""
DISTURBED = 4.0


class NotComparable(Exception):
    """The runs cannot be compared; the message says why."""


@dataclass(frozen=True)
class Run:
    """One file. levels: of every benchmark, log of its seconds. machine: as the file names it."""

    levels: Mapping[str, float]
    machine: Mapping[str, Any]


@dataclass(frozen=True)
class Runs:
    """One side. about: of every benchmark its "section", "problem", "variant" and "role"."""

    runs: tuple[Run, ...]
    about: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """Of one benchmark, from A to B. low, high: the 95 % interval. All as shares of the time in A."""

    name: str
    share: float
    low: float
    high: float
    verdict: str


def read_runs(paths: Sequence[Path]) -> Runs:
    """Read the files of one side.

    Raises:
        NotComparable: a file cannot be read, or holds no rounds.
    """
    about: dict[str, Mapping[str, Any]] = {}
    runs = []
    for path in paths:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            levels = {}
            for bench in found["benchmarks"]:
                levels[bench["fullname"]] = float(np.log(np.quantile(bench["stats"]["data"], QUANTILE)))
                about[bench["fullname"]] = bench["extra_info"]
            runs.append(Run(levels, found["machine_info"]))
        except KeyError as error:
            raise NotComparable(f"{path}: has no {error}; write it by --benchmark-json") from None
        except (OSError, ValueError, TypeError, IndexError) as error:
            raise NotComparable(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return Runs(tuple(runs), about)


def changes(a: Runs, b: Runs, *, threshold: float = THRESHOLD, alpha: float = ALPHA) -> list[Change]:
    """Judge every benchmark of ours that all runs of both sides have; the one that became slowest first.

    Args:
        a: the older code.
        b: the newer code.
        threshold: the least change that is called one, as a share of the time.
        alpha: chance of any alarm where nothing changed.

    Raises:
        NotComparable: there is no such benchmark.
    """
    shared = [name for name in a.about if all(name in run.levels for run in (*a.runs, *b.runs))]
    ours = [name for name in shared if a.about[name].get("role", "ours") == "ours"]
    if not ours:
        raise NotComparable("A and B have no benchmark of ours in common")
    samples = _steadier(ours, shared, a, b)
    freedom = len(a.runs) + len(b.runs) - 2
    variances = {name: _variance(pair) for name, pair in samples.items()}
    prior = max(LEAST_DEVIATION**2, _typical(list(variances.values()), freedom))
    whole = freedom + PRIOR_FREEDOM
    # How many standard errors the farthest of them may lie off by chance.
    limit = float(student.isf(alpha / 2 / len(ours), whole))
    spread = float(np.sqrt(1 / len(a.runs) + 1 / len(b.runs)))
    found = []
    for name, (before, after) in samples.items():
        error = spread * float(np.sqrt((freedom * variances[name] + PRIOR_FREEDOM * prior) / whole))
        moved = float(after.mean() - before.mean())
        found.append(_change(_name(a.about[name], name), moved, error, limit, whole, threshold))
    return sorted(found, key=lambda change: -change.share)


def _change(name: str, moved: float, error: float, limit: float, freedom: float, threshold: float) -> Change:
    wide = float(student.isf(0.025, freedom)) * error
    low, share, high = (float(np.expm1(moved + sign * wide)) for sign in (-1, 0, 1))
    alarm = max(float(np.log1p(threshold)), limit * error)
    if abs(moved) > alarm:
        verdict = "SLOWER" if moved > 0 else "faster"
    else:
        verdict = f"within noise (alarm from {np.expm1(alarm):+.0%})"
    return Change(name, share, low, high, verdict)


def _typical(variances: Sequence[float], freedom: int) -> float:
    """The median of the benchmarks' variances, without the bias that a median of few degrees of freedom has."""
    if freedom == 0:
        return ONE_RUN_DEVIATION**2
    return float(np.median(variances)) / float(chi2.median(freedom) / freedom)


def _steadier(ours: Sequence[str], shared: Sequence[str], a: Runs, b: Runs) -> dict[str, Pair]:
    """The samples of both sides: as they are, or relative to the problems' peers, whichever varies less.

    Decided once for all: choosing for each by its own variance would make every variance look too small.
    """
    plain = {name: (_samples(a, name, []), _samples(b, name, [])) for name in ours}
    relative = {}
    for name in ours:
        problem = a.about[name].get("problem")
        peers = [
            other
            for other in shared
            if a.about[other].get("problem") == problem and a.about[other].get("role") == "peer"
        ]
        if peers:
            relative[name] = _samples(a, name, peers), _samples(b, name, peers)
    varies = [np.median([_variance(of[name]) for name in relative]) for of in (plain, relative)] if relative else [0, 0]
    return plain | relative if varies[1] <= varies[0] else plain


def _samples(side: Runs, name: str, peers: Sequence[str]) -> np.ndarray:
    return np.array(
        [run.levels[name] - (np.mean([run.levels[peer] for peer in peers]) if peers else 0.0) for run in side.runs]
    )


def _variance(pair: Pair) -> float:
    """Within the sides, pooled."""
    freedom = sum(len(side) - 1 for side in pair)
    return float(sum(np.square(side - side.mean()).sum() for side in pair)) / freedom if freedom else 0.0


def without_disturbed(side: Runs) -> tuple[Runs, list[int]]:
    """The side without runs that something else on the machine disturbed, and the numbers of those, from 1.

    A disturbed run lies off the side's medians, apart from being slower throughout: `DISTURBED` times as far as others.
    """
    names = [name for name in side.about if all(name in run.levels for run in side.runs)]
    if len(side.runs) < 3 or not names:
        return side, []
    levels = np.array([[run.levels[name] for name in names] for run in side.runs])
    off = levels - np.median(levels, axis=0)
    distance = np.median(np.abs(off - np.median(off, axis=1, keepdims=True)), axis=1)
    usual = max(LEAST_DEVIATION, float(np.median(distance)))
    left_out = [number for number, far in enumerate(distance, start=1) if far > DISTURBED * usual]
    return replace(side, runs=tuple(run for n, run in enumerate(side.runs, start=1) if n not in left_out)), left_out


def _name(about: Mapping[str, Any], name: str) -> str:
    return f"{about['section']}: {about['problem']}, {about['variant']}" if "problem" in about else name
