"""The data of a run, opened again: where they are now, and by which range of values."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

import fastssl
from fastssl.config import ProbeConfig
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.models.encoder_file import read_spec
from fastssl.training.run_data import given_about_data, open_run_data, place_of_data

GREY = np.random.default_rng(0).integers(0, 256, (20, 16, 16), dtype=np.uint8)
SHORT = {"encoder": "test_resnet", "batch_size": 4, "queue_size": 8, "steps": 4, "device": "cpu", "amp": False}


def saved(path: Path, images: np.ndarray = GREY, **labels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, train_images=images, **labels)
    return path


def run_of(folder: Path, *, path: object = "", **settings: object) -> Path:
    """A run folder as far as its data are concerned: `path` is where they were when they were read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({"stage": "moco", **settings}))
    (folder / "data.json").write_text(json.dumps({"path": path}))
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another working directory than the one that the run began in."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def test_data_are_found_where_they_were_from_another_folder(tmp_path: Path, elsewhere: Path) -> None:
    there = saved(tmp_path / "d" / "x.npz")
    run = run_of(tmp_path / "run", path=str(there), data="d/x.npz")
    for asked in ("d/x.npz", "./d/x.npz"):
        assert place_of_data(run, asked, None) == (str(there), None)


def test_what_is_asked_for_and_is_here_comes_before_where_they_were(tmp_path: Path, elsewhere: Path) -> None:
    there, here = saved(tmp_path / "d" / "x.npz"), saved(elsewhere / "d" / "x.npz")
    run = run_of(tmp_path / "run", path=str(there), data="d/x.npz")
    assert place_of_data(run, "d/x.npz", None) == (str(there), None)
    assert place_of_data(run, "d/x.npz", None, given=True) == ("d/x.npz", None)
    here.unlink()
    assert place_of_data(run, "d/x.npz", None, given=True) == (str(there), None)


def test_data_that_moved_are_found_from_here_or_next_to_the_run(tmp_path: Path, elsewhere: Path) -> None:
    gone = "/no/project/d/x.npz"
    run = run_of(tmp_path / "new" / "run", path=gone, data="d/x.npz", out="/no/project/run")
    with pytest.raises(DataError) as caught:
        place_of_data(run, "d/x.npz", None)
    assert str(caught.value) == (
        f"the data of {run} are no longer at {gone} or d/x.npz; say where they are with --data"
    )
    here = saved(elsewhere / "d" / "x.npz")
    assert place_of_data(run, "d/x.npz", None) == ("d/x.npz", None)
    here.unlink()
    beside = saved(tmp_path / "new" / "d" / "x.npz")
    assert place_of_data(run, "d/x.npz", None) == (str(beside), None)


def test_other_data_and_names_are_taken_as_they_are_given(tmp_path: Path, elsewhere: Path) -> None:
    there = saved(tmp_path / "m" / "breastmnist.npz")
    run = run_of(tmp_path / "run", path=str(there), data="breastmnist", data_root="m")
    assert place_of_data(run, "other.npz", None) == ("other.npz", None)
    assert place_of_data(run, "demo", None) == ("demo", None)
    assert place_of_data(run, "breastmnist", "m") == ("breastmnist", there.parent)
    assert place_of_data(run, "breastmnist", None) == ("breastmnist", None)


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"path": 3}', '{"path": "x.npz"}', "[" * 5000, "\udcff"])
def test_a_record_that_is_damaged_or_missing_says_nothing(tmp_path: Path, elsewhere: Path, kept: str) -> None:
    run = run_of(tmp_path / "run", data="x.npz")
    (run / "data.json").write_bytes(kept.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"no longer at x\.npz; say where they are with --data"):
        place_of_data(run, "x.npz", None)
    (run / "data.json").unlink()
    saved(elsewhere / "x.npz")
    assert place_of_data(run, "x.npz", None) == ("x.npz", None)


def test_only_what_was_asked_for_is_given() -> None:
    assert given_about_data(ProbeConfig()) == {}
    assert given_about_data(ProbeConfig(value_range="auto", data=None, max_megapixels=5, seed=3)) == {
        "value_range": None,
        "max_megapixels": 5,
    }


def test_a_folder_that_names_no_data_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no config\.yaml that names its data; give --data"):
        open_run_data(tmp_path, {}, known_range=None, size=16)


TWELVE = (GREY.astype(np.uint16) << 4) | (GREY >> 4)
"""8-bit images as 12 bits: 0 stays 0, 255 becomes 4095."""


@pytest.mark.parametrize(
    ("images", "known", "value_range"),
    [
        (GREY, None, None),
        (GREY >> 2, None, None),
        (TWELVE, None, "0,4095"),
        (TWELVE, "full", "0,4095"),
        (TWELVE >> 3, "0,4095", "0,4095"),
        (GREY, "0,4095", None),
        (GREY.astype(np.uint16), None, "0,255"),
        (TWELVE.astype(np.float32), None, "0,4095"),
    ],
    ids=["8 bit", "6 bit in 8", "12 bit", "12 bit by 0.1", "9 bit of 12", "8 bit to 12", "8 in 16", "float"],
)
def test_other_data_are_opened_by_the_encoders_range(
    tmp_path: Path, images: np.ndarray, known: str | None, value_range: str | None
) -> None:
    other = saved(tmp_path / "other.npz", images)
    source = open_run_data(tmp_path, {"data": str(other)}, known_range=known, size=16)
    assert source.value_range == value_range
    if value_range is None:
        np.testing.assert_array_equal(source.splits["train"].images[..., 0], images)


@pytest.mark.parametrize(
    ("given", "value_range"),
    [({}, "0,65535"), ({"value_range": None}, "0,4095"), ({"value_range": "0,8191"}, "0,8191")],
)
def test_a_run_of_0_1_saw_the_full_range_and_a_range_that_is_asked_for_wins(
    tmp_path: Path, given: dict[str, str | None], value_range: str
) -> None:
    own = saved(tmp_path / "own.npz", TWELVE)
    run = run_of(tmp_path / "run", path=str(own), data=str(own))
    assert open_run_data(run, given, known_range="full", size=16).value_range == value_range


def test_evaluations_skip_what_training_skipped(tmp_path: Path, save_damaged: Callable[[Path], Path]) -> None:
    folder = save_damaged(tmp_path / "images")
    run = run_of(tmp_path / "run", path=str(folder), data=str(folder), skip_corrupt=True)
    assert len(open_run_data(run, {}, known_range=None, size=16).splits["train"]) == 3
    run = run_of(tmp_path / "strict", path=str(folder), data=str(folder))
    with pytest.raises(DataError, match="1 of 4 images cannot be read"):
        open_run_data(run, {}, known_range=None, size=16)


@pytest.fixture
def save_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    from PIL import Image

    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "cache"))

    def write(folder: Path) -> Path:
        folder.mkdir()
        for index in range(4):
            Image.fromarray(GREY[index]).save(folder / f"{index}.png")
        (folder / "2.png").write_bytes(b"no image")
        return folder

    return write


def train(**settings: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    fastssl.train(**SHORT, console=console, **settings)
    return console.file.getvalue()


def test_a_run_keeps_its_range_and_goes_on_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "d" / "x.npz", TWELVE)
    said = train(data="d/x.npz", out="run", stop_after=2)
    assert "values      0 to 4095, found in the images" in said
    kept = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (kept["value_range"], kept["data"]) == ("0,4095", "d/x.npz")
    assert read_spec(tmp_path / "run").value_range == "0,4095"
    assert json.loads((tmp_path / "run" / "data.json").read_text())["path"] == str(tmp_path / "d" / "x.npz")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "resumed at step 2" in train(data="d/x.npz", out=str(tmp_path / "run"), resume=True, stop_after=1)
    saved(tmp_path / "d" / "x.npz", TWELVE[::-1])
    with pytest.raises(CheckpointError, match="not the same"):
        train(out=str(tmp_path / "run"), resume=True)


def test_the_block_is_said_once_and_quiet_hides_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npz")
    said = train(data=str(path), out=tmp_path / "run", stop_after=1)
    assert said.count("shape       16x16, 1 channel, 8 bit") == 1
    assert "value_range" not in said
    assert "shape       " not in train(data=str(path), out=tmp_path / "quiet", stop_after=1, quiet=True)
