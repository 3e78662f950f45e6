"""The recipe fast on sets that its length was not chosen on.

Covers: dermoscopy at 64 px and breast ultrasound at 28 px, under its own linear probe. Does not cover: its speed
(`bench/speedrun`), PneumoniaMNIST, on which its length was chosen.
"""

from __future__ import annotations

from pathlib import Path

from bench.reproduce.declaration import Claim, Column, Job, Score, Setup, Table, train_job
from bench.reproduce.probe import KNN, LINEAR, SHARED, trained_labels
from bench.reproduce.reports import METRICS, PUBLISHED, probe_scores

SETS = {
    "isic557": ("isic557", "isic557", "64"),
    "breast": ("BreastMNIST", "breastmnist.npz", "28"),
}
"""Short name -> name, file or folder, size in pixels."""
FAST = "recipe fast"
LABELS = trained_labels(FAST) | SHARED


def jobs(seed: int, setup: Setup) -> tuple[Job, ...]:
    """Return a run of the recipe, which ends with its probe, on each set."""
    return tuple(_job(seed, short, setup) for short in SETS)


def _job(seed: int, short: str, setup: Setup) -> Job:
    _, data, size = SETS[short]
    options = ("--recipe", "fast", "--data", data, "--size", size)
    return train_job(seed, short, *options, setup=setup, artefact="simclr/report/probe.json")


def scores(folder: Path) -> list[Score]:
    """Return the scores of a seed, from its folder."""
    found = []
    for short, (title, *_) in SETS.items():
        path = folder / short / "simclr" / "report" / "probe.json"
        found += probe_scores(path, LABELS, f"{title} {{}}".format)
    return found


AUC = tuple(f"{title} AUC" for title, *_ in SETS.values())
TABLE = Table(
    name="fast",
    title="Recipe fast on sets that it was not tuned on: ResNet-18, frozen features",
    data=tuple(data for _, data, _ in SETS.values()),
    jobs=jobs,
    scores=scores,
    rows=tuple(LABELS.values()),
    columns=tuple(Column(name=f"{title} {metric}") for title, *_ in SETS.values() for metric in METRICS.values()),
    references={f"{FAST}, {classifier}": SHARED["random init", classifier] for classifier in (LINEAR, KNN)},
    claims=tuple(
        Claim(
            text=f"Recipe fast's features are better than {other}, linear classifier",
            better=f"{FAST}, {LINEAR}",
            worse=SHARED[features, LINEAR],
            columns=columns,
        )
        for features, other, columns in (
            ("random init", "those of random init", AUC),
            ("raw pixels", "raw pixels", AUC[1:]),  # of images of 64 px there are too many for the probe
        )
    ),
    published=(LABELS[PUBLISHED, "end to end"],),
    notes=("random init has the seed of the run",),
)
TABLES = (TABLE,)
