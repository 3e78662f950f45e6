"""CHASE_DB1: vessels in fundus photographs, from TOWER.

Covers: ResNet-18 U-Nets that start from random weights, from TOWER and from its generative term alone, encoder and
decoder alike, at ten times the steps of the first measurement. Does not cover: the encoder or the decoder alone from a
run, the paper's ResNet-50.

The last 8 photographs, of 4 children, are tested on; patches to pre-train on are cut from the other 20 (`patches.py`).
"""

from __future__ import annotations

from pathlib import Path

from bench.reproduce.declaration import Claim, Column, Job, Score, Setup, Table, train_job
from bench.reproduce.patches import write_patches
from bench.reproduce.reports import segment_scores

RANDOM, TOWER, GENERATIVE, FOREGROUND = "random", "TOWER", "generative only", "all foreground"
LABELS = {"random": RANDOM, "tower": TOWER, "generative": GENERATIVE, "all foreground": FOREGROUND}
PATCHES = "chase-patches.npz"
PRE_TRAINING = ("--steps", "1320")
STEPS = ("1500", "4500")
IMAGES = ["--images", "chasedb1", "--masks", "chasedb1", "--mask-suffix", "_1stHO", "--size", "320"]
RECIPE = ["--patch", "64", "--batch-size", "16", "--objective", "bce+dice", "--augment", "flips"]


def jobs(seed: int, setup: Setup) -> tuple[Job, ...]:
    """Return two trainings and a segmentation of each length."""
    shared = ["--data", "chase-patches.npz", "--encoder", "resnet18", "--mask", "ray", "--batch-size", "64"]
    stage = ("--stage", "tower")
    return (
        train_job(seed, "tower", *stage, *shared, setup=setup, length=PRE_TRAINING),
        train_job(seed, "generative", *stage, "--terms", "generative", *shared, setup=setup, length=PRE_TRAINING),
        *(_segmentation(seed, steps, setup) for steps in STEPS),
    )


def _segmentation(seed: int, steps: str, setup: Setup) -> Job:
    runs = [f"seed-{seed}/{name}" for name in ("tower", "generative")]
    out = f"seed-{seed}/segment-{steps}"
    length = ("--steps", "2" if setup.quick else steps)
    return Job(
        name=out,
        arguments=("segment", *runs, "random", *IMAGES, *RECIPE, *length, "--seed", str(seed), "--out", out),
        artefact=f"{out}/report/segment.json",
        needs=tuple(runs),
    )


def column_name(steps: str) -> str:
    """Return the heading of a length."""
    return f"Dice, {steps} steps"


def scores(folder: Path) -> list[Score]:
    """Return the scores of a seed, from its folder."""
    found = []
    for steps in STEPS:
        path = folder / f"segment-{steps}" / "report" / "segment.json"
        found += segment_scores(path, LABELS, "dice", column_name(steps))
    return found


def prepare(data_root: Path, folder: Path) -> None:
    """Cut the patches to pre-train on.

    Args:
        data_root: holds the folder chasedb1.
        folder: of the table.
    """
    write_patches(data_root / "chasedb1", folder / PATCHES)


COLUMNS = tuple(map(column_name, STEPS))
TABLE = Table(
    name="chase",
    title="CHASE_DB1: vessels, ResNet-18 U-Net, 320 px, patches of 64 px, pre-trained for 1320 steps",
    data=("chasedb1",),
    jobs=jobs,
    scores=scores,
    rows=(RANDOM, TOWER, GENERATIVE, FOREGROUND),
    columns=tuple(Column(name=name) for name in COLUMNS),
    references={TOWER: RANDOM, GENERATIVE: RANDOM},
    claims=(
        Claim(text="TOWER has a better Dice than random weights", better=TOWER, worse=RANDOM, columns=COLUMNS),
        Claim(text="TOWER has a better Dice than its generative half", better=TOWER, worse=GENERATIVE, columns=COLUMNS),
    ),
    published=(FOREGROUND,),
    notes=(
        "a seed's value is the mean over the 8 test images; its individual values are theirs; training may stop before "
        "its last step, chosen by validation Dice",
    ),
    prepare=prepare,
)
TABLES = (TABLE,)
