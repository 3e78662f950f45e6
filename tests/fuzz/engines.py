"""Looking for inputs that a parser stumbles over: guided by what code they reach (atheris), or by chance (hypothesis).

Covers: fuzzing one target for some seconds in this process. Does not cover: targets, several of them (`__main__.py`).
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from .mutations import mutate, mutated
from .target import SECONDS, Target, check, limit_memory, save_crash, take_faults
from .targets import load_target

INSTRUMENTED = ["fastssl", "PIL", "tifffile", "yaml", "cyclopts", "numpy.lib"]
"""Packages whose branches guide atheris."""


def fuzz_by_chance(name: str, seconds: float, crashes: Path) -> int:
    """Try inputs that hypothesis makes of the seeds.

    Args:
        name: of the parser.
        seconds: how long.
        crashes: folder that inputs which are faults go into.

    Returns:
        How many inputs were tried.
    """
    target = load_target(name)
    limit_memory()
    tried = _try_all([*target.seeds(), *take_faults(crashes, name)], target, crashes)
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1

        @seed(number)
        @settings(
            max_examples=100,
            deadline=None,
            database=None,
            derandomize=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(mutated(target.seeds()))
        def batch(content: bytes) -> None:
            nonlocal tried
            if time.monotonic() < end:
                tried += 1
                _try(target, content, crashes)

        batch()
    return tried


def fuzz_by_coverage(name: str, seconds: float, crashes: Path) -> None:
    """Try inputs that atheris makes of the seeds; ends the process.

    Args:
        name: of the parser, whose packages are imported here, so that atheris can follow them.
        seconds: how long.
        crashes: folder that inputs which are faults go into.
    """
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        target = load_target(name)
    corpus = crashes / target.name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds, faults = list(target.seeds()), take_faults(crashes, name)
    for place, content in enumerate([*seeds, *faults]):  # all of which are tried first
        (corpus / f"seed-{place}").write_bytes(content)
    limit_memory()

    def one(content: bytes) -> None:
        _try(target, content, crashes)

    def custom(content: bytes, most: int, number: int) -> bytes:
        """Half the time our own changes, which keep lengths and words whole, else libFuzzer's."""
        rng = random.Random(number)
        if rng.random() < 0.5:
            return mutate(content, seeds, rng)[:most]
        return bytes(atheris.Mutate(content, most))

    longest = max(4096, 2 * max(map(len, seeds)))
    arguments = [f"-max_total_time={int(seconds)}", f"-timeout={int(SECONDS) + 20}", f"-max_len={longest}"]
    arguments += ["-rss_limit_mb=0", "-print_final_stats=1", f"-artifact_prefix={crashes / target.name}/native-"]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], one, custom_mutator=custom)
    atheris.Fuzz()


def _try_all(contents: Sequence[bytes], target: Target, crashes: Path) -> int:
    for content in contents:
        _try(target, content, crashes)
    return len(contents)


def _try(target: Target, content: bytes, crashes: Path) -> None:
    try:
        check(target, content)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        path = save_crash(target, content, error, crashes)
        if path is not None:
            print(f"{target.name}: {type(error).__name__}: {' '.join(str(error).split())[:200]}: {path}", flush=True)
