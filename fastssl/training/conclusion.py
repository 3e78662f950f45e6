"""The end of a finished run: what its heads have learnt, and the command to type next.

Covers: scoring a stage on images that training did not see, as lines and as `report/STAGE.json`.
Does not cover: the scores (`Stage.score`), how good the encoder is (`fastssl.evaluation`).
"""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np

from fastssl.data import ShardedImages
from fastssl.files import write_json
from fastssl.models.timm_call import is_plain, timm_call
from fastssl.pipelines import Loader
from fastssl.stages.registry import stage_entry
from fastssl.stages.stage import Stage
from fastssl.training.build import TrainingRun

SCORED_IMAGES = 400
SEED = 20_261_127
"""Of crops and tile orders while scoring: always the same, and no run's own."""


def what_was_learnt(run: TrainingRun, folder: Path) -> list[str]:
    """Score the stage's heads on up to 400 validation images, or, where there are none, training images.

    Every head sees the same images, cropped alike in every run. Writes `report/STAGE.json` into the run folder.

    Args:
        run: that is trained.
        folder: of the run.

    Returns:
        Lines for the user; none for a stage that has no scores.
    """
    view = run.defaults.scoring_view(run.view)
    if view is None:
        return []
    split = "val" if "val" in run.source.splits else "train"
    images = sample_evenly(run.source.splits[split].images)
    with Loader(
        images,
        view,
        batch_size=min(run.settings.batch_size, len(images)),
        device=run.runtime.device,
        executor="torch",
        seed=SEED,
        shuffle=False,
        drop_last=False,
        prefetch=0,
        dtype=run.runtime.compute_dtype,
    ) as loader:
        scores = run.stage.score(loader, run.runtime.autocast)
    tasks = {name: score.numbers() for name, score in scores.items()}
    report = folder / "report"
    report.mkdir(exist_ok=True)
    write_json(report / f"{run.settings.stage}.json", {"split": split, "images": len(images), "tasks": tasks})
    seen = "validation images that training did not see" if split == "val" else "training images (there are no others)"
    return [
        f"what the heads have learnt, on {len(images)} {seen}:",
        *(f"  {name:<12} {score}" for name, score in scores.items()),
    ]


def sample_evenly(images: np.ndarray | ShardedImages, most: int = SCORED_IMAGES) -> np.ndarray:
    """Take images from all over a split, where those of one class may lie together.

    Args:
        images: `[N, H, W, C]`.
        most: how many to take at most.

    Returns:
        Every image, every second, or every third, and so on: more than half of `most`, or all.
    """
    return images[:: -(-len(images) // most)]


def how_timm_builds(run: TrainingRun) -> list[str]:
    """Say how timm builds the exported encoder, where its name does not suffice.

    Args:
        run: that is trained.

    Returns:
        A line for the user, or none.
    """
    return [] if is_plain(run.spec) else [f"for timm alone: {timm_call(run.spec)}"]


def next_command(run: TrainingRun, folder: Path) -> str:
    """Name the command that evaluates a run, and, where its heads restore images, the one that shows them.

    Args:
        run: that is trained.
        folder: of the run.

    Returns:
        One line for the user.
    """
    quoted = shlex.quote(str(folder))
    labelled = run.source.splits["train"].labels is not None
    data = "" if labelled else " --data LABELLED  (these images have no labels)"
    line = f"next: fastssl {stage_entry(run.settings.stage).next_command.format(run=quoted)}{data}"
    shown = f"; see what the heads make of images: fastssl preview {quoted} --checkpoint"
    return line + shown * (type(run.stage).visualize is not Stage.visualize)
