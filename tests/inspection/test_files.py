"""What the headers of a folder's files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.data import open_source
from fastssl.data.reading.options import ReadingOptions
from fastssl.data.report import DataReport
from fastssl.inspection.files import files_of, summarise_files

from .conftest import MakeSource


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "cache"))


def save(path: Path, width: int, height: int, mode: str = "L") -> None:
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def test_sizes_types_and_endings_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    save(folder / "a.png", 300, 300)
    save(folder / "b.png", 100, 80)
    save(folder / "c.jpg", 500, 250, "RGB")
    Image.fromarray(np.arange(300 * 240, dtype=np.uint16).reshape(240, 300)).save(folder / "d.tif")
    found = summarise_files(open_source(folder), ReadingOptions())
    assert found is not None
    assert found.files == 4
    assert (found.width, found.height) == ((100, 300, 500), (80, 245, 300))
    assert found.elongation == (1.0, 1.25, 2.0)
    assert (found.smaller, found.cut) == (1, 1)
    assert found.types == {"uint8": 3, "uint16": 1}
    assert found.channels == {"1": 3, "3": 1}
    assert found.endings == {".png": 2, ".jpg": 1, ".tif": 1}
    assert (found.bilevel, found.several, found.modalities) == (0, 0, {})


def test_the_frames_of_a_file_are_one_file(make_source: MakeSource, tmp_path: Path) -> None:
    names = ["scan.png#0", "scan.png#1", "a#7", "b.png"]
    for name in ("scan.png", "a#7", "b.png"):
        (tmp_path / name).touch()
    images = np.zeros((4, 9, 9, 1), np.uint8)
    source = make_source({"train": images}, ids={"train": names}, report=DataReport(path=str(tmp_path)))
    assert files_of(source) == ["scan.png", "a#7", "b.png"]


def test_what_is_no_folder_of_files_has_none(make_source: MakeSource, tmp_path: Path) -> None:
    images = np.zeros((2, 9, 9, 1), np.uint8)
    elsewhere = make_source({"train": images}, ids={"train": ["a", "b"]}, report=DataReport(path=str(tmp_path)))
    for source in (make_source({"train": images}), elsewhere, open_source("demo")):
        assert summarise_files(source, ReadingOptions()) is None


def test_a_file_that_has_gone_since_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in "abc":
        save(folder / f"{name}.png", 40, 40)
    source = open_source(folder)
    names = files_of(source)
    (folder / names[-1]).unlink()
    found = summarise_files(source, ReadingOptions())
    assert found is not None
    assert found.files == 2
