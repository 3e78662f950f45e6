"""Tell a regression from noise: `python -m bench.compare A B`.

Covers: A and B, each a file of `pytest bench --benchmark-json`, a folder of them, or several by comma; a line for every
benchmark of ours with its change and a verdict. Exit status 0: nothing became slower; 1: something did; 2: they cannot
be compared. Does not cover: the statistics (`bench/harness/changes.py`), absolute times (`pytest-benchmark compare`).

    for i in 1 2 3 4; do pytest bench/kernels --benchmark-json before/$i.json; done   # then the change, then after/
    python -m bench.compare before after

Four runs a side find a change of a fifth where runs differ by 3 %, as on a quiet virtual machine; one run a side shows
what takes three times as long.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.harness.changes import THRESHOLD, Change, NotComparable, Run, changes, read_runs, without_disturbed
from bench.program import leave


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of changes; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description="Tell a regression from noise.")
    parser.add_argument("a", metavar="A", help="a file of --benchmark-json, a folder of them, or several by comma")
    parser.add_argument("b", metavar="B", help="the same, of the newer code")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="least change that counts (0.05)")
    given = parser.parse_args(arguments)
    try:
        (a, disturbed_a), (b, disturbed_b) = (without_disturbed(read_runs(paths(text))) for text in (given.a, given.b))
        found = changes(a, b, threshold=given.threshold)
    except NotComparable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    left_out = [
        f"note: run {number} of {side} is left out: it lies far off the others, as beside other work"
        for side, numbers in (("A", disturbed_a), ("B", disturbed_b))
        for number in numbers
    ]
    for line in [*left_out, *differences(a.runs, b.runs), *table(found)]:
        print(line)
    slower = sum(change.verdict == "SLOWER" for change in found)
    runs = f"{len(a.runs)} and {len(b.runs)} runs"
    print(f"{len(found)} benchmarks of ours, {runs}: {slower} slower by more than {given.threshold:.0%} and than noise")
    return 1 if slower else 0


def paths(text: str) -> list[Path]:
    """The files that an argument names.

    Raises:
        NotComparable: it is a folder that holds none.
    """
    found: list[Path] = []
    for part in text.split(","):
        path = Path(part)
        found += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not found:
        raise NotComparable(f"{text}: holds no .json file")
    return found


def differences(a: Sequence[Run], b: Sequence[Run]) -> list[str]:
    """What differs between the sides beside the code, a line each."""
    lines = []
    for key in ("device", "threads", "held to", "python"):
        one, other = ({str(run.machine.get(key)) for run in side} for side in (a, b))
        if one != other:
            lines.append(f"note: {key} differs: {', '.join(sorted(one))} -> {', '.join(sorted(other))}")
    one, other = ({**side[0].machine.get("packages", {})} for side in (a, b))
    return lines + [
        f"note: {name} differs: {one.get(name)} -> {other.get(name)}"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def table(found: Sequence[Change]) -> list[str]:
    """A line for each change, the one that became slowest first."""
    width = max(len(change.name) for change in found)
    return [
        f"{change.name:<{width}} {change.share:+8.1%}  ({change.low:+.1%} .. {change.high:+.1%})  {change.verdict}"
        for change in found
    ]


if __name__ == "__main__":
    leave(main)
