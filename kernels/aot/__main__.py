"""`python -m fastssl.kernels.aot`: compile without a GPU and hold the result against the budget.

Covers: the command line. Does not cover: what is compiled (variants.py) and judged (budget.py).
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from fastssl.kernels.aot import budget
from fastssl.kernels.aot.compile import Compiled, compile_variant
from fastssl.kernels.aot.variants import every_variant, gate_variants
from fastssl.kernels.dispatch import interpreting


def main() -> int:
    """Exit status 0 if every variant is within its budget."""
    parser = argparse.ArgumentParser(prog="python -m fastssl.kernels.aot", description=__doc__.splitlines()[0])
    parser.add_argument("--gate", action="store_true", help="only the InfoNCE pass over the queue")
    parser.add_argument(
        "--update", action="store_true", help="write the installed Triton's budget from what is compiled now"
    )
    parser.add_argument("--jobs", type=int, default=2, help="compilations at a time")
    arguments = parser.parse_args()
    if interpreting():
        parser.error("unset TRITON_INTERPRET: interpreted kernels cannot be compiled")
    variants = list(gate_variants() if arguments.gate else every_variant())
    with ProcessPoolExecutor(arguments.jobs) as pool:
        compiled = list(pool.map(_compile_at, [arguments.gate] * len(variants), range(len(variants))))
    if arguments.update:
        entries = {budget.key(v): budget.entry(c) for v, c in zip(variants, compiled, strict=True)}
        budget.save(entries)
    allowed = budget.load()
    failures = 0
    for variant, result in zip(variants, compiled, strict=True):
        found = budget.problems(variant, result, allowed)
        failures += bool(found)
        print(
            f"{budget.key(variant):<56} {result.registers:>4} registers {result.shared:>7} B shared "
            f"{result.tensor_cores:>15} {result.widest_loads:>3} wide loads  {'; '.join(found) or 'ok'}"
        )
    return 1 if failures else 0


def _compile_at(gate: bool, index: int) -> Compiled:
    # A compiled function does not travel between processes; its place in the list does.
    return compile_variant(list(gate_variants() if gate else every_variant())[index])


if __name__ == "__main__":
    sys.exit(main())
