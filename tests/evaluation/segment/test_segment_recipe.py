"""How networks are trained: TOWER's values, each with its reason, printed and saved; augmentations by modality."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import fastssl
from fastssl.config import SegmentConfig, build
from fastssl.evaluation.segment.data import Sample, SegmentationData
from fastssl.evaluation.segment.recipe import SegmentRecipe, choose_recipe
from fastssl.evaluation.segment.trial_record import SegmentTrial

MakeSample = Callable[..., Sample]


def chosen(samples: list[Sample], *, fundus_like: bool = False, **settings: Any) -> SegmentRecipe:
    data = SegmentationData(
        name="squares",
        splits=dict.fromkeys(("train", "val", "test"), samples),
        channels=samples[0].image.shape[2],
        fundus_like=fundus_like,
    )
    return choose_recipe(build(SegmentConfig, settings), data)


def test_the_defaults_are_the_papers(sample: MakeSample) -> None:
    recipe = chosen([sample(70, 70)])
    assert (recipe.objective, recipe.batch_size, recipe.lr) == ("bce", 32, 1e-3)
    assert (recipe.epochs, recipe.steps, recipe.patience) == (200, None, 30)
    reasons = recipe.reasons()
    assert {"objective", "batch_size", "lr", "length", "patience", "augment"} == set(reasons)
    assert all("TOWER's" in reason for reason in reasons.values())


def test_what_was_asked_for_is_told_from_the_papers(sample: MakeSample) -> None:
    recipe = chosen([sample(70, 70)], objective="bce+dice", lr=0.1, steps=5, augment="flips", patience=30)
    assert (recipe.objective, recipe.lr, recipe.steps, recipe.augment) == ("bce+dice", 0.1, 5, "flips")
    reasons = recipe.reasons()
    assert [name for name, reason in reasons.items() if reason.startswith("as asked")] == [
        "objective",
        "lr",
        "length",
        "augment",
    ]


def test_a_frozen_encoder_is_said_and_other_recipes_keep_the_settings_that_their_trials_are_kept_by(
    sample: MakeSample,
) -> None:
    frozen, trained = chosen([sample(70, 70)], freeze_encoder=True), chosen([sample(70, 70)])
    assert frozen.settings() == {**trained.settings(), "freeze_encoder": True}
    assert "freeze_encoder" not in trained.settings()
    assert "the decoder alone is trained" in frozen.reasons()["encoder"]


@pytest.mark.parametrize(
    ("channels", "settings", "augment"),
    [
        (3, {}, "fundus"),
        (1, {}, "upright"),
        (1, {"channel": "green"}, "fundus"),
        (1, {"augment": "xray"}, "xray"),
        (3, {"augment": "ct"}, "ct"),
        (1, {"fundus_like": True}, "fundus"),
    ],
)
def test_the_augmentation_goes_by_the_modality_as_far_as_it_can_be_told(
    sample: MakeSample, channels: int, settings: dict[str, Any], augment: str
) -> None:
    assert chosen([sample(70, 70, channels)], **settings).augment == augment


def test_grey_pictures_stored_in_three_channels_are_not_taken_for_colour(sample: MakeSample) -> None:
    one = sample(70, 70)
    grey = replace(one, image=np.repeat(one.image, 3, axis=2))
    assert chosen([grey]).augment == "upright"
    assert chosen([grey, sample(70, 70, 3)]).augment == "fundus"


@pytest.mark.parametrize(("settings", "steps"), [({"epochs": 3}, 21), ({"steps": 5}, 5), ({}, 200 * 7)])
def test_the_schedule_has_the_steps_or_the_epochs_asked_for(
    sample: MakeSample, settings: dict[str, int], steps: int
) -> None:
    assert chosen([sample(70, 70)], **settings).total_steps(7) == steps


def test_the_values_are_printed_saved_and_used(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """An augmentation that is chosen trains as the same one by name, and otherwise than none."""

    def trained(**settings: Any) -> SegmentTrial:
        tiny = {"encoder": "test_resnet", "device": "cpu", "amp": False, "steps": 1, "batch_size": 4}
        out = tmp_path / settings.get("augment", "auto")
        data = {"images": folders[0], "masks": folders[1]}
        result = fastssl.segment("random", console=console, out=out, **data, **tiny, **settings)
        return result.rows[1].trials[0]

    console = Console(file=io.StringIO(), width=60)
    chosen = trained()
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "objective    bce         TOWER's pixel-wise cross-entropy" in said
    assert "horizontal flips, turns of 15 degrees" in said
    saved = json.loads((tmp_path / "auto" / "report" / "segment.json").read_text())["settings"]
    assert (saved["objective"], saved["augment"], saved["batch_size"]) == ("bce", "upright", 4)
    assert saved["reasons"]["batch_size"] == "as asked"
    assert trained(augment="upright").test == chosen.test
    assert trained(augment="none").test != chosen.test
