"""Regressions against noise: on made-up runs whose noise is known, and on files that cannot be compared.

Covers: `bench.harness.changes` and `python -m bench.compare`. Does not cover: real timings.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import compare
from bench.harness.changes import NotComparable, changes, read_runs

PROBLEMS, ROUNDS = 12, 12


def write_run(path: Path, rng: np.random.Generator, *, slower: dict[int, float] | None = None) -> Path:
    """A run of one of ours and one peer a problem: a machine up to 30 % off, 2 % of its own, rounds with bursts."""
    benchmarks = []
    machine = rng.uniform(0.0, 0.3)
    for problem in range(PROBLEMS):
        seconds = 10.0 ** -(problem % 4)
        for variant, role in (("fastssl", "ours"), ("eager", "peer")):
            own = machine + rng.normal(0, 0.02) + (np.log1p((slower or {}).get(problem, 0.0)) if role == "ours" else 0)
            bursts = rng.exponential(0.05, ROUNDS) + (rng.random(ROUNDS) < 0.1) * rng.uniform(0.5, 3, ROUNDS)
            benchmarks.append(
                {
                    "fullname": f"bench/kernels/test_x.py::test[{problem}]::{variant}",
                    "extra_info": {"section": "kernels", "problem": f"p{problem}", "variant": variant, "role": role},
                    "stats": {"data": list(seconds * np.exp(own + bursts))},
                }
            )
    machine_info = {"device": "a processor", "packages": {"torch": "2.14"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine_info": machine_info, "benchmarks": benchmarks}), encoding="utf-8")
    return path


def two_sides(tmp_path: Path, seed: int, runs: int, slower: dict[int, float] | None = None) -> tuple[Path, Path]:
    rng = np.random.default_rng(seed)
    for number in range(runs):
        write_run(tmp_path / "a" / f"{number}.json", rng)
        write_run(tmp_path / "b" / f"{number}.json", rng, slower=slower)
    return tmp_path / "a", tmp_path / "b"


@pytest.mark.parametrize("runs", [1, 3, 5])
def test_noise_raises_no_alarm(tmp_path: Path, runs: int) -> None:
    alarms = 0
    for seed in range(40):
        sides = two_sides(tmp_path / str(seed), seed, runs)
        found = changes(*(read_runs(compare.paths(str(side))) for side in sides))
        alarms += any(change.verdict in ("SLOWER", "faster") for change in found)
    assert alarms <= 3  # 40 x 1 % are 0.4; four or more come once in a thousand times


def test_a_planted_fifth_is_found_in_four_runs_and_nothing_else(tmp_path: Path) -> None:
    found_planted = 0
    for seed in range(20):
        sides = two_sides(tmp_path / str(seed), seed, 4, slower={4: 0.2})
        found = changes(*(read_runs(compare.paths(str(side))) for side in sides))
        slower = [change.name for change in found if change.verdict == "SLOWER"]
        found_planted += slower == ["kernels: p4, fastssl"]
        assert found[0].name == "kernels: p4, fastssl"
    assert found_planted >= 19


def test_a_change_is_stated_with_an_interval_that_holds_it(tmp_path: Path) -> None:
    held = 0
    for seed in range(30):
        a, b = two_sides(tmp_path / str(seed), seed, 3, slower={0: 0.5})
        found = {c.name: c for c in changes(read_runs(compare.paths(str(a))), read_runs(compare.paths(str(b))))}
        change = found["kernels: p0, fastssl"]
        assert change.share == pytest.approx(0.5, abs=0.15)
        held += change.low < 0.5 < change.high
    assert held >= 26


def test_one_run_a_side_shows_what_is_large(tmp_path: Path) -> None:
    a, b = two_sides(tmp_path, 0, 1, slower={2: 4.0})
    found = changes(read_runs(compare.paths(str(a))), read_runs(compare.paths(str(b))))
    assert [change.name for change in found if change.verdict == "SLOWER"] == ["kernels: p2, fastssl"]


def test_the_command_fails_on_a_regression_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = two_sides(tmp_path, 0, 3, slower={4: 0.3})
    assert compare.main([str(a), str(b)]) == 1
    assert "kernels: p4, fastssl" in capsys.readouterr().out.splitlines()[0]
    assert compare.main([str(a), str(a)]) == 0
    assert "0 slower" in capsys.readouterr().out
    assert compare.main([f"{a}/0.json,{a}/1.json,{a}/2.json", str(b)]) == 1


def test_what_differs_beside_the_code_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = two_sides(tmp_path, 0, 1)
    found = json.loads((b / "0.json").read_text())
    found["machine_info"] = {"device": "another", "packages": {"torch": "2.15"}}
    (b / "0.json").write_text(json.dumps(found))
    compare.main([str(a), str(b)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["note: device differs: a processor -> another", "note: torch differs: 2.14 -> 2.15"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("{", "Expecting property name"),
        ("[]", "list indices"),
        ('{"benchmarks": []}', "has no 'machine_info'"),
        (
            '{"machine_info": {}, "benchmarks": [{"fullname": "x", "extra_info": {}, "stats": {"median": 1}}]}',
            "has no 'data'; write it by --benchmark-json",
        ),
    ],
)
def test_a_file_that_cannot_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, says: str
) -> None:
    good = write_run(tmp_path / "good.json", np.random.default_rng(0))
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content)
    assert compare.main([str(good), str(bad)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert says in line


def test_an_empty_folder_and_nothing_in_common(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_run(tmp_path / "good.json", np.random.default_rng(0))
    (tmp_path / "none").mkdir()
    assert compare.main([str(good), str(tmp_path / "none")]) == 2
    assert "holds no .json file" in capsys.readouterr().err
    other = tmp_path / "other.json"
    other.write_text('{"machine_info": {}, "benchmarks": []}')
    with pytest.raises(NotComparable, match="in common"):
        changes(read_runs([good]), read_runs([other]))
