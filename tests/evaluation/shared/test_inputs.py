"""What an evaluation is made on: the data asked for, else the run's, and nothing that an encoder cannot take."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fastssl.config import ProbeConfig
from fastssl.data import Source
from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.shared.baselines import random_baseline
from fastssl.evaluation.shared.candidates import NamedEncoder
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.models.encoder import EncoderSpec

QUIET = Console(quiet=True)
ENCODERS = [random_baseline(EncoderSpec(name="test_resnet", in_channels=1, size=16))]


def test_the_data_asked_for_are_opened_else_the_runs_own(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "asked.npz", train_images=np.zeros((9, 16, 16), np.uint8), train_labels=np.arange(9) % 3)
    assert open_data(ProbeConfig(), run_folder, ENCODERS, 16, QUIET).name == "cells"
    assert open_data(ProbeConfig(data=str(tmp_path / "asked.npz")), run_folder, ENCODERS, 16, QUIET).name == "asked"


def encoder(label: str, value_range: str | None) -> NamedEncoder:
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=16, value_range=value_range)
    return replace(random_baseline(spec), label=label)


def said_of(*arguments: object) -> tuple[Source, str]:
    console = Console(file=io.StringIO(), width=60)
    source = open_data(*arguments, 16, console)
    return source, console.file.getvalue()


def test_what_was_read_is_said_unless_quiet_is_asked_for(run_folder: Path, data_file: Path) -> None:
    source, said = said_of(ProbeConfig(), run_folder, ENCODERS)
    assert said.splitlines() == list(source.report.lines())
    assert f"data        cells, {data_file}" in said.splitlines()
    assert said_of(ProbeConfig(quiet=True), run_folder, ENCODERS)[1] == ""


def test_images_are_seen_by_the_first_encoders_range_and_others_are_named(run_folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "deep.npz", train_images=(np.arange(9 * 256) * 100 % 30_000).reshape(9, 16, 16).astype("u2"))
    config = ProbeConfig(data=str(tmp_path / "deep.npz"))
    encoders = [encoder("a", "0,4095"), encoder("b", None)]
    source, said = said_of(config, run_folder, encoders)
    assert source.value_range == "0,4095"
    line = "note        warning: the encoders were trained on different value ranges (a on 0,4095, b on full); all see"
    assert line in said
    assert "of the values are outside of this range and clipped; see --value-range auto" in said
    assert source.report.notes[-1].startswith("warning: the encoders were trained on different")
    _, said = said_of(config, run_folder, [encoder("a", "0,4095"), encoder("b", "0,4095")])
    assert "different value ranges" not in said
    asked = ProbeConfig(data=str(tmp_path / "deep.npz"), value_range="0,30000")
    source, said = said_of(asked, run_folder, encoders)
    assert source.value_range == "0,30000"
    assert "different value ranges" not in said


def test_a_folder_that_names_no_data_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no config\.yaml that names its data; give --data"):
        open_data(ProbeConfig(), tmp_path, ENCODERS, 16, QUIET)


def test_an_encoder_of_other_channels_or_of_a_fixed_size_is_refused(run_folder: Path) -> None:
    source = open_data(ProbeConfig(), run_folder, ENCODERS, 16, QUIET)
    check_fit(random_baseline(EncoderSpec(name="test_resnet", in_channels=1, size=32)), source, 16)
    with pytest.raises(DataError, match=r"cells: images have 1 channel\(s\), encoder 'random init' takes 3"):
        check_fit(random_baseline(EncoderSpec(name="test_resnet", in_channels=3, size=16)), source, 16)
    with pytest.raises(ConfigError, match="cannot take 1x20x20 images"):
        check_fit(random_baseline(EncoderSpec(name="test_vit", in_channels=1, size=32)), source, 20)
