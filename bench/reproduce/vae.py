"""A frozen VAE encoder against an ImageNet encoder: who overfits less?

Covers: BreastMNIST with ConvNeXt-Tiny and -Atto, PneumoniaMNIST with ConvNeXt-Atto; linear classifiers. Does not cover:
the ImageNet encoder at 28 px, classifiers with hidden layers.

The gap is the validation less the training log loss after the last epoch; reports have no loss on the test part.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.reproduce.declaration import Claim, Column, Job, Score, Setup, Table, evaluation_job, train_job
from bench.reproduce.reports import finetune_scores, frozen_scores

TINY, ATTO = "ConvNeXt-Tiny", "ConvNeXt-Atto"
IMAGENET = "ImageNet EfficientNet-Lite0"
SETS = {
    "breast": ("BreastMNIST", "breastmnist.npz", "30", ("vae-tiny", "vae-atto")),
    "pneumonia": ("PneumoniaMNIST", "pneumoniamnist.npz", "8", ("vae-atto",)),
}
"""Short name -> name, file, epochs, runs."""
ENCODERS = {"vae-tiny": ("convnext_tiny", TINY), "vae-atto": ("convnext_atto", ATTO)}
FIT = {"train_acc": "train ACC", "val_acc": "val ACC", "overfitting_gap": "gap"}


def jobs(seed: int, setup: Setup) -> tuple[Job, ...]:
    """Return the trainings, and a comparison for each set."""
    found: list[Job] = []
    for short, (_, data, epochs, names) in SETS.items():
        runs = tuple(f"{short}/{name}" for name in names)
        for run, name in zip(runs, names, strict=True):
            own = ("--stage", "vae", "--encoder", ENCODERS[name][0], "--data", data, "--batch-size", "64")
            found.append(train_job(seed, run, *own, setup=setup, length=("--epochs", epochs)))
        imagenet = ("--imagenet", "tf_efficientnet_lite0") if setup.imagenet else ()
        length = ("--epochs", "2", "--trials", "2") if setup.quick else ("--trials", "3")
        options = ("finetune", "--frozen", *imagenet, *length)
        found.append(evaluation_job(seed, f"{short}/frozen", *options, runs=runs, report="finetune-frozen"))
    return tuple(found)


def labels(names: tuple[str, ...]) -> dict[str, str]:
    """Return the report's label -> the row's, for the runs of a set."""
    found = {"ImageNet tf_efficientnet_lite0": IMAGENET}
    for name in names:
        timm_name, shown = ENCODERS[name]
        # A random initialisation is named after its encoder where there are several.
        random = "random init" if len(names) == 1 else f"random init {timm_name}"
        found |= {name: f"VAE, {shown}", random: f"random init, {shown}"}
    return found


def column_name(title: str, metric: str, _fraction: float = 1.0) -> str:
    """Return the heading of a metric on a set, all of whose labels are used."""
    return f"{title} {metric}"


def scores(folder: Path) -> list[Score]:
    """Return the scores of a seed, from its folder."""
    found = []
    for short, (title, _, _, names) in SETS.items():
        path = folder / short / "frozen" / "report" / "finetune-frozen.json"
        found += finetune_scores(path, labels(names), partial(column_name, title))
        columns = {field: column_name(title, heading) for field, heading in FIT.items()}
        found += frozen_scores(path, labels(names), columns)
    return found


def _columns(title: str) -> tuple[Column, ...]:
    return (
        Column(name=f"{title} AUC", group=title),
        Column(name=f"{title} ACC", group=title),
        Column(name=f"{title} train ACC", best="", group=title),
        Column(name=f"{title} val ACC", best="", group=title),
        Column(name=f"{title} gap", best="lowest", group=title),
    )


TABLE = Table(
    name="vae",
    title="VAE: a linear classifier on frozen features, 28 px; the ImageNet encoder sees 128 px",
    data=tuple(data for _, data, *_ in SETS.values()),
    jobs=jobs,
    scores=scores,
    rows=(f"VAE, {TINY}", f"random init, {TINY}", f"VAE, {ATTO}", f"random init, {ATTO}", IMAGENET),
    columns=tuple(column for title, *_ in SETS.values() for column in _columns(title)),
    references={f"VAE, {TINY}": f"random init, {TINY}", f"VAE, {ATTO}": f"random init, {ATTO}"},
    claims=tuple(
        Claim(
            text=f"a frozen VAE ({shown}) overfits less than a frozen ImageNet encoder: a smaller gap, {where}",
            better=f"VAE, {shown}",
            worse=IMAGENET,
            columns=columns,
            lower=True,
        )
        for shown, where, columns in (
            (TINY, "BreastMNIST", ("BreastMNIST gap",)),
            (ATTO, "both sets", ("BreastMNIST gap", "PneumoniaMNIST gap")),
        )
    ),
    notes=(
        "gap: validation less training log loss after the last epoch; a seed's value is the mean over its 3 trials",
    ),
    uses_imagenet=True,
)
TABLES = (TABLE,)
