"""One call for every kind of source: names before paths, and a hint for what was perhaps meant."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.errors import DataError

IMAGES = np.zeros((4, 28, 28), np.uint8)


def test_importing_the_data_package_loads_neither_torch_nor_pillow_nor_medmnist():
    code = "import sys, fastssl.data; print([m for m in ('torch', 'PIL', 'medmnist', 'rich') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_a_relative_path_is_looked_for_under_the_root_too(tmp_path):
    np.savez(tmp_path / "mine.npz", train_images=IMAGES)
    assert open_source("mine.npz", root=tmp_path).name == "mine"


def test_a_name_wins_over_a_folder_of_the_same_name(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "demo" / "a.png")
    assert "synthetic" in open_source("demo").name
    assert len(open_source("./demo", size=32).splits["train"]) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("pneumonamnist", "did you mean 'pneumoniamnist'"),
        ("demo-color", "did you mean 'demo-colour'"),
        ("organmnist3", "did you mean 'organmnist3d'"),
        ("quite-other", "give a path, demo, demo-colour or a MedMNIST flag"),
    ],
)
def test_a_misspelt_name_is_refused_with_a_hint(data, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=words):
        open_source(data)


def test_a_misspelt_path_is_refused_with_its_neighbour(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=f"did you mean '{tmp_path}/images'"):
        open_source(tmp_path / "imagse")


def test_a_path_in_a_missing_folder_names_that_folder(tmp_path):
    with pytest.raises(DataError, match=f"the folder {tmp_path}/no does not exist"):
        open_source(tmp_path / "no" / "data.npz")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(DataError, match=r"is a \.csv file; give a \.npz file or the folder"):
        open_source(tmp_path / "table.csv")


def test_a_size_below_one_pixel_is_refused(tmp_path):
    with pytest.raises(DataError, match="size=0"):
        open_source(tmp_path, size=0)
