"""Trials are run once, kept as they finish, and shown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from fastssl.evaluation.shared.trial_cache import TrialCache
from fastssl.evaluation.shared.trials import TrialSpec, Update, run_trials


def spec(seed: int) -> TrialSpec:
    return TrialSpec(
        label="mine", title=f"mine, seed {seed}", settings={"seed": seed}, length=3, unit="epoch", images=10
    )


class Comparison:
    """Trials of the seeds 0 to 3, whose result is ten times the seed; every call opens the file anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ran: list[int] = []
        self.interrupt_at: int | None = None
        self.console = Console(file=io.StringIO(), width=120)

    def run(self, order: tuple[int, ...] = (0, 1, 2, 3)) -> list[int]:
        def trial(one: TrialSpec, update: Update) -> int:
            seed = one.settings["seed"]
            if seed == self.interrupt_at:
                raise KeyboardInterrupt
            self.ran.append(seed)
            update(1, "val AUC 0.500")
            return 10 * seed

        cache: TrialCache[int] = TrialCache(
            self.path, encode=lambda found: {"n": found}, decode=lambda fields: fields["n"], version=1, notify=print
        )
        return run_trials(
            [spec(seed) for seed in order],
            cache,
            trial,
            summary="one encoder",
            describe=lambda found: f"found {found}",
            console=self.console,
        )

    @property
    def said(self) -> str:
        said: str = self.console.file.getvalue()
        return said


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    return Comparison(tmp_path / "report" / "trials.jsonl")


def test_results_come_in_the_order_of_the_specs(comparison: Comparison) -> None:
    assert comparison.run((2, 0, 3, 1)) == [20, 0, 30, 10]
    assert comparison.run() == [0, 10, 20, 30]


def test_finished_trials_are_not_repeated(comparison: Comparison) -> None:
    comparison.run((1, 3))
    assert "finished already" not in comparison.said
    assert comparison.run() == [0, 10, 20, 30]
    assert comparison.ran == [1, 3, 0, 2]
    assert "4 trials: one encoder; 2 of them are finished already" in comparison.said.splitlines()


def test_every_finished_trial_has_a_line_with_its_number_and_how_it_went(comparison: Comparison) -> None:
    comparison.run((1,))
    comparison.run((1, 2))
    lines = comparison.said.splitlines()
    assert "trial 1/1  mine, seed 1: found 10" in lines
    assert "trial 2/2  mine, seed 2: found 20" in lines
    assert any(line.startswith("trial 2/2  mine, seed 2  epoch 1/3  val AUC 0.500") for line in lines)


def test_an_interruption_keeps_what_is_finished_and_says_so_in_one_line(comparison: Comparison) -> None:
    comparison.interrupt_at = 2
    with pytest.raises(KeyboardInterrupt):
        comparison.run()
    assert comparison.said.splitlines()[-1] == "stopped: finished trials are kept; the same command goes on from there"
    comparison.interrupt_at = None
    assert comparison.run() == [0, 10, 20, 30]
    assert comparison.ran == [0, 1, 2, 3]


def test_what_a_trial_raises_leaves_the_trials_before_it(comparison: Comparison) -> None:
    def fails(one: TrialSpec, update: Update) -> int:
        raise ValueError("diverged")

    comparison.run((0,))
    cache: TrialCache[int] = TrialCache(
        comparison.path, encode=lambda n: {"n": n}, decode=lambda f: f["n"], version=1, notify=print
    )
    with pytest.raises(ValueError, match="diverged"):
        run_trials([spec(0), spec(1)], cache, fails, summary="", describe=str, console=comparison.console)
    assert comparison.run((0, 1)) == [0, 10]
    assert comparison.ran == [0, 1]
