"""MoCo's automatic values, at the edges of each rule."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.pipelines import TwoCrops
from fastssl.stages.moco.defaults import MoCoDefaults, auto_bn_splits, auto_lr, auto_momentum, auto_queue_size
from fastssl.stages.moco.settings import MoCoConfig, MoCoSettings
from fastssl.stages.stage_defaults import RunInfo

INFO = RunInfo(images=512, channels=1, size=28)


@pytest.fixture
def trained(tmp_path: Path, grey_npz: Path) -> Any:
    """Trains one step with the given settings; returns MoCo's config.yaml as text, and what was printed."""

    def train(**settings: Any) -> tuple[str, str]:
        console, out = Console(file=io.StringIO(), width=60), tmp_path / "run"
        small = {"encoder": "test_resnet", "batch_size": 16, "steps": 3, "stop_after": 1, "device": "cpu"}
        fastssl.train(**small | settings, data=str(grey_npz), out=out, console=console)
        path = out / "moco" if "recipe" in settings else out
        return (path / "config.yaml").read_text(), console.file.getvalue()  # type: ignore[attr-defined]

    return train


def view(**settings: float) -> TwoCrops:
    """What MoCo renders of images of 28 pixels."""
    whole = {"size": 28, "stem": "standard", "steps": 100, "lr": 0.1, "weight_decay": 0.0, "temperature": 0.2}
    own = {"queue_size": 64, "momentum": 0.9, "bn_splits": 1}
    return MoCoDefaults().view(MoCoSettings.model_validate({**whole, **own, **settings}), INFO)


def test_the_learning_rate_follows_the_batch_size() -> None:
    assert auto_lr(256, steps=20_000)[0] == pytest.approx(0.03)
    assert auto_lr(512, steps=20_000)[0] == pytest.approx(0.06)
    assert auto_lr(256, steps=19_999)[0] == pytest.approx(0.12)


def test_short_runs_forget_their_first_keys_sooner() -> None:
    assert auto_momentum(steps=19_999)[0] == 0.99
    assert auto_momentum(steps=20_000)[0] == 0.999


@pytest.mark.parametrize(
    ("images", "batch_size", "queue_size"),
    [
        (4708, 128, 2304),  # half is 2354
        (512, 128, 256),
        (511, 128, 128),
        (255, 128, 128),  # half is less than a batch
        (200_000, 128, 65536),
        (200_000, 96, 65472),
    ],
)
def test_the_queue_is_half_the_images_in_whole_batches(images: int, batch_size: int, queue_size: int) -> None:
    assert auto_queue_size(images, batch_size)[0] == queue_size


@pytest.mark.parametrize(
    ("batch_size", "splits"),
    [(512, 8), (128, 2), (64, 2), (63, 1), (32, 2), (30, 1), (2, 1), (97, 1), (224, 2), (192, 3)],
)
def test_batch_norm_groups_hold_about_64_and_divide_the_batch(batch_size: int, splits: int) -> None:
    assert auto_bn_splits(batch_size, batch_norm=True)[0] == splits
    assert batch_size % splits == 0
    assert auto_bn_splits(batch_size, batch_norm=False)[0] == 1


def test_splitting_a_batch_norm_that_the_encoder_lacks_is_a_problem() -> None:
    info = RunInfo(images=512, channels=1, size=28, batch_norm=False)
    assert MoCoDefaults().problems(MoCoConfig(bn_splits=4), info) == ["bn_splits=4: the encoder has no batch norm"]
    assert MoCoDefaults().problems(MoCoConfig(bn_splits=1), info) == []


def test_moco_alone_does_not_rotate_as_moco_v2_does_not() -> None:
    assert MoCoDefaults().automatic(MoCoConfig(), INFO, 100)["rotation"] == (0.0, "MoCo v2 has none")
    assert "query_matrix" not in view(rotation=0.0).draw(0, 0, np.arange(9), (28, 28))


def test_the_rotation_asked_for_is_the_views() -> None:
    drawn = view(rotation=40.0).draw(0, 0, np.arange(5000), (28, 28))
    upright = drawn["query_matrix"][drawn["query_matrix"][:, 0, 0] > 0]  # not mirrored
    degrees = np.degrees(np.arctan2(upright[:, 1, 0], upright[:, 0, 0]))
    assert np.percentile(degrees, [0, 25, 75, 100]) == pytest.approx([-40, -20, 20, 40], abs=1.5)


def test_mtcp_rotates_by_an_angle_that_is_stated_with_its_reason_and_saved(trained: Any) -> None:
    text, said = trained(recipe="mtcp")
    assert yaml.safe_load(text)["rotation"] == 15.0
    (reason,) = [line for line in text.splitlines() if line.startswith("# rotation: 15 ")]
    assert "MTCP" in reason
    assert "rotation     15" in said
    assert yaml.safe_load(trained(recipe="mtcp", resume=True)[0])["rotation"] == 15.0


def test_what_was_asked_for_goes_before_the_recipes_own_angle(trained: Any) -> None:
    assert yaml.safe_load(trained(recipe="mtcp", rotation=0)[0])["rotation"] == 0


def test_the_help_of_moco_shows_the_rotation(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--stage", "moco", "--help"])
    assert "--rotation" in capsys.readouterr().out
    main(["train", "--stage", "tower", "--help"])
    assert "--rotation" not in capsys.readouterr().out
