"""Training an opened run to its end or a stop, and exporting what it has learnt.

Covers: the steps with their logs, their bar and their monitor, the encoder's file, the figures of the run. Does not
cover: the loop (`engine.py`), opening or claiming a run (`train.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fastssl.console import say
from fastssl.distributed.leader import leader_here
from fastssl.distributed.world import world
from fastssl.models.encoder_file import save_encoder
from fastssl.models.spec_text import TrainedSteps
from fastssl.training.boards import open_boards
from fastssl.training.build import TrainingRun
from fastssl.training.compilation import compile_errors
from fastssl.training.engine import Engine
from fastssl.training.metrics_log import MONITOR, SPEED_EVERY, MetricsLog, open_speed_log
from fastssl.training.monitor import Best, Look, Monitor, Watched
from fastssl.training.progress import StepClock, TrainingProgress
from fastssl.training.run_folder import ENCODER
from fastssl.training.step_metrics import StepMetrics
from fastssl.training.stop_signal import StopRequest

GO_ON = "go on with --resume --no-compile"


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """The figures of a run that ended or was stopped.

    Args:
        folder: of the run.
        encoder: the file of the trained encoder.
        step: how many steps are done in all.
        steps_run: how many of them in this call.
        total_steps: of the schedule.
        loss: of the last step.
        images_per_second: mean over this call without its first step.
        data_wait: share of that time spent waiting for batches, 0 to 1.
        seconds: that these means are taken over.
        stopped_by: the name of the signal that asked this call to stop, such as "SIGTERM"; None: nobody did.
        watched: the last look at the encoder in this call; None: there was none.
        best: the best look of the run; None: there was none.
    """

    folder: Path
    encoder: Path
    step: int
    steps_run: int
    total_steps: int
    loss: float
    images_per_second: float
    data_wait: float
    seconds: float
    stopped_by: str | None = None
    watched: Look | None = None
    best: Best | None = None

    @property
    def finished(self) -> bool:
        """Whether every step of the schedule was done; if not, the run can be resumed."""
        return self.step >= self.total_steps


def fit(
    run: TrainingRun, engine: Engine, folder: Path, console: Console, stop_after: int | None, boards: tuple[str, ...]
) -> TrainResult:
    """Train to the end, or until so many steps are done or a signal asks to stop, and export.

    Of several processes all call it; that of rank 0 logs, shows, watches and exports.

    Args:
        run: that the engine was made by.
        engine: at the step to go on from.
        folder: of the run; metrics, the encoder and the stage's other exports go there.
        console: where progress goes.
        stop_after: how many steps to do at most; None: all.
        boards: names of logs besides `metrics.jsonl`, which are installed.

    Returns:
        The result.

    Raises:
        DivergenceError: the loss or a weight is not finite. The last good checkpoint stays.
        ConfigError: a step cannot be compiled.
        OSError: the disk is full, or the like. The last good checkpoint stays.
    """
    total, began = engine.schedule.total_steps, engine.step
    until = total if stop_after is None else min(total, began + stop_after)
    clock = StepClock(run.settings.batch_size)
    last = {"loss": float("nan")}
    if not world().leads:
        stop = engine.fit(until, lambda metrics: last.update(metrics.values), clock)
        leader_here()  # with the encoder, which the next stage of a recipe begins with
        return _result(engine, folder, clock, began, last["loss"], stop)
    progress = TrainingProgress(
        console,
        name=run.settings.stage,
        total=total,
        done=began,
        steps_per_epoch=len(engine.loader),
        chance=engine.stage.chance_loss,
    )
    open_logs = open_boards(
        boards, folder, began, run.settings.model_dump(mode="json"), lambda line: say(console, line)
    )
    with progress, MetricsLog(folder, began, open_logs) as log, open_speed_log(folder, began) as speed:

        def on_metrics(metrics: StepMetrics) -> None:
            last.update(metrics.values)
            log.write(metrics.step, {**metrics.values, "lr": engine.schedule.lr(metrics.step - 1)})
            if clock.steps and (metrics.step % SPEED_EVERY == 0 or metrics.step == until):
                speed.write(metrics.step, {"images_per_second": clock.images_per_second, "data_wait": clock.data_wait})
            progress.update(metrics.step, metrics.values["loss"], clock, metrics.values)

        def on_look(look: Look, seconds: float) -> None:
            log.write(look.step, {MONITOR + name: value for name, value in {**look.values, "seconds": seconds}.items()})
            progress.watched = str(look)

        monitor = _monitor(run, engine, folder, console, on_look)
        with compile_errors(GO_ON) if run.runtime.compile else nullcontext():
            stop = engine.fit(until, on_metrics, clock, monitor.between_steps if monitor else lambda step: False)
        if monitor:
            monitor.at_the_end(engine.step)
    export(run, engine, folder)
    leader_here()
    return _result(engine, folder, clock, began, last["loss"], stop, monitor)


def _monitor(
    run: TrainingRun, engine: Engine, folder: Path, console: Console, on_look: Callable[[Look, float], None]
) -> Monitor | None:
    """The monitor that was asked for."""
    kind = run.settings.monitor
    if kind == "off":
        return None
    watched = Watched(
        source=run.source,
        kind=kind,
        share=run.settings.monitor_share,
        spec=run.spec,
        runtime=run.runtime,
        folder=folder,
        total_steps=engine.schedule.total_steps,
        batch_size=run.settings.batch_size,
        keep_best=run.settings.keep_best,
    )
    return Monitor(watched, engine.stage.encoder, engine.step, on_look, lambda line: say(console, line))


def _result(
    engine: Engine,
    folder: Path,
    clock: StepClock,
    began: int,
    loss: float,
    stop: StopRequest,
    monitor: Monitor | None = None,
) -> TrainResult:
    return TrainResult(
        folder=folder,
        encoder=folder / ENCODER,
        step=engine.step,
        steps_run=engine.step - began,
        total_steps=engine.schedule.total_steps,
        loss=loss,
        images_per_second=clock.mean_images_per_second,
        data_wait=clock.mean_data_wait,
        seconds=clock.seconds,
        stopped_by=stop.signal,
        watched=monitor.last if monitor else None,
        best=monitor.best if monitor else None,
    )


def export(run: TrainingRun, engine: Engine, folder: Path) -> None:
    """Write what users take away of a run: the encoder, and what else the stage exports.

    Args:
        run: that the engine was made by.
        engine: at the step that is exported.
        folder: that the files go to.

    Raises:
        OSError: they cannot be written.
    """
    steps = TrainedSteps(step=engine.step, total_steps=engine.schedule.total_steps)
    save_encoder(folder / ENCODER, engine.stage.encoder, run.spec, steps)
    for name, module in engine.stage.exports().items():
        save_encoder(folder / f"{name}.safetensors", module, run.spec, steps)
