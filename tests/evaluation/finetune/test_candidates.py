"""Which encoders are compared, and under which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.config import FinetuneConfig
from fastssl.errors import ConfigError
from fastssl.evaluation.finetune.candidates import choose_candidates
from fastssl.evaluation.shared.baselines import SCRATCH, baselines_of
from fastssl.evaluation.shared.candidates import Candidate, NamedEncoder, open_runs, run_folder_of
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder


def run(label: str, size: int = 16) -> NamedEncoder:
    return NamedEncoder(
        label=label,
        encoder=create_encoder("test_resnet", 1, size),
        spec=EncoderSpec(name="test_resnet", in_channels=1, size=size),
    )


def chosen(*runs: NamedEncoder) -> tuple[Candidate, ...]:
    return choose_candidates(runs, [Path(one.label) for one in runs], 16, FinetuneConfig())


def test_runs_of_one_kind_share_one_random_candidate() -> None:
    candidates = chosen(run("a"), run("b"))
    assert [(one.label, one.kind) for one in candidates] == [("a", "run"), ("b", "run"), (SCRATCH, "random")]
    assert baselines_of(candidates[0], candidates) == baselines_of(candidates[1], candidates) == [candidates[2]]


def test_one_name_at_two_sizes_is_told_apart() -> None:
    labels = [one.label for one in chosen(run("a", 16), run("b", 32))]
    assert labels[2:] == [f"{SCRATCH} test_resnet (standard stem, {size} px)" for size in (16, 32)]


def test_runs_of_one_name_are_called_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / parent / "moco" for parent in ("a", "b")]
    for path in paths:
        path.mkdir(parents=True)
        made = run("moco")
        save_encoder(path / "encoder.safetensors", made.encoder, made.spec)
    assert [one.label for one in open_runs(paths)] == [str(path) for path in paths]


def test_runs_of_different_channels_are_refused(tmp_path: Path) -> None:
    for channels in (1, 3):
        spec = EncoderSpec(name="test_resnet", in_channels=channels, size=16)
        save_encoder(tmp_path / f"{channels}.safetensors", create_encoder("test_resnet", channels, 16), spec)
    with pytest.raises(ConfigError, match=r"runs take images of different channels \(1 1, 3 3\)"):
        open_runs([tmp_path / "1.safetensors", tmp_path / "3.safetensors"])


def test_a_report_is_in_the_run_or_next_to_a_lone_file(tmp_path: Path) -> None:
    assert run_folder_of(tmp_path) == tmp_path
    assert run_folder_of(tmp_path / "encoder.safetensors") == tmp_path
    assert run_folder_of(tmp_path / "mine.safetensors") == tmp_path / "mine"
