"""The end of a recipe: its evaluation and its report.

Covers: when they come, what is said of them, and a report that cannot be written. Does not cover: which evaluation that
is (`evaluations.py`), training (`sequence.py`).
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console

from fastssl.console import say
from fastssl.data import Source
from fastssl.distributed.leader import everyone_here
from fastssl.distributed.world import world
from fastssl.files import write_atomically
from fastssl.recipes.recipe import Recipe, RecipeResult, RecipeRun
from fastssl.training.run_folder import ENCODER


def end(recipe_run: RecipeRun, recipe: Recipe, result: RecipeResult, console: Console, source: Source) -> RecipeResult:
    """Export the last stage's encoder; evaluate the stages, where there are labels, and write the recipe's report.

    Args:
        recipe_run: whose stages are trained to their ends.
        recipe: says how.
        result: so far.
        console: where progress goes.
        source: the data that were trained on.

    Returns:
        The result, with whether it was evaluated.
    """
    if world().leads:
        write_atomically(recipe_run.folder / ENCODER, (recipe_run.runs[-1] / ENCODER).read_bytes())
    everyone_here()  # whoever goes on finds it
    if recipe.evaluate is None:
        return result
    heading = f"{recipe.parts(recipe_run)}/{recipe.parts(recipe_run)} {recipe.title}"
    console.rule(heading, align="left")
    if source.splits["train"].labels is None:
        why = source.label_problem or f"{source.name} has no labels"
        say(console, f"{why}: nothing to evaluate with")
        return result
    began = time.monotonic()
    recipe.evaluate(recipe_run, console)
    say(console, f"{heading}: {minutes_text(time.monotonic() - began)}")
    if recipe.report is not None:
        report(recipe.report, recipe_run, console)
    return replace(result, evaluated=True)


def report(write: Callable[[RecipeRun, Console], None], recipe_run: RecipeRun, console: Console) -> None:
    """Write a recipe's report; of several processes that of rank 0 does.

    It can be written again, so that a failure is told and fails nothing.

    Args:
        write: does so.
        recipe_run: whose stages are trained and evaluated.
        console: where progress goes.
    """
    if not world().leads:
        return
    try:
        write(recipe_run, console)
    except Exception as error:  # all training is done, and this is a page about it
        again = f"fastssl report {shlex.quote(str(recipe_run.folder))}"
        say(console, f"warning: no report was written ({error}); {again} writes it")


def minutes_text(seconds: float) -> str:
    """Return a time as text, such as "1 min 05 s"."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s"
