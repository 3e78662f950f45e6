"""The evaluation that ends each recipe, and its report.

Covers: which evaluation that is, and with which settings. Does not cover: the evaluations themselves
(`fastssl.evaluation`) and the report (`fastssl.reports`); they are imported when it is their turn.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console

from fastssl.console import say
from fastssl.distributed.world import world
from fastssl.recipes.recipe import Recipe, RecipeRun

LABEL_FRACTIONS = (1.0, 0.1, 0.01)
"""On which TOWER's encoder is fine-tuned, as its label-efficiency curve has them."""


def few_shot(run: RecipeRun, console: Console) -> None:
    """Compare the encoders of all stages on a few labelled images per class.

    Args:
        run: whose stages are trained.
        console: where progress goes.
    """
    from fastssl.evaluation.fewshot.run import fewshot

    fewshot(run.runs, console=console, out=run.folder, **_shared(run))


def fine_tune(run: RecipeRun, console: Console) -> None:
    """Fine-tune the encoder on all labels and on shares of them.

    Args:
        run: whose stages are trained.
        console: where progress goes.
    """
    from fastssl.evaluation.finetune import finetune

    settings = {**_shared(run), **_imagenet(console)}
    finetune(run.runs, console=console, out=run.folder, label_fraction=LABEL_FRACTIONS, **settings)


def frozen(run: RecipeRun, console: Console) -> None:
    """Train a classifier on the encoder's frozen features.

    Args:
        run: whose stages are trained.
        console: where progress goes.
    """
    from fastssl.evaluation.finetune import finetune

    settings = {**_shared(run), **_imagenet(console)}
    finetune(run.runs, console=console, out=run.folder, frozen=True, **settings)


def linear_probe(run: RecipeRun, console: Console) -> None:
    """Score the encoder by classifiers on its frozen features, without an ImageNet encoder, which takes a minute.

    Args:
        run: whose stages are trained.
        console: where progress goes.
    """
    from fastssl.evaluation.probe.run import probe

    probe(run.runs[-1], console=console, imagenet="none", **_shared(run))


def write_report(run: RecipeRun, console: Console) -> None:
    """Write the report of the whole recipe into its folder.

    Args:
        run: whose stages are trained and evaluated.
        console: where progress goes.
    """
    from fastssl.reports.report import report

    # Several processes share the work of an encoder, and one of them writes alone: it opens files of results only.
    report(run.folder, console=console, map=world().size == 1, **_shared(run))


def _shared(run: RecipeRun) -> dict[str, Any]:
    """The settings that evaluations share with training; what is about the data they read from the run."""
    names = {"device", "amp", "precision", "seed"} & run.config.model_fields_set
    return {"quiet": True, **{name: getattr(run.config, name) for name in names}}


def _imagenet(console: Console) -> dict[str, Any]:
    """The ImageNet encoder to compare with, where its weights are at hand."""
    from fastssl.models.imagenet import LITE0, MISSING, is_at_hand

    if is_at_hand(LITE0):
        return {"imagenet": LITE0}
    say(console, MISSING)
    return {}


RECIPES: dict[str, Recipe] = {
    "fast": Recipe(evaluate=linear_probe, report=write_report, title="linear probe", own_length=True),
    "mtcp": Recipe(evaluate=few_shot, report=write_report, title="few-shot"),
    "tower": Recipe(evaluate=fine_tune, report=write_report, title="fine-tuning"),
    "vae": Recipe(evaluate=frozen, report=write_report, title="frozen classifier"),
}
"""Recipe name -> its evaluation; its stages are in `RECIPE_STAGES`.

fast: ours, the winner of the speed-run (`bench/speedrun`). mtcp: "Multi-Task Continued Pre-training" (MeDA Challenge
2025). tower: TOWER (Neural Networks 167, 2023). vae: a frozen VAE encoder, compared with an ImageNet one."""
