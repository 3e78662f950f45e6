"""Every parser of fastssl, as targets of the fuzzers.

Covers: one module per kind of input, each with its TARGETS. Does not cover: fuzzing them.
"""

from __future__ import annotations

from tests.fuzz.target import Target

from . import arrays, folders, images, lines, models, results, runs, settings, tables

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (arrays, images, folders, tables, models, runs, results, settings, lines)
    for target in module.TARGETS
}
"""By name."""
