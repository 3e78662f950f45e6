"""Empty files: a layout is read without opening any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def touch(tmp_path: Path) -> Callable[..., Path]:
    """Make empty files in a folder of their own."""

    def make(*paths: str) -> Path:
        root = tmp_path / "set"
        root.mkdir(exist_ok=True)
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        return root

    return make
