"""`fastssl inspect` as a user runs it: what is printed, which files there are, what it is stopped by."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.data import open_source
from fastssl.errors import ConfigError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def leaking(tmp_path: Path, pictures: np.ndarray) -> Path:
    """A file of which two test images are train images, one with another label."""
    test = np.concatenate([pictures[60:70], pictures[:2]])
    np.savez(
        tmp_path / "leaking.npz",
        train_images=pictures[:60],
        train_labels=np.arange(60) % 2,
        train_groups=np.arange(60) // 3,
        test_images=test,
        test_labels=np.arange(12) % 2 == 0,
        test_groups=np.arange(12) + 19,
    )
    return tmp_path / "leaking.npz"


@pytest.fixture
def folder(tmp_path: Path, pictures: np.ndarray) -> Path:
    """A folder of two classes, with a damaged file."""
    for number, image in enumerate(pictures[:12]):
        path = tmp_path / "set" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    (tmp_path / "set" / "class1" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return tmp_path / "set"


def inspected(data: Path | str, **settings: Any) -> tuple[fastssl.Inspection, str]:
    out = io.StringIO()
    return fastssl.inspect(data, console=Console(file=out, width=100), **settings), out.getvalue()


def kinds(found: fastssl.Inspection) -> list[str]:
    return [warning.kind for warning in found.warnings]


def test_the_demo_set_is_sound(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["inspect", "demo"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[: len(open_source("demo").report.lines())] == open_source("demo").report.lines()
    assert "across splits: none" in said
    assert sorted(path.name for path in (tmp_path / "inspect-demo").iterdir()) == [
        "classes.png",
        "inspection.json",
        "suspects.png",
    ]


def test_leaks_come_first_and_training_s_own_warnings_before_them(leaking: Path) -> None:
    found, said = inspected(leaking, sheet=False)
    assert kinds(found)[:3] == ["training", "duplicates-across-splits", "copies-with-different-labels"]
    words = " ".join(said.split())
    assert "warning: 1 patient has images in train and in test: scores there may be too good" in words
    assert "2 of 12 test images (16.7%) are in train as well (2 equal, 0 nearly): scores on test are too good" in words
    assert "patients train 20 (3 each), test 12 (1 each)" in words
    assert max(map(len, said.splitlines())) <= 110


def test_json_is_all_that_is_printed_and_has_the_names_that_are_promised(
    leaking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(leaking), "--json", "--no-sheet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == 1
    assert list(found) == [
        *("format", "data", "task", "modality", "classes", "image", "value_range", "splits", "patients_in_two_splits"),
        *("files", "unreadable", "pixels", "polarity", "duplicates", "report", "warnings"),
    ]
    assert found["splits"]["train"]["classes"] == {
        "0": {"images": 30, "patients": 20},
        "1": {"images": 30, "patients": 20},
    }
    assert found["patients_in_two_splits"] == [{"splits": ["train", "test"], "patients": 1}]
    assert found["duplicates"]["across_splits"] == [{"split": "test", "of": "train", "equal": 2, "near": 0}]
    pair = {"split": "test", "image": "test 10", "of": "train", "copy_of": "train 0", "correlation": 1.0}
    assert found["duplicates"]["pairs"][0] == pair
    assert set(found["pixels"]) == {
        *("looked_at", "brightness", "contrast", "black", "white"),
        *("empty", "clipped", "black_and_white", "outliers", "grey"),
    }
    assert all(set(warning) == {"kind", "text", "remedy"} for warning in found["warnings"])


def test_files_that_cannot_be_read_are_named_and_do_not_stop_it(folder: Path) -> None:
    found, said = inspected(folder)
    assert "unreadable" in kinds(found)
    assert list(found.source.report.unreadable) == ["class1/damaged.png"]
    assert "class1/damaged.png" in said
    assert found.files is not None
    assert found.files.files == 12
    assert "enlarged" in kinds(found)
    kept = json.loads(Path("inspect-set", "inspection.json").read_text())
    assert kept["unreadable"].keys() == {"class1/damaged.png"}
    assert kept == json.loads(json.dumps(found.as_json()))


def test_nothing_is_written_where_no_sheets_are_drawn_and_no_folder_is_given(leaking: Path, tmp_path: Path) -> None:
    inspected(leaking, sheet=False)
    assert {path.name for path in tmp_path.iterdir()} == {leaking.name, "cache"}  # with the salt of pseudonyms
    inspected(leaking, sheet=False, out=tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["inspection.json"]


def test_sheets_of_an_inspection_before_are_replaced_and_other_files_stay(leaking: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    inspected(leaking, out=out)
    assert (out / "duplicates.png").exists()
    (out / "mine.png").touch()
    np.savez(tmp_path / "sound.npz", train_images=np.load(leaking)["train_images"][5:15])
    inspected(tmp_path / "sound.npz", out=out)
    assert sorted(path.name for path in out.iterdir()) == ["classes.png", "inspection.json", "mine.png"]


def test_a_near_distance_of_0_finds_equal_hashes_alone(tmp_path: Path, pictures: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 8, pictures[:30].shape)
    test = np.clip(pictures[:30] + noise, 0, 255).astype(np.uint8)
    np.savez(tmp_path / "noisy.npz", train_images=pictures[:60], test_images=test)
    strict, loose = (
        len(inspected(tmp_path / "noisy.npz", sheet=False, near_distance=distance)[0].duplicates.across)
        for distance in (0, 8)
    )
    assert strict < loose == 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "no data at 'nowhere'"),
        (["demo", "--out", "file"], "file is a file; give a folder"),
        (["demo", "--near-distance", "17"], "near-distance"),
        (["demo", "--data", "demo-colour"], "give one"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["inspect", *words]) == 2
    shown = capsys.readouterr()
    assert said in shown.err.replace("_", "-")
    assert len(shown.err.splitlines()) == 1
    assert not (tmp_path / "inspect-demo").exists()


def test_settings_come_in_one_piece_or_as_names(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="give an InspectConfig or settings"):
        fastssl.inspect("demo", fastssl.InspectConfig(), sheet=False)
    with pytest.raises(ConfigError, match="unknown setting 'sheets', did you mean 'sheet'"):
        fastssl.inspect("demo", sheets=False)


def test_no_torch_is_loaded_for_it(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys, fastssl; fastssl.inspect('demo', sheet=False)\n"
        "print([name for name in ('torch', 'timm') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
