"""The whole estimate: of a stage and of a recipe, what it writes and where, what it refuses."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import fastssl
from fastssl.console import silent_console
from fastssl.errors import ConfigError
from fastssl.estimation import estimate_training
from fastssl.estimation.memory_line import line_through
from fastssl.estimation.peak_process import PeakError, peak_of
from fastssl.memory import peak_memory
from fastssl.stages.registry import train_config

TINY: dict[str, Any] = {"encoder": "test_resnet", "batch_size": 16, "amp": False, "device": "cpu", "steps": 40}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and one for temporary files."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "here"


def printed(**settings: Any) -> tuple[fastssl.Estimate, str]:
    console = Console(file=io.StringIO(), width=200)
    found = fastssl.estimate(**TINY | settings, largest_batch=False, console=console)
    return found, console.file.getvalue()  # type: ignore[attr-defined]


def test_it_prints_figures_and_writes_nothing(here: Path, grey_npz: Path) -> None:
    found, text = printed(data=str(grey_npz))
    (stage,) = found.stages
    for name in ("length       40 steps", "speed ", "limit ", "time ", "memory ", "disk "):
        assert f"\n  {name}" in text
    assert text.splitlines()[-1] == "nothing was written to runs/moco-grey"
    assert found.seconds == found.opening_seconds + stage.seconds
    assert list(here.iterdir()) == []
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_a_run_that_is_there_stays_as_it_is(here: Path, grey_npz: Path) -> None:
    fastssl.train(**TINY | {"steps": 2}, data=str(grey_npz), out="run", quiet=True)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in here.rglob("*") if path.is_file()}
    printed(data=str(grey_npz), out="run")
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in here.rglob("*") if path.is_file()}
    assert after == before


def test_a_recipe_is_the_sum_of_its_stages_each_as_the_recipe_trains_it(grey_npz: Path) -> None:
    found, text = printed(data=str(grey_npz), recipe="mtcp")
    assert [stage.stage for stage in found.stages] == ["moco", "pretext"]
    assert found.seconds == pytest.approx(found.opening_seconds + sum(stage.seconds for stage in found.stages))
    rotation = [setting.value for setting in found.stages[0].reasons if setting.name == "rotation"]
    assert rotation == ["15"]  # the recipe's own
    assert "1/2 moco on grey" in text
    assert "mtcp, all stages\n  time " in text
    assert "the evaluation at the end is not in it" in text


def test_going_on_with_a_run_is_refused(grey_npz: Path) -> None:
    with pytest.raises(ConfigError, match=r"^resume: what is estimated is a run from its beginning; leave it out$"):
        printed(data=str(grey_npz), resume=True)


def test_methods_side_by_side_are_refused(grey_npz: Path) -> None:
    with pytest.raises(ConfigError, match=r"recipe=aligned: its methods are given equal times, as --minutes says"):
        estimate_training(train_config({"recipe": "aligned", "data": str(grey_npz)}), silent_console())


def test_a_configuration_and_settings_are_not_taken_together() -> None:
    with pytest.raises(TypeError, match="not both"):
        fastssl.estimate(train_config(TINY), steps=3)


@pytest.mark.slow  # three processes
def test_the_largest_batch_of_a_tiny_set_is_the_set(grey_npz: Path) -> None:
    config = train_config({**TINY, "data": str(grey_npz), "queue_size": 48})
    (stage,) = estimate_training(config, silent_console()).stages
    assert stage.largest_batch is not None
    assert (stage.largest_batch.images, stage.largest_batch.limit) == (52, "images")


@pytest.mark.slow
def test_what_a_batch_size_is_refused_for_is_told(grey_npz: Path) -> None:
    config = train_config({**TINY, "data": str(grey_npz), "batch_size": 64})
    with pytest.raises(PeakError, match="batch_size=64: grey has only 52 training images"):
        peak_of(config, None)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (["sh", "-c", "kill -9 $$"], "its process ended with status -9"),
        (["echo", "warnings of a library"], "its process ended with status 0"),
        (["echo", json.dumps({"error": "no"})], "^no$"),
    ],
)
def test_a_process_that_dies_is_told_of(program: list[str], said: str) -> None:
    with pytest.raises(PeakError, match=said):
        peak_of(train_config(TINY), None, program=program)


@pytest.mark.slow
def test_the_line_through_three_peaks_meets_a_fourth() -> None:
    if peak_memory() is None:
        pytest.skip("this system does not say how much memory a process took")
    settings = {"encoder": "resnet18", "device": "cpu", "amp": False, "data": "demo", "steps": 3, "queue_size": 896}
    peaks = {batch: peak_of(train_config({**settings, "batch_size": batch}), None) for batch in (64, 128, 256)}
    told = peak_of(train_config({**settings, "batch_size": 896}), None)
    assert line_through(peaks).at(896) == pytest.approx(told, rel=0.1)
