"""The tables of the documentation, made from committed figures: `python -m bench.table`.

Covers: every place that is marked in a Markdown file; `--check` writes nothing and fails where a table is not that of
its figures. Does not cover: how a table looks (`bench/harness/markdown.py`, `bench/speedrun/board.py`,
`bench/aligned/board.py`, `bench/hospital/board.py`, `bench/reproduce/markdown.py`).

A place is marked so, with the file below bench/results, without its ending, and a layout: for timings wide or long, for
quality plain, without heading and claims, or claims, without the table. A wide one may name its columns, a plain one
its rows:

    <!-- table: amd-epyc-avx512-bf16-x2/kernels_info_nce long -->
    <!-- end of table -->
    <!-- table: amd-epyc-avx512-bf16-x2/end_to_end_peers wide fastssl; lightly, bf16 -->
    <!-- end of table -->
    <!-- table: quality/probe plain SimCLR, linear; MoCo, linear -->
    <!-- end of table -->

One that is computed from counted terms, not measured, is named "scaling/" and as `bench.scaling.tables` names it:

    <!-- table: scaling/wire -->
    <!-- end of table -->
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.aligned import board as aligned
from bench.harness import markdown
from bench.hospital import board as hospital
from bench.program import leave
from bench.reproduce.markdown import claim_lines, plain
from bench.reproduce.markdown import markdown as quality
from bench.scaling.tables import TABLES
from bench.speedrun import board

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
PAGES = ("README.md", "docs/**/*.md", "bench/**/*.md")
PLACE = re.compile(r"(<!-- table: (?P<what>[^>]+?) -->\n)(?P<table>.*?)(<!-- end of table -->)", re.DOTALL)


class NoTable(Exception):
    """A place names figures that are not there; the message says where and what."""


def lines_of(what: str) -> list[str]:
    """The table that a place asks for.

    Raises:
        NoTable: its figures are not there or of another kind.
    """
    name, _, layout = what.partition(" ")
    try:
        if name.startswith("scaling/"):
            return TABLES[name.removeprefix("scaling/")]()
        figures = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        if name.startswith("speedrun/"):
            return board.table(figures)
        if name.startswith("aligned/"):
            return aligned.table(figures)
        if name.startswith("hospital/"):
            return hospital.table(figures)
        if name.startswith("quality/"):
            return _quality(figures, layout)
        return markdown.table(figures, *layout.split(" ", 1))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NoTable(f"table: {what}: {type(error).__name__}: {error}") from None


def _quality(figures: Mapping[str, Any], layout: str) -> list[str]:
    kind, _, rows = layout.partition(" ")
    if kind == "plain":
        return plain(figures, rows.split("; ") if rows else ())[:-1]
    if layout == "claims":
        return claim_lines(figures)
    if layout:
        raise ValueError(f"{layout!r} is no layout: plain, claims, or none")
    return quality(figures).strip().splitlines()


def filled(text: str) -> str:
    """A page with every table made anew.

    Raises:
        NoTable: as above.
    """

    def place(match: re.Match[str]) -> str:
        table = "\n".join(lines_of(match["what"]))
        return f"{match[1]}\n{table}\n\n{match[4]}"

    return PLACE.sub(place, text)


def pages() -> list[Path]:
    """Every page that may have tables."""
    return sorted(path for pattern in PAGES for path in ROOT.glob(pattern))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or check them; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.table", description="Write the tables of the documentation.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a table is not its figures'")
    given = parser.parse_args(arguments)
    stale = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        try:
            made = filled(text)
        except NoTable as error:
            print(f"error: {page.relative_to(ROOT)}: {error}", file=sys.stderr)
            return 2
        if made != text:
            stale.append(page.relative_to(ROOT))
            if not given.check:
                page.write_text(made, encoding="utf-8")
    for page in stale:
        print(f"{page}: {'its tables are not those of the figures' if given.check else 'written'}")
    return 1 if stale and given.check else 0


if __name__ == "__main__":
    leave(main)
