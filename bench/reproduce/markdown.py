"""A table of quality as Markdown, from its JSON alone.

Covers: the table, its claims, what it was measured on. Does not cover: making the JSON (`outcome.py`), individual draws
and comparisons, which the JSON has.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

Content = Mapping[str, Any]


def markdown(outcome: Content) -> str:
    """Return the table with its claims as Markdown.

    Args:
        outcome: the content of a `TABLE.json`.

    Returns:
        Mean ± standard deviation over seeds, the best of each column in bold, a table for each group of columns;
        beneath it claims, seeds, processor, commit and date.
    """
    lines = [f"### {outcome['title']}", "", *plain(outcome)]
    if outcome["claims"]:
        lines += ["Claims; a difference above 0 speaks for one:", "", *claim_lines(outcome), ""]
    return "\n".join([*lines, _measured(outcome), ""])


def plain(outcome: Content, rows: Sequence[str] = ()) -> list[str]:
    """Return the lines of the table alone, a table for each group of columns.

    Args:
        outcome: the content of a `TABLE.json`.
        rows: labels of those that are shown; default: all.

    Raises:
        ValueError: there is no such row.
    """
    labels = [row["label"] for row in outcome["rows"]]
    if unknown := [label for label in rows if label not in labels]:
        raise ValueError(f"no row {unknown[0]!r}; there are {'; '.join(labels)}")
    shown = [row for row in outcome["rows"] if not rows or row["label"] in rows]
    groups = [list(group) for _, group in itertools.groupby(outcome["columns"], key=_group)]
    return [line for group in groups for line in _table(shown, group)]


def _table(rows: list[Content], columns: list[Content]) -> list[str]:
    """The columns of a group, for those rows that have numbers there."""
    best = {column["name"]: _best(rows, column) for column in columns}
    own = [row for row in rows if any(column["name"] in row["cells"] for column in columns)]
    group = _group(columns[0])
    return [
        _line([group, *(column["name"].removeprefix(group).lstrip(", ") for column in columns)]),
        _line(["---"] * (len(columns) + 1)),
        *(_line([row["label"], *(_cell(row, column, best) for column in columns)]) for row in own),
        "",
    ]


def _group(column: Content) -> str:
    return str(column["group"])


def claim_lines(outcome: Content) -> list[str]:
    """Return every claim with its outcome and the differences that decided it, as items of a list.

    Args:
        outcome: the content of a `TABLE.json`.
    """
    return [_claim_line(claim, outcome["columns"]) for claim in outcome["claims"]]


def _claim_line(claim: Content, columns: list[Content]) -> str:
    """In the scale and with the digits of the columns."""
    shown = "; ".join([*(_difference(one, columns) for one in claim["columns"]), *filter(None, [claim.get("reason")])])
    return f"- {claim['text']}: **{claim['outcome']}** ({shown})"


def _difference(one: Content, columns: list[Content]) -> str:
    known = {column["name"]: column for column in columns}
    style = known.get(one["columns"][0], {"digits": 3, "scale": 1.0})
    where = one["columns"][0] if len(one["columns"]) == 1 else f"mean of {len(one['columns'])} columns"
    difference, low, high = (_number(one[name], style, sign="+") for name in ("difference", "low", "high"))
    if one["low"] is None:
        return f"{where}: {difference}, {one.get('reason') or 'no interval'}"
    return f"{where}: {difference}, 95 % {low} to {high}"


def _measured(outcome: Content) -> str:
    environment = outcome["environment"]
    seeds = outcome["seeds"]
    code = ", ".join(filter(None, outcome["code"])) or environment["commit"]["id"] or "unknown"
    about = [
        f"{len(seeds)} seed{'s' * (len(seeds) != 1)} of pre-training, mean ± standard deviation over them",
        str(environment["device"]),
        f"commit {code}",
        str(environment["date"])[:10],
    ]
    return "; ".join([*about, *outcome["notes"]]) + "."


def _best(rows: list[Content], column: Content) -> str | None:
    """The best number of a column as it is shown, among rows that are no published ones."""
    found = [
        mean
        for row in rows
        if not row["published"] and (mean := row["cells"].get(column["name"], {}).get("mean")) is not None
    ]
    if not found or len(found) < 2 or not column["best"]:
        return None
    return _number(max(found) if column["best"] == "highest" else min(found), column)


def _cell(row: Content, column: Content, best: Mapping[str, str | None]) -> str:
    cell = row["cells"].get(column["name"])
    if cell is None:
        return ""
    mean = _number(cell["mean"], column)
    varies = len(set(cell["values"])) > 1  # neither one seed, nor the same number every time
    text = f"{mean} ± {_number(cell['std'], column)}" if varies else mean
    return f"**{text}**" if not row["published"] and mean == best[column["name"]] else text


def _number(value: float | None, column: Content, sign: str = "") -> str:
    return "n/a" if value is None else f"{column['scale'] * value:{sign}.{column['digits']}f}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
