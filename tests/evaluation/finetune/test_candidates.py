"""Who is compared, and by which name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.errors import ConfigError
from fastssl.evaluation.finetune.candidates import line_up, opponents
from fastssl.evaluation.shared.candidates import Contender, home_of, open_runs
from fastssl.models.encoder import EncoderSpec, create_encoder, save_encoder


def run(label: str, size: int = 16) -> Contender:
    return Contender(label, create_encoder("test_resnet", 1, size), EncoderSpec("test_resnet", 1, size))


def test_runs_of_one_kind_share_one_random_contender() -> None:
    entrants = line_up([run("a"), run("b")], size=16)
    assert [(one.label, one.kind) for one in entrants] == [("a", "run"), ("b", "run"), ("random init", "random")]
    assert opponents(entrants[0], entrants) == opponents(entrants[1], entrants) == [entrants[2]]


def test_one_name_at_two_sizes_is_told_apart() -> None:
    labels = [one.label for one in line_up([run("a", 16), run("b", 32)], size=16)]
    assert labels[2:] == [f"random init test_resnet (standard stem, {size} px)" for size in (16, 32)]


def test_runs_of_one_name_are_called_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / parent / "moco" for parent in ("a", "b")]
    for path in paths:
        path.mkdir(parents=True)
        made = run("moco")
        save_encoder(path / "encoder.safetensors", made.encoder, made.spec)
    assert [one.label for one in open_runs(paths)] == [str(path) for path in paths]


def test_runs_of_different_channels_are_refused(tmp_path: Path) -> None:
    for channels in (1, 3):
        spec = EncoderSpec("test_resnet", channels, 16)
        save_encoder(tmp_path / f"{channels}.safetensors", create_encoder("test_resnet", channels, 16), spec)
    with pytest.raises(ConfigError, match=r"runs take images of different channels \(1 1, 3 3\)"):
        open_runs([tmp_path / "1.safetensors", tmp_path / "3.safetensors"])


def test_a_report_lies_in_the_run_or_beside_a_lone_file(tmp_path: Path) -> None:
    assert home_of(tmp_path) == tmp_path
    assert home_of(tmp_path / "encoder.safetensors") == tmp_path
    assert home_of(tmp_path / "mine.safetensors") == tmp_path / "mine"
