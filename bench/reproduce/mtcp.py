"""MTCP: MoCo, then colorization, inpainting and jigsaw, then a few labelled images per class.

Covers: dermoscopy and chest X-rays. Does not cover: shorter recipes, variants of the pretext stage.

The source (MeDA Challenge 2025) claims steadier few-shot results on endoscopy; it has no numbers on these sets.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.reproduce.declaration import Claim, Column, Job, Score, Setup, Table, evaluation_job, train_job
from bench.reproduce.reports import fewshot_scores

ROTATION = ("--rotation", "15")  # as --recipe mtcp has it
SHOTS = (1, 5, 10, 20, 50)
RANDOM, MOCO, PRETEXT, BOTH = "random init", "MoCo", "pretext alone", "MoCo, then pretext"
IMAGENET = "ImageNet EfficientNet-Lite0"
LABELS = {
    "random init": RANDOM,
    "moco-alone": MOCO,
    "pretext-alone": PRETEXT,
    "moco-then-pretext": BOTH,
    "ImageNet tf_efficientnet_lite0": IMAGENET,
}
ACCURACIES = tuple(f"ACC, K = {shots}" for shots in SHOTS)
CLAIMS = (
    Claim(
        text="MoCo, then pretext is steadier than MoCo alone: a smaller deviation over draws, mean over K",
        better=BOTH,
        worse=MOCO,
        columns=ACCURACIES,
        of="deviation",
        lower=True,
        together=True,
    ),
    Claim(
        text="MoCo, then pretext is better than MoCo alone at each K",
        better=BOTH,
        worse=MOCO,
        columns=ACCURACIES,
    ),
)


def jobs(
    data: tuple[str, ...], moco: tuple[str, ...], pretext: tuple[str, ...], seed: int, setup: Setup
) -> tuple[Job, ...]:
    """Return three trainings and their comparison.

    Args:
        data: options that name the images.
        moco: length of MoCo.
        pretext: length of the pretext stage.
        seed: of pre-training.
        setup: what is installed, and whether it is to be quick.
    """
    # A pretext stage looks for a run called moco next to its own; under these names it finds what --init says alone.
    start = ("--init", f"seed-{seed}/moco-alone")
    runs = ("moco-alone", "moco-then-pretext", "pretext-alone")
    shots = ("--shots", *map(str, SHOTS[:2] if setup.quick else SHOTS), "--seeds", "2" if setup.quick else "10")
    imagenet = ("--imagenet", "tf_efficientnet_lite0" if setup.imagenet else "none")
    return (
        train_job(seed, runs[0], "--stage", "moco", *data, *ROTATION, setup=setup, length=moco),
        train_job(
            seed, runs[1], "--stage", "pretext", *data, *start, setup=setup, length=pretext, needs=("moco-alone",)
        ),
        train_job(seed, runs[2], "--stage", "pretext", *data, setup=setup, length=pretext),
        evaluation_job(seed, "fewshot", "fewshot", *shots, *imagenet, runs=runs, report="fewshot"),
    )


def scores(folder: Path) -> list[Score]:
    """Return the scores of a seed, from its folder."""
    return fewshot_scores(folder / "fewshot" / "report" / "fewshot.json", LABELS)


def _table(
    name: str, title: str, data: str, options: tuple[str, ...], moco: tuple[str, ...], pretext: tuple[str, ...]
) -> Table:
    return Table(
        name=name,
        title=title,
        data=(data,),
        jobs=partial(jobs, ("--data", data, *options), moco, pretext),
        scores=scores,
        rows=(RANDOM, MOCO, PRETEXT, BOTH, IMAGENET),
        columns=tuple(
            Column(name=f"{metric}, K = {shots}", digits=1, scale=100, group=metric)
            for metric in ("ACC", "AUC")
            for shots in SHOTS
        ),
        references=dict.fromkeys((MOCO, PRETEXT, BOTH, IMAGENET), RANDOM),
        claims=CLAIMS,
        notes=("in %; K labelled images per class; a seed's value is the mean over its draws",),
        uses_imagenet=True,
    )


TABLES = (
    _table(
        "mtcp-isic557",
        "MTCP on isic557: dermoscopy, 64 px, colour, K-shot",
        "isic557",
        ("--size", "64"),
        ("--epochs", "100"),
        ("--epochs", "100"),
    ),
    _table(
        "mtcp-pneumonia",
        "MTCP on PneumoniaMNIST: 28 px, grey, without colorization, K-shot",
        "pneumoniamnist.npz",
        ("--stem", "standard"),  # without it a GPU would take the small one
        ("--epochs", "30"),
        ("--epochs", "15"),
    ),
)
