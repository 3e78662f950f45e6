"""Print what scaling costs, from counted terms and stated assumptions: `python -m bench.scaling`.

Covers: all tables of the page on scaling, or those named. Does not cover: counting the terms
(`python -m bench.scaling.measure`), writing the page (`python -m bench.table`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench.program import leave
from bench.scaling.tables import TABLES


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description="Print the tables on scaling.")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"some of {', '.join(TABLES)}; default: all")
    chosen = parser.parse_args(arguments).tables
    if unknown := [name for name in chosen if name not in TABLES]:
        parser.error(f"no table {unknown[0]!r}: give {', '.join(TABLES)}")
    for name in chosen or TABLES:
        print("\n".join([f"## {name}", "", *TABLES[name](), ""]))
    return 0


if __name__ == "__main__":
    leave(main)
