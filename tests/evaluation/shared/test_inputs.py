"""What an evaluation is made on: the data asked for, else the run's, and nothing that an encoder cannot take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fastssl.config import ProbeConfig
from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.shared.baselines import random_baseline
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.models.encoder import EncoderSpec

QUIET = Console(quiet=True)
ENCODERS = [random_baseline(EncoderSpec(name="test_resnet", in_channels=1, size=16))]


def test_the_data_asked_for_are_opened_else_the_runs_own(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "asked.npz", train_images=np.zeros((9, 16, 16), np.uint8), train_labels=np.arange(9) % 3)
    assert open_data(ProbeConfig(), run_folder, ENCODERS, 16, QUIET).name == "cells"
    assert open_data(ProbeConfig(data=str(tmp_path / "asked.npz")), run_folder, ENCODERS, 16, QUIET).name == "asked"


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
