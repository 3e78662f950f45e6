"""What is chosen about a table of images.

Covers: the choices. Does not cover: applying them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Uncertain = Literal["leave-out", "zeros", "ones"]


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Which table, and which of its columns mean what.

    Args:
        path: of the table: CSV, TSV, Parquet or XLSX.
        path_column: names the files; None: found by its name and contents.
        label_columns: one of classes, or one for each finding of multi-label data; empty: found by name.
        split_column: of train, val and test; None: found by its name.
        group_column: whose the images are; None: found by its name.
        uncertain: what -1 means in columns of findings: the image is left out, 0 (U-Zeros), or 1 (U-Ones) (CheXpert,
            Irvin et al. 2019).
    """

    path: Path
    path_column: str | None = None
    label_columns: tuple[str, ...] = ()
    split_column: str | None = None
    group_column: str | None = None
    uncertain: Uncertain = "leave-out"
