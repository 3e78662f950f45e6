"""Which sets a benchmark finds, and what it says of those that it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastssl.config import BenchmarkConfig, build
from fastssl.errors import ConfigError, DataError, FastSSLError
from fastssl.evaluation.medmnist_plus.data_sets import FoundSets, find_sets, open_set


def found(folder: Path, **settings: Any) -> FoundSets:
    return find_sets(build(BenchmarkConfig, settings), folder)


def names(sets: FoundSets) -> list[str]:
    return [one.path.name for one in sets.sets]


def test_all_that_is_on_the_disk_is_taken_and_the_rest_is_said(medmnist: Path) -> None:
    sets = found(medmnist)
    assert names(sets) == ["pneumoniamnist.npz", "breastmnist.npz", "breastmnist_64.npz", "bloodmnist.npz"]
    assert sets.left_out.startswith(f"left out, as {medmnist} has no file of it: pathmnist, chestmnist, dermamnist")
    assert "breastmnist" not in sets.left_out


def test_sizes_and_flags_choose_and_sizes_that_a_flag_lacks_are_said(medmnist: Path) -> None:
    assert names(found(medmnist, sizes=64)) == ["breastmnist_64.npz"]
    assert names(found(medmnist, flags="bloodmnist,breastmnist", sizes=(64, 28))) == [
        "breastmnist.npz",
        "breastmnist_64.npz",
        "bloodmnist.npz",
    ]
    sets = found(medmnist, flags="bloodmnist,breastmnist", sizes=(64, 28))
    assert sets.left_out == f"left out, as {medmnist} has no file of it: bloodmnist, 64 px"
    assert found(medmnist, flags="breastmnist").left_out == ""


def test_a_file_is_taken_by_its_name_from_here_or_from_the_folder(
    medmnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "else, where").mkdir()
    moved = (medmnist / "breastmnist_64.npz").rename(tmp_path / "else, where" / "breastmnist_64.npz")
    sets = found(medmnist, flags=[str(moved), "bloodmnist.npz"])
    assert [(one.flag, one.size) for one in sets.sets] == [("breastmnist", 64), ("bloodmnist", 28)]
    monkeypatch.chdir(moved.parent)
    assert found(medmnist, flags="breastmnist_64.npz").sets[0].path == Path("breastmnist_64.npz")


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"flags": "brestmnist"}, ConfigError, "flags='brestmnist': not a MedMNIST flag; did you mean 'breastmnist'?"),
        ({"flags": "chest-x"}, ConfigError, "not a MedMNIST flag"),
        ({"flags": "cells.npz"}, ConfigError, "not a 2D MedMNIST file by its name, such as pathmnist_64.npz"),
        ({"flags": "octmnist.npz"}, DataError, "flags='octmnist.npz': no such file, neither here nor in"),
        ({"flags": ""}, ConfigError, "flags='': give MedMNIST flags, .npz files of theirs, or auto"),
        ({"flags": "octmnist", "sizes": 64}, DataError, "octmnist: none of octmnist_64.npz in"),
        ({"sizes": 224}, DataError, "no MedMNIST file at 224 px in"),
    ],
)
def test_what_cannot_be_found_is_said_in_one_line(
    settings: dict[str, Any], kind: type[FastSSLError], said: str, medmnist: Path
) -> None:
    with pytest.raises(kind) as refused:
        found(medmnist, **settings)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_what_is_named_at_a_named_size_is_fetched(medmnist: Path) -> None:
    assert not any(one.fetch for one in found(medmnist, download=True).sets)
    assert not any(one.fetch for one in found(medmnist, download=True, flags="breastmnist").sets)
    sets = found(medmnist, download=True, flags="breastmnist", sizes=(64, 128)).sets
    assert [(one.size, one.fetch) for one in sets] == [(64, False), (128, True)]


def test_images_of_another_size_than_the_file_s_name_are_refused(medmnist: Path) -> None:
    (medmnist / "breastmnist.npz").rename(medmnist / "breastmnist_128.npz")
    (one,) = found(medmnist, flags="breastmnist_128.npz").sets
    with pytest.raises(DataError, match="its images have 28x28 pixels, and by its name 128x128"):
        open_set(one, print)


def test_grey_levels_are_left_as_they_are(medmnist: Path) -> None:
    (one,) = found(medmnist, flags="breastmnist", sizes=28).sets
    source = open_set(one, print)
    assert (source.task, source.image_shape, source.value_range) == ("binary-class", (28, 28, 1), None)
