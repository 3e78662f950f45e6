"""What a person sees: plain lines where nobody watches, a bar on a terminal, and figures that add up."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from fastssl.training.progress import TASK_WINDOW, WINDOW, StepClock, TrainingProgress


class Time:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self._seconds = 100.0

    def now(self) -> float:
        return self._seconds

    def pass_(self, seconds: float) -> None:
        self._seconds += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def run(clock: StepClock, time: Time, steps: int, wait: float = 0.1, work: float = 0.3) -> None:
    """Steps that wait for a batch, then work on it."""

    def batches() -> Iterator[int]:
        for step in range(steps):
            time.pass_(wait)
            yield step

    for _ in clock.waiting(batches()):
        time.pass_(work)
        clock.tick()


def test_the_first_step_counts_in_no_figure(time: Time) -> None:
    clock = StepClock(8, time.now)
    run(clock, time, 1, work=60.0)
    assert (clock.images_per_second, clock.data_wait) == (0.0, 0.0)
    assert (clock.mean_images_per_second, clock.mean_data_wait, clock.steps) == (0.0, 0.0, 0)
    run(clock, time, 4)
    assert clock.images_per_second == clock.mean_images_per_second == pytest.approx(8 / 0.4)
    assert clock.data_wait == clock.mean_data_wait == pytest.approx(0.25)
    assert (clock.steps, clock.seconds) == (4, pytest.approx(1.6))


def test_the_live_figures_are_of_the_last_steps_the_means_of_all(time: Time) -> None:
    clock = StepClock(8, time.now)
    run(clock, time, 1 + WINDOW, wait=0.0, work=1.0)
    run(clock, time, WINDOW, wait=0.5, work=0.0)
    assert clock.images_per_second == pytest.approx(16)
    assert clock.data_wait == pytest.approx(1.0)
    assert clock.mean_images_per_second == pytest.approx(8 * 2 * WINDOW / (1.5 * WINDOW))
    assert clock.mean_data_wait == pytest.approx(1 / 3)


def test_a_pause_is_in_no_figure(time: Time) -> None:
    clock = StepClock(8, time.now)
    run(clock, time, 3)
    time.pass_(1000.0)
    clock.pause()
    run(clock, time, 2)
    assert clock.mean_images_per_second == pytest.approx(8 / 0.4)


def test_batches_pass_through_unchanged() -> None:
    assert list(StepClock(1).waiting(iter("abc"))) == ["a", "b", "c"]


def shown(console: Console, clock: StepClock, steps: list[int], time: Time, seconds: float) -> str:
    """What a run of 20 steps in epochs of 8 shows while `steps` go by."""
    settings = {"name": "moco", "total": 20, "done": 0, "steps_per_epoch": 8, "chance": 3.7136}
    with TrainingProgress(console, **settings, now=time.now) as bar:  # type: ignore[arg-type]
        for step in steps:
            time.pass_(seconds)
            bar.update(step, 2.34567, clock)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_without_a_terminal_there_is_a_plain_line_every_ten_seconds_and_at_the_end(time: Time) -> None:
    console = Console(file=io.StringIO(), width=40)
    clock = StepClock(8, time.now)
    run(clock, time, 5)
    lines = shown(console, clock, list(range(1, 21)), time, seconds=4.0).splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"step {step}/20" for step in (1, 4, 7, 10, 13, 16, 19, 20)]
    assert lines[0] == ("moco  step 1/20  epoch 1/3  loss 2.346 (chance 3.71)  20 img/s  data-wait 25.0%  ETA 1:16")
    assert lines[-1].endswith("ETA 0:00")


@pytest.mark.parametrize(("step", "epoch"), [(1, "1/3"), (8, "1/3"), (9, "2/3"), (16, "2/3"), (17, "3/3"), (20, "3/3")])
def test_epochs_are_counted_from_one(time: Time, step: int, epoch: str) -> None:
    text = shown(Console(file=io.StringIO()), StepClock(8), [step], time, seconds=11.0)
    assert f"epoch {epoch} " in text


def test_on_a_terminal_there_is_a_bar(time: Time) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    clock = StepClock(8, time.now)
    run(clock, time, 5)
    text = shown(console, clock, [5, 20], time, seconds=1.0)
    assert "first step: compiling and tuning" in text
    assert "━" in text
    assert "epoch 3/3  loss 2.346 (chance 3.71)  20 img/s  data-wait 25.0%" in text
    assert "100%" in text
    assert "step 20/20" not in text


def test_where_chance_is_unknown_it_is_not_mentioned() -> None:
    console = Console(file=io.StringIO())
    with TrainingProgress(console, name="vae", total=1, done=0, steps_per_epoch=1, chance=None) as bar:
        bar.update(1, 0.5, StepClock(8))
    assert "loss 0.500  0 img/s" in console.file.getvalue()  # type: ignore[attr-defined]


def test_tasks_are_shown_by_name_each_with_the_mean_of_its_last_steps() -> None:
    console = Console(file=io.StringIO())
    with TrainingProgress(console, name="pretext", total=60, done=0, steps_per_epoch=60, chance=None) as bar:
        for step in range(1, 60):
            own = {"jigsaw/loss": step, "jigsaw/accuracy": 0.12} if step % 2 else {"inpaint/loss": 0.1}
            bar.update(step, 9.0, StepClock(8), {"loss": 9.0, "lr": 0.1, **own})
        bar.update(60, 9.0, StepClock(8), {"loss": 9.0, "inpaint/loss": 2.1})
    mean = sum(range(59, 19, -2)) / TASK_WINDOW
    last = console.file.getvalue().splitlines()[-1]  # type: ignore[attr-defined]
    assert f"epoch 1/1  inpaint 0.200  jigsaw {mean:.3f} (12%)  0 img/s" in last
    assert "loss" not in last
