"""What a reader sees: one table for each section, from the records that JSON keeps as well.

Covers: lines of plain text, some 120 columns wide. Does not cover: the tables of the documentation
(`markdown.py`), measuring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
SAME = 0.03
"""A ratio this close to 1 is called neither a win nor a loss."""
KNOWN = {"section", "problem", "missing", "variant", "role", "times_ours", "goal", "work", "rate", "unit"}
KNOWN |= {"floor_seconds", "share_of_floor", "first_call_seconds", "peak_bytes"}
"""What a table has a place for; all else in `extra_info` is a fact with its unit in its name."""


def sections(records: Iterable[Record]) -> dict[str, dict[str, list[Record]]]:
    """Section -> problem -> its records, each in the order of measuring."""
    found: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        info = record["extra_info"]
        if "section" in info:
            found.setdefault(info["section"], {}).setdefault(info["problem"], []).append(record)
    return found


def section_lines(problems: Mapping[str, Sequence[Record]]) -> list[str]:
    """The table of one section: a problem's name, then a line for each variant, ours and its peers."""
    header = f"  {'':<30} {'median':>10} {'(min .. max)':>24} {'to ours':>10} {'peak':>9}  more"
    lines = [header]
    for problem, records in problems.items():
        lines.append(problem)
        lines += [_line(record) for record in records]
        missing = records[0]["extra_info"]["missing"]
        lines += [f"  {name:<30} not installed: {pip}" for name, pip in missing.items()]
    return lines


def progress_text(records: Sequence[Record]) -> str:
    """One problem's result in a line: our time, and how many times as long each peer takes."""
    info = records[0]["extra_info"]
    if not info["variant"].startswith("fastssl"):
        return f"{info['variant']} {time_text(records[0]['stats']['median'])}"
    peers = [
        f"{record['extra_info']['variant']} {ratio_text(record['extra_info'])}"
        for record in records
        if record["extra_info"]["role"] == "peer" and "times_ours" in record["extra_info"]
    ]
    return ", ".join([time_text(records[0]["stats"]["median"]), *peers])


def losses(records: Iterable[Record]) -> list[str]:
    """Every problem on which a peer was faster than ours, by how much."""
    found = []
    for record in records:
        info = record["extra_info"]
        if info.get("role") == "peer" and info.get("times_ours", 1.0) < 1 - SAME:
            found.append(
                f"{info['section']}: {info['problem']}: {info['variant']} takes {info['times_ours']:.2f} of it"
            )
    return found


def missing(records: Iterable[Record]) -> list[str]:
    """The pip lines of peers that are not installed."""
    return sorted({pip for record in records for pip in record["extra_info"].get("missing", {}).values()})


def _line(record: Record) -> str:
    info, stats = record["extra_info"], record["stats"]
    spread = f"({time_text(stats['min'])} .. {time_text(stats['max'])})"
    ratio = ratio_text(info) if info["role"] != "ours" and "times_ours" in info else ""
    peak = size_text(info["peak_bytes"]) if "peak_bytes" in info else ""
    columns = f"  {info['variant']:<30} {time_text(stats['median']):>10} {spread:>24} {ratio:>10} {peak:>9}"
    return f"{columns}  {', '.join(_more(info))}".rstrip()


def _more(info: Mapping[str, Any]) -> list[str]:
    found = []
    if "rate" in info:
        found.append(rate_text(info))
    if "share_of_floor" in info:
        found.append(f"{info['share_of_floor']:.0%} of the floor's speed")
    if "goal" in info:
        found.append(f"goal {info['goal']:g}x {'met' if info['times_ours'] >= info['goal'] else 'missed'}")
    found += [f"{value:,.4g} {name}" for name, value in info.items() if name not in KNOWN]
    return found


def rate_text(info: Mapping[str, Any], *, unit: bool = True) -> str:
    """What a second gets through: four digits, or all before the point."""
    value = f"{info['rate']:,.4g}" if info["rate"] < 1000 else f"{info['rate']:,.0f}"
    return f"{value} {info['unit']}" if unit else value


def ratio_text(info: Mapping[str, Any]) -> str:
    """How many times as long as ours."""
    times = info["times_ours"]
    return f"{times:.1f}x" if times >= 1.95 else f"{times:.2f}x"


def time_text(seconds: float) -> str:
    """With its unit."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} us"


def size_text(count: float) -> str:
    """Bytes with their unit."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
