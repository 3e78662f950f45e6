"""TOWER: which part of it does what, fine-tuned end to end.

Covers: BreastMNIST with ResNet-18 and, as the paper has it, ResNet-50; PneumoniaMNIST with shares of its labels. Does
not cover: segmentation (`chase.py`), ImageNet encoders, the paper's ten trials.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.reproduce.declaration import Claim, Column, Job, Score, Setup, Table, evaluation_job, train_job
from bench.reproduce.reports import PUBLISHED, finetune_scores

RANDOM, MOCO, BEZIER, MASKS, CONTRASTIVE, TOWER = (
    "random init",
    "MoCo",
    "generative, Bezier",
    "generative, masks",
    "contrastive, Bezier and masks",
    "TOWER: both terms, both transforms",
)
RUNS = {
    "moco": ("--stage", "moco"),
    "generative-bezier": ("--stage", "tower", "--terms", "generative", "--transforms", "bezier"),
    "generative-masks": ("--stage", "tower", "--terms", "generative", "--transforms", "mask"),
    "contrastive": ("--stage", "tower", "--terms", "contrastive"),
    "tower": ("--stage", "tower"),
}
"""Name of the run -> its options."""
LABELS = {
    "random init (supervised from scratch)": RANDOM,
    **dict(zip(RUNS, (MOCO, BEZIER, MASKS, CONTRASTIVE, TOWER), strict=True)),
    PUBLISHED: "published ResNet-18 (MedMNIST v2)",
}
HELD_AGAINST = {
    RANDOM: "random init",
    BEZIER: "its generative half, Bezier curves",
    MASKS: "its generative half, masks",
    CONTRASTIVE: "its contrastive half",
}


def jobs(
    data: str,
    encoder: str,
    epochs: str,
    length: tuple[str, ...],
    fractions: tuple[float, ...],
    seed: int,
    setup: Setup,
) -> tuple[Job, ...]:
    """Return five trainings and their comparison.

    Args:
        data: file of the images.
        encoder: timm's name.
        epochs: of pre-training.
        length: options of the comparison: its epochs and its patience.
        fractions: of the labels.
        seed: of pre-training.
        setup: whether it is to be quick.
    """
    # Without --stem a GPU would take the small one: another network, 16 times the work.
    shared = ("--encoder", encoder, "--stem", "standard", "--data", data)
    trainings = [
        train_job(seed, name, *options, *shared, setup=setup, length=("--epochs", epochs))
        for name, options in RUNS.items()
    ]
    options = ("--epochs", "1", "--trials", "2") if setup.quick else (*length, "--trials", "3")
    if len(fractions) > 1:
        options = (*options, "--label-fraction", *map(str, fractions))
    return (
        *trainings,
        evaluation_job(seed, "finetune", "finetune", *options, runs=tuple(RUNS), report="finetune"),
    )


def column_name(fractions: tuple[float, ...], metric: str, fraction: float) -> str:
    """Return "AUC", or "AUC, 10 % of labels" where there are several shares."""
    return metric if len(fractions) == 1 else f"{metric}, {100 * fraction:g} % of labels"


def scores(fractions: tuple[float, ...], folder: Path) -> list[Score]:
    """Return the scores of a seed, from its folder."""
    return finetune_scores(folder / "finetune" / "report" / "finetune.json", LABELS, partial(column_name, fractions))


def claims(fractions: tuple[float, ...]) -> tuple[Claim, ...]:
    """Return the paper's claims, decided on test AUC, with all labels and, where they were tried, with fewer."""
    whole, *fewer = [column_name(fractions, "AUC", fraction) for fraction in fractions]
    cases = [("", (whole,)), *([(" with fewer labels", tuple(fewer))] if fewer else [])]
    return tuple(
        Claim(text=f"TOWER is better than {name}{where}", better=TOWER, worse=row, columns=columns)
        for where, columns in cases
        for row, name in HELD_AGAINST.items()
    )


def _table(
    name: str,
    title: str,
    data: str,
    encoder: str,
    epochs: str,
    length: tuple[str, ...],
    fractions: tuple[float, ...] = (1.0,),
) -> Table:
    return Table(
        name=name,
        title=title,
        data=(data,),
        jobs=partial(jobs, data, encoder, epochs, length, fractions),
        scores=partial(scores, fractions),
        rows=tuple(LABELS.values()),
        columns=tuple(
            Column(name=column_name(fractions, metric, fraction), group=metric if len(fractions) > 1 else "")
            for metric in ("AUC", "ACC")
            for fraction in fractions
        ),
        references=dict.fromkeys((MOCO, BEZIER, MASKS, CONTRASTIVE, TOWER), RANDOM),
        claims=claims(fractions),
        published=(LABELS[PUBLISHED],),
        notes=("fine-tuned end to end, epoch chosen by validation AUC; a seed's value is the mean over its 3 trials",),
    )


BREAST = ("breastmnist.npz", "100", ("--epochs", "40", "--patience", "10"))


def _breast(name: str, encoder: str, shown: str) -> Table:
    data, epochs, length = BREAST
    return _table(name, f"TOWER on BreastMNIST: 28 px, {shown}", data, encoder, epochs, length)


TABLES = (
    _breast("tower-breast", "resnet18", "ResNet-18"),
    _breast("tower-breast-resnet50", "resnet50", "ResNet-50"),
    _table(
        "tower-pneumonia",
        "TOWER on PneumoniaMNIST: 28 px, ResNet-18",
        "pneumoniamnist.npz",
        "resnet18",
        "15",
        ("--epochs", "10", "--patience", "5"),
        (1.0, 0.1, 0.01),
    ),
)
