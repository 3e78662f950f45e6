"""The end of a finished run: what its heads have learnt, and the command to type next.

Covers: scoring a pretext stage on images that training did not see, as lines and as `report/pretext.json`.
Does not cover: the scores (`stages/pretext_scores.py`), what the encoder is worth (`fastssl.evaluation`).
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from pathlib import Path

from fastssl.data import Source
from fastssl.files import write_json
from fastssl.pipelines import Loader, PretextTasks
from fastssl.runtime import Runtime
from fastssl.stages.pretext.objective import Pretext
from fastssl.stages.pretext.scores import RestorationScore, score_tasks

SCORED_IMAGES = 400
SEED = 20_261_127
"""Of crops and tile orders while scoring: always the same, and no run's own."""
SCORES = "pretext.json"

# What each stage's source does next with an encoder.
_NEXT = {
    "moco": "probe {run}",
    "pretext": "probe {run}",
    "tower": "finetune {run}",
    "vae": "finetune {run} --frozen",
}


def what_was_learnt(
    stage: Pretext, view: PretextTasks, source: Source, runtime: Runtime, folder: Path, batch_size: int
) -> list[str]:
    """Score the heads on up to 400 validation images, or, where there are none, training images.

    Every task sees the same images, cropped alike in every run. Writes `report/pretext.json` into the run folder.

    Returns:
        Lines for the user.
    """
    split = "val" if "val" in source.splits else "train"
    images = source.splits[split].images
    images = images[:: -(-len(images) // SCORED_IMAGES)]  # from all over: images of a class may lie together
    with Loader(
        images,
        replace(view, one_a_batch=False),
        batch_size=min(batch_size, len(images)),
        device=runtime.device,
        executor="torch",
        seed=SEED,
        shuffle=False,
        drop_last=False,
        prefetch=0,
        dtype=runtime.compute_dtype,
    ) as loader:
        scores = score_tasks(stage, loader, runtime.autocast)
    tasks = {
        name: asdict(score) | ({"r2": score.r2} if isinstance(score, RestorationScore) else {})
        for name, score in scores.items()
    }
    report = folder / "report"
    report.mkdir(exist_ok=True)
    write_json(report / SCORES, {"split": split, "images": len(images), "tasks": tasks})
    seen = "validation images that training did not see" if split == "val" else "training images (there are no others)"
    return [
        f"what the heads have learnt, on {len(images)} {seen}:",
        *(f"  {name:<12} {score}" for name, score in scores.items()),
    ]


def next_command(stage: str, folder: Path, *, labelled: bool) -> str:
    """A line with the command that evaluates the run, and where its heads make pictures, the one that shows them."""
    run = shlex.quote(str(folder))
    data = "" if labelled else " --data LABELLED  (these images have no labels)"
    line = f"next: fastssl {_NEXT[stage].format(run=run)}{data}"
    return line + (f"; see what the heads make of images: fastssl preview {run} --checkpoint" * (stage != "moco"))
