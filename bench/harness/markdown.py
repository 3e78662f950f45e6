"""Tables of the documentation from a file of figures.

Covers: pytest-benchmark's form with our `extra_info`: a wide table, a row for each problem and a column for each
variant, or a long one, a row for each variant; beneath it what it was measured on. Does not cover: where tables stand
(`bench/table.py`), the terminal's (`report.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.harness.report import KNOWN, rate_text, ratio_text, size_text, time_text

Record = Mapping[str, Any]
EXTRA = {"rate": "rate", "peak memory": "peak_bytes", "of the floor's speed": "share_of_floor"}
"""Columns of a long table that are there where any record has them: heading -> name in `extra_info`."""


def table(figures: Mapping[str, Any], layout: str, columns: str = "") -> list[str]:
    """The lines of a table.

    Args:
        figures: what a file holds.
        layout: "wide" or "long".
        columns: of a wide table, variants with semicolons between them; default: all.

    Raises:
        ValueError: there is no such layout or variant.
    """
    if layout not in ("wide", "long"):
        raise ValueError(f"{layout!r} is no layout: wide or long")
    problems: dict[str, list[Record]] = {}
    for bench in figures["benchmarks"]:
        problems.setdefault(bench["extra_info"]["problem"], []).append(bench)
    lines = _wide(problems, columns) if layout == "wide" else _long(problems)
    return [*lines, "", provenance(figures)]


def provenance(figures: Mapping[str, Any]) -> str:
    """In a sentence: device, versions of torch and of the peers that are there, commit, date, rounds."""
    machine, commit = figures["machine_info"], figures["commit_info"]
    rounds = sorted({bench["stats"]["rounds"] for bench in figures["benchmarks"]})
    counted = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
    held = machine.get("held to")
    processor = machine["processor"]
    kind = f", family {processor['family']} model {processor['model']}" if processor.get("family") else ""
    versions = ", ".join(
        f"{name} {machine['packages'][name]}"
        for name in machine["packages"]
        if name == "torch" or _is_peer(figures, name)
    )
    dirty = " with changes" if commit.get("dirty") else ""
    return (
        f"Measured on {machine['device']}{kind}{f', held to {_held(held)}' if held else ''}; {versions}; commit "
        f"{commit['id'][:10]}{dirty}, {figures['datetime'][:10]}; medians of {counted} interleaved rounds."
    )


def _wide(problems: Mapping[str, Sequence[Record]], columns: str) -> list[str]:
    known = list(dict.fromkeys(record["extra_info"]["variant"] for records in problems.values() for record in records))
    variants = [name.strip() for name in columns.split(";")] if columns else known
    if unknown := [name for name in variants if name not in known]:
        raise ValueError(f"no variant {unknown[0]!r}: there are {'; '.join(known)}")
    lines = [f"| {_unit(problems)} | {' | '.join(variants)} |", f"| --- |{' ---: |' * len(variants)}"]
    for problem, records in problems.items():
        found = {record["extra_info"]["variant"]: record for record in records}
        cells = [_cell(found[variant]) if variant in found else "" for variant in variants]
        lines.append(f"| {problem} | {' | '.join(cells)} |")
    return lines


def _long(problems: Mapping[str, Sequence[Record]]) -> list[str]:
    facts = list(
        dict.fromkeys(
            name
            for records in problems.values()
            for record in records
            for name in record["extra_info"]
            if name not in KNOWN
        )
    )
    infos = [record["extra_info"] for records in problems.values() for record in records]
    extra = {title: key for title, key in EXTRA.items() if any(key in info for info in infos)}
    heads = ["", "", "median (min .. max)", "to ours", *extra, *facts]
    lines = [f"| {' | '.join(heads)} |", f"| --- | --- |{' ---: |' * (len(heads) - 2)}"]
    for problem, records in problems.items():
        for number, record in enumerate(records):
            info, stats = record["extra_info"], record["stats"]
            spread = f"({time_text(stats['min'])} .. {time_text(stats['max'])})"
            ours = info["role"] == "ours"
            cells = [
                "" if number else problem,
                f"**{info['variant']}**" if ours else info["variant"],
                f"{time_text(stats['median'])} {spread}",
                "" if ours or "times_ours" not in info else ratio_text(info),
                *(_shown(info, key) for key in extra.values()),
                *(f"{info[name]:,.3g}" if name in info else "" for name in facts),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _shown(info: Mapping[str, Any], key: str) -> str:
    if key not in info:
        return ""
    if key == "rate":
        return rate_text(info)
    return size_text(info[key]) if key == "peak_bytes" else f"{info[key]:.0%}"


def _unit(problems: Mapping[str, Sequence[Record]]) -> str:
    units = {record["extra_info"].get("unit", "time") for records in problems.values() for record in records}
    return units.pop() if len(units) == 1 else ""


def _cell(record: Record) -> str:
    """A rate, or a time where there is none; ours in bold, a peer's with its ratio to ours."""
    info = record["extra_info"]
    value = rate_text(info, unit=False) if "rate" in info else time_text(record["stats"]["median"])
    if info["role"] == "ours":
        return f"**{value}**"
    return f"{value} ({ratio_text(info)})" if "times_ours" in info else value


def _held(limits: Mapping[str, str]) -> str:
    return " and ".join(sorted({value.upper() for value in limits.values()}))


def _is_peer(figures: Mapping[str, Any], package: str) -> bool:
    return any(
        bench["extra_info"]["role"] == "peer" and package in bench["extra_info"]["variant"].lower()
        for bench in figures["benchmarks"]
    )
