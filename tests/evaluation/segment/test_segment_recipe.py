"""How networks are trained: TOWER's values, each with its reason, printed and saved; augmentations by modality."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import fastssl
from fastssl.config import SegmentConfig, build
from fastssl.evaluation.segment.data import SegmentationData
from fastssl.evaluation.segment.files import Sample
from fastssl.evaluation.segment.patches import PatchLoader
from fastssl.evaluation.segment.recipe import Recipe, choose_recipe

MakeSample = Callable[..., Sample]
FOLDERS = ("images", "masks")


def chosen(samples: list[Sample], **settings: Any) -> Recipe:
    data = SegmentationData("squares", dict.fromkeys(("train", "val", "test"), samples), samples[0].image.shape[2])
    return choose_recipe(build(SegmentConfig, settings), data)


def test_the_defaults_are_the_papers(sample: MakeSample) -> None:
    recipe = chosen([sample(70, 70)])
    assert (recipe.objective, recipe.batch_size, recipe.lr) == ("bce", 32, 1e-3)
    assert (recipe.epochs, recipe.steps, recipe.patience) == (200, None, 30)
    reasons = recipe.settings()["reasons"]
    assert {"objective", "batch_size", "lr", "length", "patience", "augment"} == set(reasons)
    assert all("TOWER's" in reason for reason in reasons.values())


def test_what_was_asked_for_is_told_from_the_papers(sample: MakeSample) -> None:
    recipe = chosen([sample(70, 70)], objective="bce+dice", lr=0.1, steps=5, augment="flips", patience=30)
    assert (recipe.objective, recipe.lr, recipe.steps, recipe.augment) == ("bce+dice", 0.1, 5, "flips")
    reasons = recipe.settings()["reasons"]
    assert [name for name, reason in reasons.items() if reason.startswith("as asked")] == [
        "objective",
        "lr",
        "length",
        "augment",
    ]


@pytest.mark.parametrize(
    ("channels", "settings", "augment"),
    [
        (3, {"data": FOLDERS}, "fundus"),
        (1, {"data": FOLDERS}, "upright"),
        (1, {"data": FOLDERS, "channel": "green"}, "fundus"),
        (1, {"data": FOLDERS, "augment": "xray"}, "xray"),
        (3, {"data": FOLDERS, "augment": "ct"}, "ct"),
        (1, {"data": "demo"}, "fundus"),
    ],
)
def test_the_augmentation_goes_by_the_modality_as_far_as_it_can_be_told(
    sample: MakeSample, channels: int, settings: dict[str, Any], augment: str
) -> None:
    assert chosen([sample(70, 70, channels)], **settings).augment == augment


def test_grey_pictures_stored_in_three_channels_are_not_taken_for_colour(sample: MakeSample) -> None:
    one = sample(70, 70)
    grey = Sample("a", np.repeat(one.image, 3, axis=2), one.mask, None, one.mask, None)
    assert chosen([grey], data=FOLDERS).augment == "upright"
    assert chosen([grey, sample(70, 70, 3)], data=FOLDERS).augment == "fundus"


def test_the_values_are_printed_saved_and_used(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Any] = []
    original = PatchLoader.__init__

    def watched(self: PatchLoader, *arguments: Any, **settings: Any) -> None:
        used.append(settings["augmentation"])
        original(self, *arguments, **settings)

    monkeypatch.setattr(PatchLoader, "__init__", watched)
    console = Console(file=io.StringIO(), width=60)
    settings = {"encoder": "test_resnet", "device": "cpu", "amp": False, "steps": 1, "batch_size": 4}
    fastssl.segment("random", console=console, data=tuple(map(str, folders)), out=tmp_path, **settings)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "objective    bce         TOWER's pixel-wise cross-entropy" in said
    assert "horizontal flips, turns of 15 degrees" in said
    saved = json.loads((tmp_path / "report" / "segment.json").read_text())["settings"]
    assert (saved["objective"], saved["augment"], saved["batch_size"]) == ("bce", "upright", 4)
    assert saved["reasons"]["batch_size"] == "as asked"
    assert [(one.flips, one.rotation) for one in used] == [("horizontal", 15)]
