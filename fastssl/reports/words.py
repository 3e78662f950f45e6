"""Numbers, differences and places in the words of a report.

Covers: cells with the best in bold, what a test says, paths without what is nobody's business. Does not cover: any
section.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from math import isnan
from pathlib import Path

from fastssl.evaluation.shared.report import mean_cell, number_cell
from fastssl.evaluation.shared.statistics import ALPHA
from fastssl.paths import home_folder

from .blocks import TableCell, Tone
from .reading.evaluation_files import StoredTest

MINUS = "\N{MINUS SIGN}"


def score_cells(
    means: Sequence[float],
    deviations: Sequence[float] | None = None,
    *,
    digits: int = 3,
    scale: float = 1.0,
    compared: Sequence[bool] | None = None,
) -> list[TableCell]:
    """Make a column of a table, in which the best is bold: every one that is shown with the same digits.

    Args:
        means: of each row; nan where there is none.
        deviations: standard deviations; None for none.
        digits: after the decimal point.
        scale: what all is multiplied by; 100 for percent.
        compared: which rows may be the best; None for all.

    Returns:
        A cell for each row.
    """
    may = compared or [True] * len(means)
    known = [mean for mean, allowed in zip(means, may, strict=True) if allowed and not isnan(mean)]
    best = number_cell(max(known), digits=digits, scale=scale) if len(known) > 1 else None
    spreads = deviations or [float("nan")] * len(means)
    return [
        TableCell(
            text="" if isnan(mean) else mean_cell(mean, spread, digits=digits, scale=scale).replace("±", " ± "),
            best=allowed and number_cell(mean, digits=digits, scale=scale) == best,
        )
        for mean, spread, allowed in zip(means, spreads, may, strict=True)
    ]


def p_text(test: StoredTest) -> str:
    """Return a p-value as text, such as "p = 0.031" or "p < 0.001"; the adjusted one, where there is one.

    Args:
        test: which has a p-value.
    """
    p = test.p if isnan(test.p_holm) else test.p_holm
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def unbroken(text: str) -> str:
    """Return text whose spaces are no places to break a line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def share_text(share: float) -> str:
    """Return a share as text, such as "82 %"."""
    return f"{100 * share:.0f} %"


def is_significant(test: StoredTest) -> bool:
    """Return whether a difference is significant by its adjusted p-value."""
    return (test.p if isnan(test.p_holm) else test.p_holm) < ALPHA


def verdict(test: StoredTest, better: str) -> tuple[str, Tone]:
    """Say what a test says of a difference.

    Args:
        test: of it.
        better: name of the encoder that is ahead.

    Returns:
        A phrase, and how it is marked.
    """
    if isnan(test.p):
        return f"not tested: {test.reason or 'there is no p-value'}", "muted"
    if is_significant(test):
        return f"{better} is better ({unbroken(p_text(test))})", "good"
    return f"no difference shown ({unbroken(p_text(test))})", "muted"


def signed(value: float, *, digits: int, scale: float = 1.0) -> str:
    """Return a difference as text with its sign, as typographers write it."""
    return number_cell(value, digits=digits, scale=scale, sign="+").replace("-", MINUS)


def difference_row(test: StoredTest, *, digits: int, scale: float = 1.0) -> tuple[TableCell | str, ...]:
    """Make the cells of a difference: the difference, its interval, its p-value, what that says.

    Args:
        test: the comparison.
        digits: after the decimal point.
        scale: what difference and interval are multiplied by; 100 for percentage points.
    """
    difference = signed(test.difference, digits=digits, scale=scale)
    if isnan(test.p):
        return difference, "", "", TableCell(text=f"not tested: {test.reason}", tone="muted")
    low, high = (signed(value, digits=digits, scale=scale) for value in (test.low, test.high))
    said = (
        TableCell(text="different", tone="good", best=True)
        if is_significant(test)
        else TableCell(text="no difference shown", tone="muted")
    )
    return difference, f"{low} to {high}", p_text(test).removeprefix("p ").removeprefix("= "), said


def how_adjusted(tests: Sequence[StoredTest]) -> str:
    """Return a line on how differences were tested; "" where none was."""
    count = max((test.comparisons for test in tests), default=0)
    if not count:
        return ""
    return (
        f"Paired t-test over seeds; p-values are Holm-adjusted over {count} comparison{'s' * (count != 1)}; "
        f"different: p below {ALPHA:g}."
    )


def shown_path(path: str | os.PathLike[str]) -> str:
    """Return a path as it may be shown to others: relative to here where it lies below, with ~ for the home folder.

    Args:
        path: absolute or relative.
    """
    text = os.fspath(path)
    if not Path(text).is_absolute():
        return text
    here = Path.cwd()
    if Path(text).is_relative_to(here):
        return os.path.relpath(text, here)
    try:
        home = home_folder()
    except ValueError:
        return text
    return f"~/{Path(text).relative_to(home)}" if Path(text).is_relative_to(home) and home != Path("/") else text


def shown_command(line: str) -> str:
    """Return a command line whose paths may be shown to others, and which still runs as it is.

    Args:
        line: as a shell takes it.
    """
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    return shlex.join(shown_path(word) if Path(word).is_absolute() else word for word in words)
