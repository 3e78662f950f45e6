"""The bar: lines where nobody watches, none too many, and how long is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fastssl.training.progress_bar import PLAIN_SECONDS, ProgressBar, duration


def test_a_line_holds_title_count_status_and_the_time_left() -> None:
    console, moments = Console(file=io.StringIO(), width=20), [100.0, 130.0]
    with ProgressBar(console, total=40, done=20, now=lambda: moments.pop(0)) as bar:
        bar.show(30, "[moco]", "loss 2.3", count="step 30/40")
    assert console.file.getvalue() == "[moco]  step 30/40  loss 2.3  ETA 0:30\n"  # type: ignore[attr-defined]


def test_lines_keep_their_distance_unless_asked_for_and_need_a_status() -> None:
    console, seconds = Console(file=io.StringIO()), 100.0
    with ProgressBar(console, total=4, now=lambda: seconds) as bar:
        for completed, (passed, status, at_once) in enumerate(
            [(1, "a", False), (2, "b", False), (3, "c", True), (3 + PLAIN_SECONDS, "", True), (14, "d", False)]
        ):
            seconds = 100.0 + passed
            bar.show(completed, "run", status, at_once=at_once)
    assert [line.split("  ")[1] for line in console.file.getvalue().splitlines()] == ["a", "c", "d"]  # type: ignore[attr-defined]


def test_on_a_terminal_a_transient_bar_leaves_nothing_behind() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    with ProgressBar(console, total=4, transient=True) as bar:
        bar.show(2, "trial [1]", "epoch 1/2")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "trial [1]" in text
    assert "epoch 1/2" in text
    assert text.endswith(("\x1b[2K", "\x1b[1A\x1b[2K"))


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (61, "1:01"), (3599.7, "1:00:00"), (7384, "2:03:04")])
def test_durations_read_as_clocks_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text
