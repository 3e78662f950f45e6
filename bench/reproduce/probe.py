"""MoCo and SimCLR: a linear classifier and nearest neighbours on frozen features.

Covers: PneumoniaMNIST and BreastMNIST, with random init, raw pixels and the published ResNet-18. Does not cover: other
encoders and lengths.
"""

from __future__ import annotations

from pathlib import Path

from bench.reproduce.declaration import Claim, Column, Job, Score, Setup, Table, train_job
from bench.reproduce.reports import METRICS, PUBLISHED, probe_scores

SETS = {
    "pneumonia": ("PneumoniaMNIST", "pneumoniamnist.npz", "30"),
    "breast": ("BreastMNIST", "breastmnist.npz", "50"),
}
"""Short name -> name, file, epochs."""
STAGES = {"simclr": "SimCLR", "moco": "MoCo"}
LINEAR, KNN = "linear", "kNN"
SHARED = {
    ("random init", LINEAR): "random init, linear",
    ("random init", KNN): "random init, kNN",
    ("raw pixels", LINEAR): "raw pixels, linear",
    (PUBLISHED, "end to end"): "published ResNet-18, end to end",
}
"""Rows that every report of a seed has alike; they are read from MoCo's."""


def jobs(seed: int, setup: Setup) -> tuple[Job, ...]:
    """Return a training and a probe for both stages on both sets."""
    found = []
    for short, (_, data, epochs) in SETS.items():
        for stage in STAGES:
            # Without --stem a GPU would take the small one: another network, 16 times the work.
            options = ("--stage", stage, "--stem", "standard", "--data", data)
            training = train_job(seed, f"{short}-{stage}", *options, setup=setup, length=("--epochs", epochs))
            found += [training, _probe(training, seed)]
    return tuple(found)


def _probe(training: Job, seed: int) -> Job:
    folder = training.run_folder
    return Job(
        name=f"{folder}-probe",
        arguments=("probe", folder, "--seed", str(seed)),
        artefact=f"{folder}/report/probe.json",
        needs=(training.name,),
    )


def trained_labels(heading: str) -> dict[tuple[str, str], str]:
    """Return the report's (features, classifier) -> the row's label, for the trained encoder."""
    return {("trained", classifier): f"{heading}, {classifier}" for classifier in (LINEAR, KNN)}


def column_name(title: str, metric: str) -> str:
    """Return the heading of a metric on a set."""
    return f"{title} {metric}"


def scores(folder: Path) -> list[Score]:
    """Return the scores of a seed, from its folder."""
    found = []
    for short, (title, *_) in SETS.items():
        for stage, heading in STAGES.items():
            labels = trained_labels(heading) | (SHARED if stage == "moco" else {})
            path = folder / f"{short}-{stage}" / "report" / "probe.json"
            found += probe_scores(path, labels, f"{title} {{}}".format)
    return found


AUC = tuple(column_name(title, "AUC") for title, *_ in SETS.values())

TABLE = Table(
    name="probe",
    title="MoCo and SimCLR: ResNet-18 with the standard stem, 28 px, frozen features",
    data=tuple(data for _, data, _ in SETS.values()),
    jobs=jobs,
    scores=scores,
    rows=(
        *(f"{heading}, {classifier}" for heading in STAGES.values() for classifier in (LINEAR, KNN)),
        *SHARED.values(),
    ),
    columns=tuple(
        Column(name=column_name(title, metric)) for title, *_ in SETS.values() for metric in METRICS.values()
    ),
    references={
        f"{heading}, {classifier}": f"random init, {classifier}"
        for heading in STAGES.values()
        for classifier in (LINEAR, KNN)
    },
    claims=(
        *(
            Claim(
                text=f"{heading}'s features are better than those of random init, linear classifier, both sets",
                better=f"{heading}, {LINEAR}",
                worse=f"random init, {LINEAR}",
                columns=AUC,
            )
            for heading in STAGES.values()
        ),
        Claim(
            text="MoCo v2 is better than SimCLR, linear classifier, both sets",
            better=f"MoCo, {LINEAR}",
            worse=f"SimCLR, {LINEAR}",
            columns=AUC,
        ),
    ),
    published=(SHARED[PUBLISHED, "end to end"],),
    notes=("random init has the seed of the run",),
)
TABLES = (TABLE,)
