"""What a finished run says: which images its heads are scored on, what is stored, the command that comes next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fastssl.data import Source
from fastssl.data.source import Split
from fastssl.runtime import resolve_runtime
from fastssl.stages.pretext.tasks import TASKS
from fastssl.stages.registry import train_config
from fastssl.training.build import TrainingRun, build_run
from fastssl.training.conclusion import SCORED_IMAGES, how_timm_builds, next_command, sample_evenly, what_was_learnt

CPU = resolve_runtime("cpu", amp=False)


def split(count: int, level: int) -> Split:
    """Images near a grey level, by which they are known."""
    return Split(images=np.random.default_rng(0).integers(level, level + 9, (count, 16, 16, 3), dtype=np.uint8))


def built(stage: str, **splits: Split) -> TrainingRun:
    config = train_config({"stage": stage, "encoder": "test_resnet", "batch_size": 8, "steps": 1})
    return build_run(config, Source(name="some", splits=splits), CPU)


def learnt(folder: Path, **splits: Split) -> tuple[list[str], dict[str, Any]]:
    lines = what_was_learnt(built("pretext", **splits), folder)
    return lines, json.loads((folder / "report" / "pretext.json").read_text())


def test_heads_are_scored_on_validation_images_where_there_are_any(tmp_path: Path) -> None:
    lines, report = learnt(tmp_path, train=split(20, 30), val=split(12, 200))
    assert lines[0].endswith("on 12 validation images that training did not see:")
    assert [line.split()[0] for line in lines[1:]] == list(TASKS)
    assert (report["split"], report["images"]) == ("val", 12)
    assert report["tasks"]["jigsaw"]["chance"] == 1 / 24
    # An untrained head predicts 0 where the pictures are near (204 / 127.5 - 1): 0.6 squared.
    assert report["tasks"]["colorize"]["shown_error"] < 0.01 < 0.1 < report["tasks"]["colorize"]["error"]
    _, report = learnt(tmp_path, train=split(20, 30))
    assert (report["split"], report["images"]) == ("train", 20)


@pytest.mark.parametrize("count", [SCORED_IMAGES, SCORED_IMAGES + 1, 5 * SCORED_IMAGES - 1])
def test_a_few_hundred_images_from_all_over_the_split_are_enough(tmp_path: Path, count: int) -> None:
    levels = np.arange(count) * 256 // count  # sorted, as images of a class lie together
    images = np.broadcast_to(levels.astype(np.uint8)[:, None, None, None], (count, 16, 16, 3))
    scored = sample_evenly(images)
    assert SCORED_IMAGES / 2 <= len(scored) <= SCORED_IMAGES
    assert (scored.min(), scored.max()) == (0, pytest.approx(255, abs=2))
    _, report = learnt(tmp_path, train=Split(images=images))
    assert report["images"] == len(scored)


def test_equal_runs_have_equal_scores_and_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    random = torch.get_rng_state()
    first = learnt(tmp_path, train=split(20, 30))
    torch.manual_seed(7)
    again = learnt(tmp_path, train=split(20, 30))
    assert first == again
    torch.set_rng_state(random)
    learnt(tmp_path, train=split(20, 30))
    assert torch.equal(torch.get_rng_state(), random)


def test_flat_images_are_scored_without_a_nan_in_the_report(tmp_path: Path) -> None:
    lines, report = learnt(tmp_path, train=Split(images=np.full((9, 16, 16, 3), 128, np.uint8)))
    assert report["tasks"]["inpaint"]["r2"] is None
    assert any("every true pixel has the same colour" in line for line in lines)


@pytest.mark.parametrize(
    ("stage", "labelled", "expected"),
    [
        ("moco", True, "next: fastssl probe 'my runs/a'"),
        ("moco", False, "next: fastssl probe 'my runs/a' --data LABELLED  (these images have no labels)"),
        ("vae", True, "next: fastssl finetune 'my runs/a' --frozen; see what the heads make of images: "),
        ("tower", True, "next: fastssl finetune 'my runs/a'; see what"),
        ("pretext", True, "next: fastssl probe 'my runs/a'; see what"),
    ],
)
def test_the_next_command_can_be_pasted(stage: str, labelled: bool, expected: str) -> None:
    images = split(8, 30).images
    labels = np.arange(8) % 2 if labelled else None
    line = next_command(built(stage, train=Split(images=images, labels=labels)), Path("my runs/a"))
    assert line.startswith(expected)
    assert line.endswith("fastssl preview 'my runs/a' --checkpoint") == (stage != "moco")


def test_a_stage_without_scores_has_no_lines_and_no_report(tmp_path: Path) -> None:
    assert what_was_learnt(built("moco", train=split(8, 30)), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_timm_cannot_build_by_name_says_how() -> None:
    config = {"stage": "simclr", "batch_size": 8, "steps": 1}
    source = Source(name="some", splits={"train": split(20, 30)})
    (line,) = how_timm_builds(build_run(train_config({**config, "encoder": "test_vit"}), source, CPU))
    assert line.startswith("for timm alone: encoder = timm.create_model('test_vit', in_chans=3, num_classes=0, ")
    assert how_timm_builds(build_run(train_config({**config, "encoder": "test_resnet"}), source, CPU)) == []
