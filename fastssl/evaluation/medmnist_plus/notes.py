"""What a benchmark says beside its numbers: by which protocol, and what a reader should know of them.

Covers: lines of text. Does not cover: notes on encoders and data that all evaluations have.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastssl.config import BenchmarkConfig
from fastssl.config.data import FULL_RANGE
from fastssl.data.labels.medmnist_table import official_counts
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.runtime import Runtime
from fastssl.training.run_data import AS_THEY_ARE

from .data_sets import BenchmarkSet
from .linear import LinearRecipe
from .published import MODELS, SETS, WITH_BATCH_NORM, paper
from .report import BenchmarkData
from .summary import BenchmarkRow
from .trial import NEIGHBOURS, BenchmarkTrial
from .trial_grid import BenchmarkSpec, SetGrid

KNN_AUC = "AUC of kNN is of the shares of the votes; the benchmark publishes none for it"
BATCH_NORM = (
    "published linear rows of models with batch norm are weak rivals: there the frozen encoder is in training mode; "
    "here every frozen encoder is in eval mode"
)


def protocol_line(config: BenchmarkConfig, recipe: LinearRecipe, runtime: Runtime) -> str:
    """Return how encoders are scored, in one line.

    Args:
        config: names classifiers and seeds.
        recipe: of the linear classifiers.
        runtime: gives the precision of the features.
    """
    ways = {
        "knn": f"kNN: majority of the {NEIGHBOURS} nearest training images, Euclidean",
        "linear": (
            f"linear: AdamW {recipe.lr:g}, cosine, at most {recipe.epochs} epochs, {recipe.patience} without a lower "
            f"validation loss, batches of {recipe.batch_size}, seeds {', '.join(map(str, config.seeds))}"
        ),
    }
    return "; ".join([*(ways[name] for name in config.classifiers), f"features in {runtime.precision}"])


def range_notes(candidates: Sequence[Candidate]) -> list[str]:
    """Return a line for each encoder that was trained on another range of values than the benchmark's 0 to 255."""
    return [
        f"{one.label} was trained on values {one.spec.value_range}; here all see 0 to 255, as in the protocol"
        for one in candidates
        if one.spec.value_range not in (None, FULL_RANGE, AS_THEY_ARE)
    ]


def channel_notes(data: BenchmarkSet, candidates: Sequence[Candidate], taken: Sequence[Candidate]) -> list[str]:
    """Return a line on encoders that cannot take a set's images; none where all can.

    Args:
        data: the set.
        candidates: all encoders.
        taken: those that can.
    """
    able = {candidate.label for candidate in taken}
    unable = [
        f"{candidate.label} ({candidate.spec.in_channels} channel(s))"
        for candidate in candidates
        if candidate.label not in able
    ]
    return [f"{data.flag} is left out for {', '.join(unable)}: its images have other channels"] if unable else []


def split_notes(grid: SetGrid, record: BenchmarkData) -> list[str]:
    """Return what to know of a set's splits: that they are not MedMNIST's, or that a part was held out.

    Args:
        grid: of the set.
        record: what is told of it.
    """
    notes = list(grid.parts.held_out_notes("epochs chosen on {held_out}"))
    if not record.official:
        own, official = ("/".join(map(str, counts)) for counts in (grid.parts.counts, official_counts(record.flag)))
        notes.append(
            f"{grid.data.name}: {own} images in train/val/test are not MedMNIST's {official}, so that nothing "
            "published is shown beside"
        )
    return notes


def unfinished_note(trials: Sequence[tuple[BenchmarkSpec, BenchmarkTrial]], recipe: LinearRecipe) -> list[str]:
    """Return a line on linear classifiers that were still getting better in their last epoch; none where none was.

    The protocol has one learning rate for all encoders and standardises nothing, so that small features learn slowly.

    Args:
        trials: of one set.
        recipe: of the linear classifiers.
    """
    late = [spec.title for spec, trial in trials if recipe.epochs in trial.best_epoch]
    if not late:
        return []
    return [f"{'; '.join(late)}: the last epoch was the best, so that more would help; fastssl probe solves to the end"]


def reading_notes(rows: Sequence[BenchmarkRow]) -> list[str]:
    """Return what a reader should know of the numbers and of those beside them.

    Args:
        rows: of all sets.
    """
    published = [row for row in rows if row.origin == "published"]
    normed = {f"published {MODELS[model]}" for model in WITH_BATCH_NORM}
    notes = [KNN_AUC] if any(row.classifier == "kNN" for row in rows) else []
    if published or len({row.data for row in rows}) > 1:
        notes.append(f"published: {paper()}; its means are over all {SETS} sets, ours over those scored here")
    if any(row.encoder in normed and row.classifier == "linear" for row in published):
        notes.append(BATCH_NORM)
    return notes
