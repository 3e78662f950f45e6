"""`fastssl train --recipe aligned`: methods pre-trained side by side, scored by a proxy, the winner fine-tuned.

Covers: the way from settings to the result, going on anywhere. Does not cover: any of its parts (the other files here).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from fastssl.config.aligned import METHODS, AlignedConfig
from fastssl.console import say
from fastssl.distributed.leader import everyone_here
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.statistics import mean_interval
from fastssl.models.encoder import EncoderSpec
from fastssl.models.encoder_file import load_encoder
from fastssl.runtime import Runtime
from fastssl.threads import use_threads
from fastssl.training.inputs import open_runtime
from fastssl.training.own_folder import owned
from fastssl.training.pace import Clock
from fastssl.training.run_folder import check_place, claim_recipe, folder_of, release_recipe
from fastssl.training.stored_settings import settings_to_resume

from .agreement import rank_agreement
from .baselines import baselines_of, write_imagenet
from .choice import Choice, choose, leads_of, means_of, ranks_of
from .classification import Classification
from .costs import CostLedger
from .methods import Method, methods_of, why_not, with_minutes
from .patches import FILE as PATCHES
from .pretraining import PreTrainer, PreTraining, steps_of
from .proxy import ProxyScores
from .report import AlignedResult, AlignedRow, write_aligned_report
from .segmentation import Segmentation
from .target import Finetuned, Target

COSTS = "aligned-costs.json"


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """What is compared, opened and checked.

    target: the task. methods: to pre-train. baselines: what they have to beat. left_out: method -> why it cannot be
    trained on these data. notes: on all that.
    """

    target: Target
    methods: tuple[Method, ...]
    baselines: tuple[str, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    runtime: Runtime

    @property
    def config(self) -> AlignedConfig:
        return self.target.config

    @property
    def folder(self) -> Path:
        return self.target.folder


def train_aligned(
    config: AlignedConfig,
    console: Console,
    *,
    clock: Clock = time.monotonic,
    now: Callable[[], float] = time.time,
) -> AlignedResult:
    """Pre-train methods for equal times, score them on the target task, and fine-tune the winner.

    Args:
        config: what was asked for.
        console: where progress and tables go.
        clock: what budgets of minutes are measured by.
        now: the time in seconds since 1970, by which costs are counted.

    Returns:
        The comparison as far as it has come.

    Raises:
        ConfigError: a setting that cannot be used; nothing was written.
        DataError: images that cannot be used; nothing was written.
        CheckpointError: no recipe to resume, or weights that cannot be read.
        KeyboardInterrupt: Ctrl-C or SIGTERM came after pre-training; what was finished is kept.
    """
    folder = _folder_of(config)
    with owned(folder, lambda: check_place(folder, config)):
        if config.resume:
            resumed = settings_to_resume(folder, config)
            if not isinstance(resumed, AlignedConfig):
                raise ConfigError([f"out={str(folder)!r}: holds another run; give another --out"])
            config = resumed
        else:
            config = with_minutes(config)
        with use_threads(config.threads_to_use):
            return _compare(_open(config, folder, console), console, clock, now)


def _folder_of(config: AlignedConfig) -> Path:
    """The folder asked for, or one named after the images."""
    if config.out is not None or config.images is None:
        return folder_of(config)
    return Path("runs") / f"aligned-{config.images.resolve().name}"


def _open(config: AlignedConfig, folder: Path, console: Console) -> _Comparison:
    """Open the data and build every method, so that what cannot be done is said before anything is trained."""
    target: Target = (Segmentation if config.segments else Classification).open(config, folder, console)
    runtime = open_runtime(config)
    baselines, notes = baselines_of(config)
    methods = methods_of(config, target.training_data, folder)
    problems = {method.name: problem for method in methods if (problem := why_not(method, target.source, runtime))}
    sound = tuple(method for method in methods if method.name not in problems)
    if problems and (config.candidates or not sound):
        raise ConfigError([f"{name}: {problem}" for name, problem in problems.items()])
    return _Comparison(
        target=target, methods=sound, baselines=baselines, left_out=problems, notes=notes, runtime=runtime
    )


def _compare(comparison: _Comparison, console: Console, clock: Clock, now: Callable[[], float]) -> AlignedResult:
    config, folder, target = comparison.config, comparison.folder, comparison.target
    _introduce(comparison, console)
    if world().leads:
        if not config.resume:
            claim_recipe(folder, config)
        target.source.report.write(folder)
    everyone_here()
    target.write_data()
    ledger = CostLedger(folder / "report" / COSTS, now)
    trainer = PreTrainer(source=target.source, runtime=comparison.runtime, ledger=ledger, console=console, clock=clock)
    pretraining = trainer.train_all(comparison.methods, config.stop_after)
    result = AlignedResult(
        folder=folder,
        task="segmentation" if config.segments else "classification",
        metric=target.metric,
        data=target.source.name,
        notes=comparison.notes,
        stopped_by=pretraining.stopped_by,
    )
    if not pretraining.finished:
        return result
    if not pretraining.trained:
        _give_up(folder, pretraining)
    return _judge(comparison, pretraining, ledger, result, console)


def _introduce(comparison: _Comparison, console: Console) -> None:
    """Say who is compared, with which encoder and which budget."""
    config, names = comparison.config, ", ".join(method.name for method in comparison.methods)
    encoder = comparison.methods[0].config.encoder
    length = f"{config.steps} steps of each stage, not equal times"
    if config.minutes is not None:
        each = comparison.methods[0].config.minutes or 0.0
        length = f"--minutes {config.minutes:g}: {each:g} each; proxy and fine-tuning are not counted"
    say(console, f"methods     {names}: {length}")
    say(console, f"baselines   {', '.join(comparison.baselines) or 'none'}")
    say(console, f"encoder     {encoder} in all methods, so that they are compared and not architectures")
    left_out = [f"{name} is left out: {why}" for name, why in comparison.left_out.items()]
    say(console, *(f"note        {note}" for note in (*left_out, *comparison.notes)))


def _give_up(folder: Path, pretraining: PreTraining) -> None:
    """End where every method has failed; where none has begun, as if nothing had been asked for."""
    if world().leads:
        (folder / "report" / COSTS).unlink(missing_ok=True)
        (folder / PATCHES).unlink(missing_ok=True)
        release_recipe(folder)
    raise ConfigError([f"{name}: {problem}" for name, problem in pretraining.left_out.items()])


def _judge(
    comparison: _Comparison, pretraining: PreTraining, ledger: CostLedger, result: AlignedResult, console: Console
) -> AlignedResult:
    """Score the candidates, decide, fine-tune."""
    target, config = comparison.target, comparison.config
    spec = load_encoder(pretraining.trained[0].folder).spec
    if "imagenet" in comparison.baselines:
        size = target.imagenet_size(spec)
        write_imagenet(comparison.folder / "imagenet", spec.in_channels, size, target.source.value_range)
    names = [*(method.name for method in pretraining.trained), *comparison.baselines]
    console.rule(f"proxy: {target.proxy_title}", align="left")
    scores = target.score(names, spec, console)
    choice = choose(scores, config.margin)
    left_out = {**comparison.left_out, **pretraining.left_out}
    rows = _rows(comparison, pretraining, ledger, scores, spec, left_out)
    notes = (*result.notes, *scores.notes, *_encoder_notes(comparison, target, spec))
    result = replace(result, rows=rows, choice=choice, leads=leads_of(scores), notes=tuple(dict.fromkeys(notes)))
    tuned = _whom_to_finetune(config, choice, pretraining)
    result = replace(result, finished=not tuned)
    result.print(console)
    if world().leads:
        write_aligned_report(result)
    if not tuned:
        _say_what_is_next(choice, target, console)
        return result
    return _finetune(comparison, tuned, scores, result, console)


def _whom_to_finetune(config: AlignedConfig, choice: Choice, pretraining: PreTraining) -> tuple[str, ...]:
    """The methods; none where no pre-training pays, unless all are asked for."""
    if config.finetune == "all":
        return tuple(method.name for method in pretraining.trained)
    return (choice.best,) if choice.pays and config.finetune == "winner" else ()


def _say_what_is_next(choice: Choice, target: Target, console: Console) -> None:
    if not choice.pays:
        say(console, f"to fine-tune the baseline: {target.command(choice.baseline, choice.best)}")
    resumed = f"fastssl train --recipe aligned --out {target.folder} --resume"
    say(console, f"to fine-tune all candidates all the same: {resumed} --finetune all")


def _finetune(
    comparison: _Comparison, tuned: Sequence[str], scores: ProxyScores, result: AlignedResult, console: Console
) -> AlignedResult:
    console.rule(f"fine-tuning: {', '.join((*tuned, *comparison.baselines))}", align="left")
    found: Finetuned = comparison.target.finetune(tuned, comparison.baselines, console)
    rows = tuple(replace(row, finetuned=found.get(row.candidate, row.finetuned)) for row in result.rows)
    agreement = rank_agreement(means_of(scores), {name: one.mean for name, one in found.items()})
    result = replace(result, rows=rows, agreement=agreement, finished=True)
    console.rule("proxy and fine-tuning", align="left")
    result.print(console)
    if world().leads:
        write_aligned_report(result)
    say(console, f"report in {result.folder / 'report'}")
    return result


def _rows(
    comparison: _Comparison,
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
            encoder=load_encoder(comparison.folder / name).spec.name if name == "imagenet" else spec.name,
            pretraining_seconds=ledger.cost(name).seconds if name in METHODS else 0.0,
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


def _encoder_notes(comparison: _Comparison, target: Target, spec: EncoderSpec) -> list[str]:
    if "imagenet" not in comparison.baselines:
        return []
    size = target.imagenet_size(spec)
    sees = "" if size == spec.size else f", and sees the same images resized to {size} px"
    return [f"imagenet is another architecture than the methods' {spec.name}{sees}"]
