"""Runs as they are found: the stages of a recipe, names, facts, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fastssl.errors import CheckpointError, ConfigError
from fastssl.reports.reading.run_record import find_records

RECIPE = "# command: fastssl train --recipe mtcp\ndata: {data}\nrecipe: mtcp\n"


def test_a_run_is_read_with_its_facts(evaluated_run: Path) -> None:
    (record,) = find_records([evaluated_run])
    assert (record.label, record.stage) == ("run", "moco")
    assert record.command == "fastssl train --data cells.npz --steps 40 --out run"
    assert record.facts["lr"] == "0.06 (0.12 x batch / 256)"
    assert record.settings["batch_size"] == 16
    assert list(record.metrics) == ["loss", "top1", "lr", "monitor/knn_acc", "monitor/rankme"]
    assert list(record.speed) == ["images_per_second", "data_wait"]
    assert record.encoder_path == evaluated_run


def test_a_recipe_brings_its_stages_in_the_order_in_which_they_were_begun(make_run: Callable[..., Path]) -> None:
    recipe = make_run("whole", settings=RECIPE)
    later, earlier = make_run("whole/a-stage"), make_run("whole/b-stage")
    os.utime(earlier / "config.yaml", (1, 1))
    os.utime(later / "config.yaml", (2, 2))
    records = find_records([recipe])
    assert [record.label for record in records] == ["whole", "b-stage", "a-stage"]
    assert records[0].encoder_path is None  # that of its last stage
    assert [record.label for record in find_records([recipe, later])] == ["whole", "b-stage", "a-stage"]


def test_a_recipe_inside_of_a_recipe_brings_its_stages_as_well(make_run: Callable[..., Path]) -> None:
    folders = [make_run("all", settings=RECIPE), make_run("all/inner", settings=RECIPE), make_run("all/inner/stage")]
    for second, folder in enumerate(folders):
        os.utime(folder / "config.yaml", (second, second))
    assert [record.label for record in find_records(folders[:1])] == ["all", "inner", "inner/stage"]


def test_runs_of_one_name_are_told_apart_by_path(make_run: Callable[..., Path]) -> None:
    paths = [make_run("a/run"), make_run("b/run"), make_run("c")]
    assert [record.label for record in find_records(paths)] == [str(paths[0]), str(paths[1]), "c"]


def test_an_encoder_file_and_the_folder_of_a_report_are_enough(run: Path, tmp_path: Path) -> None:
    (run / "encoder.safetensors").rename(tmp_path / "mine.safetensors")
    (tmp_path / "apart" / "report").mkdir(parents=True)
    records = find_records([tmp_path / "mine.safetensors", tmp_path / "apart"])
    assert [(record.label, record.encoder_path is None) for record in records] == [("mine", False), ("apart", True)]


def test_what_holds_nothing_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("text.safetensors", "README.md"):
        (tmp_path / name).write_text("no encoder")
    for path in ("empty", "nowhere", "text.safetensors", "README.md"):
        with pytest.raises(CheckpointError, match=path):
            find_records([run, tmp_path / path])
    for paths, words in (([], "at least one"), ([run, run / "." / ""], "given twice")):
        with pytest.raises(ConfigError, match=words):
            find_records(paths)
