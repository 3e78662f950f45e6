"""The command line: what it lists, what it says of missing data and bad arguments; every table as it is declared."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bench.reproduce import run
from bench.reproduce.declaration import Job, Score, Setup, Table
from fastssl.cli.line import read_line

PARTS = ("random init", "good")


@pytest.fixture
def small(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table of one job per seed, of a program that writes an empty report."""

    def jobs(seed: int, setup: Setup) -> tuple[Job, ...]:
        name = f"seed-{seed}/probe"
        return (Job(name=name, arguments=("probe", name), artefact=f"{name}.json"),)

    def scores(folder: Path) -> list[Score]:
        seed = int(folder.name.removeprefix("seed-"))
        return [Score(row=row, column="ACC", value=0.5 + place + 0.1 * seed**2) for place, row in enumerate(PARTS)]

    program = tmp_path / "program.py"
    program.write_text("import pathlib, sys\npathlib.Path(sys.argv[2] + '.json').touch()\n")
    monkeypatch.setattr(run, "Runner", partial(run.Runner, program=(sys.executable, "-S", str(program))))
    made = replace(table, jobs=jobs, scores=scores)
    monkeypatch.setattr(run, "TABLES", {"small": made})
    return made


def arguments(tmp_path: Path, *more: str) -> list[str]:
    data = tmp_path / "work" / "data"
    data.mkdir(parents=True, exist_ok=True)
    places = ["--data-root", str(data), "--work", str(tmp_path / "work"), "--results", str(tmp_path / "results")]
    return ["--only", "small", *places, *more]


def test_missing_data_are_named_with_the_place_in_one_line(
    small: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(arguments(tmp_path)) == 1
    data = tmp_path / "work" / "data"
    assert capsys.readouterr().err == f"small: no images.npz in {data}; give --data-root, or set FASTSSL_DATA\n"


def test_jobs_are_listed_with_what_is_done_and_results_cover_earlier_seeds(
    small: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work" / "data").mkdir(parents=True)
    (tmp_path / "work" / "data" / "images.npz").touch()
    assert run.main(arguments(tmp_path, "--seeds", "1")) == 0
    assert json.loads((tmp_path / "results" / "small.json").read_text())["seeds"] == [1]
    capsys.readouterr()
    assert run.main(arguments(tmp_path, "--seeds", "0", "1", "--list")) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        "small: A small table",
        "  [ ] seed-0/probe: fastssl probe seed-0/probe",
        "  [x] seed-1/probe: fastssl probe seed-1/probe",
    ]
    assert run.main(arguments(tmp_path, "--seeds", "0")) == 0
    text = (tmp_path / "results" / "small.json").read_text()
    assert json.loads(text)["seeds"] == [0, 1]
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--only", "nothing"], "nothing"),
        (["--seeds", "-1"], "-1"),
        (["--seeds", "one"], "one"),
        (["--steps", "3"], "--steps"),
    ],
)
def test_bad_arguments_end_with_status_2(wrong: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run.main(wrong)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name", run.TABLES)
@pytest.mark.parametrize("setup", [Setup(), Setup(imagenet=True), Setup(quick=True)], ids=["", "imagenet", "quick"])
def test_every_job_is_a_command_that_fastssl_understands_and_names_no_absolute_path(name: str, setup: Setup) -> None:
    done: set[str] = set()
    for job in run.TABLES[name].jobs(1, setup):
        assert read_line(list(job.arguments)).mistakes == ()
        assert not any(Path(word).is_absolute() for word in (*job.arguments, job.artefact))
        assert set(job.needs) <= done
        assert "1" in job.arguments or "10" in job.arguments  # the seed
        assert job.name not in done
        done.add(job.name)


@pytest.mark.parametrize("name", run.TABLES)
def test_claims_references_and_published_rows_are_rows_and_columns_of_the_table(name: str) -> None:
    table = run.TABLES[name]
    columns = {column.name for column in table.columns}
    for claim in table.claims:
        assert {claim.better, claim.worse} <= set(table.rows)
        assert set(claim.columns) <= columns
    assert {*table.references, *table.references.values(), *table.published} <= set(table.rows)
    assert table.claims
