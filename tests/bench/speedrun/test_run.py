"""The speed-run's referee: what is timed, when a target counts as reached, what is recorded, what cannot run.

Covers: `bench.speedrun.run` with entrants that are small scripts, and the commands of the real ones. Does not cover:
real runs.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import fastssl
from bench.speedrun import run
from bench.speedrun.entrants import DRAWS, ENTRANTS, Entrant
from bench.speedrun.targets import TARGETS, Target
from fastssl import cli

SCORES = [0.95, 0.96, 0.94, 0.955, 0.945]


def script(code: str) -> Entrant:
    """An entrant whose one command is Python code; its argument is the seed."""

    def commands(data: Path, seed: int, folder: Path) -> list[list[str]]:
        return [[sys.executable, "-c", code, str(seed)]]

    return Entrant("a script", commands, lightly=True)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("pneumoniamnist.npz", "breastmnist.npz"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    say = "import json, sys; scores = {}; print('warming up'); print(json.dumps({{'score': scores[int(sys.argv[1])]}}))"
    monkeypatch.setitem(ENTRANTS, "good", script(say.format(SCORES)))
    monkeypatch.setitem(ENTRANTS, "poor", script(say.format([0.90, 0.99, 0.91, 0.98, 0.92])))
    monkeypatch.setitem(ENTRANTS, "broken", script("import sys; sys.exit('it broke')"))


@pytest.mark.usefixtures("scripts")
def test_entrants_take_turns_and_the_mean_decides(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["good", "poor", "--data-root", str(data)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines[:10]] == ["good", "poor"] * 5
    verdicts = {line.split()[0]: line for line in lines[10:]}
    assert "   reached" in verdicts["good"]
    assert "0.9500 +- 0.0079" in verdicts["good"]
    assert "not reached" in verdicts["poor"]  # its mean is above, but not beyond chance


def test_p_is_that_of_a_one_sided_t_test() -> None:
    target = TARGETS["pneumonia-0.944"]
    found = run.judged(run.Attempt("fast", [1.0] * 5, SCORES), target)
    mean, error = sum(SCORES) / 5, stats.tstd(SCORES) / 5**0.5
    assert found["p"] == pytest.approx(stats.t.sf((mean - 0.944) / error, 4))
    assert not found["reached"]
    assert run.judged(run.Attempt("fast", [1.0] * 5, SCORES), TARGETS["pneumonia-0.93"])["reached"]


def test_fewer_than_five_seeds_reach_nothing() -> None:
    assert not run.judged(run.Attempt("fast", [1.0] * 4, [0.99, 0.98, 0.99, 0.98]), TARGETS["pneumonia-0.93"])[
        "reached"
    ]
    assert run.judged(run.Attempt("fast", [1.0], [0.99]), TARGETS["pneumonia-0.93"])["p"] == 1.0


def test_all_of_an_entrants_commands_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(0.3); print('{\"score\": 0.5}')"]
    entrant = Entrant("", lambda data, seed, folder: sleep, lightly=True)
    monkeypatch.setattr(Entrant, "commands", lambda *arguments: [sleep, sleep])
    seconds, score = run.one_run(entrant, TARGETS["pneumonia-0.93"], tmp_path / "data.npz", 0)
    assert 0.6 <= seconds < 10
    assert score == 0.5


@pytest.mark.usefixtures("scripts")
def test_attempts_are_added_to_the_board(data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results = run.ROOT / "bench" / "results" / "speedrun"
    monkeypatch.setattr(run, "record", lambda target, found, folder: (made.append((target, found)), results / "x")[1])
    made: list = []
    assert run.main(["good", "--data-root", str(data), "--record"]) == 0
    monkeypatch.undo()
    ((target, found),) = made
    path = run.record(target, found, tmp_path / "board")
    run.record(target, found, tmp_path / "board")
    board = json.loads(path.read_text())
    assert board["target"] == "pneumoniamnist, linear-probe AUC of 0.93"
    assert [one["entrant"] for one in board["records"]] == ["good", "good"]
    assert board["records"][0]["scores"] == SCORES
    assert {"commit", "date", "processor"} <= board["records"][0]["environment"].keys()


@pytest.mark.usefixtures("scripts")
def test_an_entrant_that_breaks_ends_the_run_in_a_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["broken", "--data-root", str(data)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: broken: ")
    assert line.endswith("exit status 1: it broke")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "no entrant nobody"),
        (["fast", "--data-root", "nowhere"], "is not there; give --data-root"),
        (["fast", "--target", "moon"], "invalid choice: 'moon'"),
    ],
)
def test_what_cannot_run_is_said(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.main(arguments)
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_scores_are_those_of_the_reports(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 24), ("val", 8), ("test", 8)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(count)[:, None] % 2
    np.savez(tmp_path / "images.npz", **arrays)
    short = {"data": str(tmp_path / "images.npz"), "batch_size": 8, "steps": 2, "device": "cpu"}
    fastssl.train(recipe="fast", out=tmp_path / "fast", **short)
    probed = fastssl.probe(tmp_path / "fast" / "simclr")
    (row,) = (row for row in probed.rows if (row.features, row.classifier) == ("trained", "linear"))
    assert ENTRANTS["fast"].score(TARGETS["pneumonia-0.93"], tmp_path / "fast", "") == row.auc
    target = Target("few", "images.npz", "fewshot", 0.5, shots=2)
    shots = fastssl.fewshot(tmp_path / "fast" / "simclr", shots=(2,), seeds=3)
    (few,) = (row for row in shots.rows if row.encoder == "simclr")
    assert ENTRANTS["fast"].score(target, tmp_path / "fast", "") == pytest.approx(few.acc.mean)


def test_a_baseline_prints_its_score(tmp_path: Path) -> None:
    assert ENTRANTS["lightly"].score(TARGETS["pneumonia-0.93"], tmp_path, 'warming up\n{"score": 0.75}\n') == 0.75


@pytest.mark.parametrize("target", TARGETS.values(), ids=str)
@pytest.mark.parametrize("name", [name for name in ENTRANTS if not ENTRANTS[name].lightly])
def test_commands_are_the_command_lines(name: str, target, tmp_path: Path) -> None:
    called: list[tuple[str, dict]] = []
    commands = {
        each: lambda *values, each=each, **names: called.append((each, names))
        for each in ("train", "probe", "fewshot", "finetune", "segment", "preview")
    }
    for words in ENTRANTS[name].commands(target, tmp_path / "data.npz", 3, tmp_path / "run"):
        assert words[:3] == [sys.executable, "-m", "fastssl"]
        assert cli.main(words[3:], commands=commands) == 0
    last = called[-1][0]
    assert last == ("fewshot" if target.metric == "fewshot" else "train" if ENTRANTS[name].probes else "probe")
    assert DRAWS == 10


def test_a_leg_starts_from_the_one_before_it_and_the_last_is_probed(tmp_path: Path) -> None:
    commands = ENTRANTS["simclr-growing"].commands(
        TARGETS["pneumonia-0.93"], tmp_path / "data.npz", 0, tmp_path / "run"
    )
    small, large, probe = [words[3:] for words in commands]
    assert ("--size", "16") in itertools.pairwise(small)
    assert "--init" not in small
    assert large[large.index("--init") + 1] == small[small.index("--out") + 1]
    assert large[large.index("--out") + 1] == str(tmp_path / "run")
    assert probe[:2] == ["probe", str(tmp_path / "run")]
