"""From trained encoders to the result: the proxy, the decision, fine-tuning.

Covers: the order of these, what is printed and written after each. Does not cover: any of them (`target.py` and the
tasks, `choice.py`, `agreement.py`), the table (`report.py`).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fastssl.config.aligned import BASELINES, IMAGENET, AlignedConfig
from fastssl.console import say
from fastssl.distributed.world import world
from fastssl.evaluation.shared.statistics import mean_interval
from fastssl.files import write_atomically
from fastssl.models.encoder import EncoderSpec
from fastssl.models.encoder_file import load_encoder
from fastssl.recipes.ending import report
from fastssl.recipes.evaluations import write_report
from fastssl.recipes.recipe import RecipeRun
from fastssl.training.run_folder import ENCODER

from .agreement import rank_agreement
from .baselines import write_imagenet
from .choice import MethodChoice, choose, leads_of, means_of, ranks_of
from .comparison import Comparison
from .costs import CostLedger
from .pretraining import PreTraining, steps_of
from .proxy import ProxyScores
from .report import AlignedResult, AlignedRow, write_aligned_report
from .target import Finetuned, Target

TOLERANCE = 0.2
"""Share by which a method's time may differ from its budget before it is told."""


def score_and_finetune(
    comparison: Comparison, pretraining: PreTraining, ledger: CostLedger, result: AlignedResult, console: Console
) -> AlignedResult:
    """Score the candidates, decide, and fine-tune whom that is worth; what is finished already is not done again.

    Args:
        comparison: what is compared.
        pretraining: which methods are trained; at least one.
        ledger: knows what that has cost.
        result: as far as it is known.
        console: where progress and tables go.

    Returns:
        The whole result, which is also printed and written.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
    """
    target, config = comparison.target, comparison.config
    spec = load_encoder(pretraining.trained[0].folder).spec
    if IMAGENET in comparison.baselines:
        size = target.imagenet_size(spec)
        write_imagenet(comparison.folder / IMAGENET, spec.in_channels, size, target.source.value_range)
    names = [*(method.name for method in pretraining.trained), *comparison.baselines]
    console.rule(f"proxy: {target.proxy_title}", align="left")
    scores = target.score(names, spec, console)
    choice = choose(scores, config.margin)
    left_out = {**comparison.left_out, **pretraining.left_out}
    rows = _rows(comparison, pretraining, ledger, scores, spec, left_out)
    notes = (*result.notes, *_budget_notes(comparison, rows), *scores.notes, *_encoder_notes(comparison, target, spec))
    result = replace(result, rows=rows, choice=choice, leads=leads_of(scores), notes=tuple(dict.fromkeys(notes)))
    tuned = _whom_to_finetune(config, choice, pretraining)
    result = replace(result, finished=not tuned)
    result.print(console)
    if world().leads:
        write_aligned_report(result)
        _export(comparison.folder, choice)
    if not tuned:
        _report(comparison, console)
        _say_what_is_next(choice, target, console)
        return result
    return _finetune(comparison, tuned, scores, result, console)


def _export(folder: Path, choice: MethodChoice) -> None:
    """Make the winner's encoder the recipe's, as that of a sequence's last stage is; none where there is no winner."""
    if choice.winner is None:
        (folder / ENCODER).unlink(missing_ok=True)
    else:
        write_atomically(folder / ENCODER, (folder / choice.winner / ENCODER).read_bytes())


def _whom_to_finetune(config: AlignedConfig, choice: MethodChoice, pretraining: PreTraining) -> tuple[str, ...]:
    """The methods; none where no pre-training pays, unless all are asked for."""
    if config.finetune == "all":
        return tuple(method.name for method in pretraining.trained)
    return (choice.best,) if choice.pays and config.finetune == "winner" else ()


def _say_what_is_next(choice: MethodChoice, target: Target, console: Console) -> None:
    if not choice.pays:
        say(console, f"to fine-tune the baseline: {target.command(choice.baseline, choice.best)}")
    words = ["fastssl", "train", "--recipe", "aligned", "--out", str(target.folder), "--resume", "--finetune", "all"]
    say(console, f"to fine-tune all candidates all the same: {shlex.join(words)}")


def _finetune(
    comparison: Comparison, tuned: Sequence[str], scores: ProxyScores, result: AlignedResult, console: Console
) -> AlignedResult:
    console.rule(f"fine-tuning: {', '.join((*tuned, *comparison.baselines))}", align="left")
    found = comparison.target.finetune(tuned, comparison.baselines, console)
    rows = tuple(_with_test(row, found.get(row.candidate)) for row in result.rows)
    agreement = rank_agreement(means_of(scores), {name: one.test.mean for name, one in found.items()})
    result = replace(result, rows=rows, agreement=agreement, finished=True)
    console.rule("proxy and fine-tuning", align="left")
    result.print(console)
    if world().leads:
        write_aligned_report(result)
    _report(comparison, console)
    return result


def _report(comparison: Comparison, console: Console) -> None:
    """Write the page that has all of it."""
    report(write_report, RecipeRun(config=comparison.config, folder=comparison.folder, stages=()), console)


def _with_test(row: AlignedRow, found: Finetuned | None) -> AlignedRow:
    return row if found is None else replace(row, finetuned=found.test, finetune_seconds=found.seconds)


def _rows(
    comparison: Comparison,
    pretraining: PreTraining,
    ledger: CostLedger,
    scores: ProxyScores,
    spec: EncoderSpec,
    left_out: dict[str, str],
) -> tuple[AlignedRow, ...]:
    """The candidates by rank, then those that were left out."""
    ranks = ranks_of(means_of(scores))
    steps = {method.name: steps_of(method) for method in pretraining.trained}
    rows = [
        AlignedRow(
            candidate=name,
            encoder=load_encoder(comparison.folder / name).spec.name if name == IMAGENET else spec.name,
            pretraining_seconds=ledger.cost(name).seconds if name not in BASELINES else 0.0,
            steps=steps.get(name, 0),
            images=steps.get(name, 0) * comparison.config.batch_size,
            proxy=mean_interval(values, scores.overlap),
            proxy_by_draw=values,
            proxy_seconds=scores.seconds[name],
            rank=ranks[name],
        )
        for name, values in scores.by_draw.items()
    ]
    rows.sort(key=lambda row: row.rank)
    return (*rows, *(AlignedRow(candidate=name, left_out=why) for name, why in left_out.items()))


def _budget_notes(comparison: Comparison, rows: Sequence[AlignedRow]) -> list[str]:
    """What to know of methods that took more or less than their share of the budget."""
    if comparison.config.minutes is None:
        return ["equal steps, and not equal times"]
    share = comparison.config.minutes / len(comparison.methods)
    took = {row.candidate: row.pretraining_seconds / 60 / share for row in rows if row.steps}
    off = [f"{name} {part:.0%}" for name, part in took.items() if abs(part - 1) > TOLERANCE]
    if not off:
        return []
    return [f"of its share of {share:g} minutes took {', '.join(off)}: other work on this machine, or several calls"]


def _encoder_notes(comparison: Comparison, target: Target, spec: EncoderSpec) -> list[str]:
    if IMAGENET not in comparison.baselines:
        return []
    size = target.imagenet_size(spec)
    sees = "" if size == spec.size else f", and sees the same images resized to {size} px"
    return [f"imagenet is another architecture than the methods' {spec.name}{sees}"]
