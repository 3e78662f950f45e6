"""Tables as files, and what they say about files that need not be there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fastssl.data.tables import TableMatch, TableOptions, match_table, read_table


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a table next to the folder of the images; text, or bytes."""

    def make(content: str | bytes, name: str = "labels.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


@pytest.fixture
def match(write: Callable[..., Path], tmp_path: Path) -> Callable[..., TableMatch]:
    """Match a table with files in the folder `images` next to it."""

    def run(
        content: str | bytes, files: Sequence[str], *, name: str = "labels.csv", root: str = "images", **chosen: object
    ) -> TableMatch:
        options = TableOptions(path=write(content, name), **chosen)  # type: ignore[arg-type]
        return match_table(read_table(options), options, files, tmp_path / root)

    return run
