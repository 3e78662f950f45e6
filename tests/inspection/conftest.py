"""Images with structure, few and small, and sources made of arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fastssl.data.named.demo import open_demo
from fastssl.data.source import Source, Split

MakeSource = Callable[..., Source]


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """90 grey images of 112 px, each of something else; `[90, 112, 112, 1]` uint8."""
    images = open_demo("demo", 112, counts={"train": 90}, threads=1).splits["train"].images
    return np.asarray(images)


@pytest.fixture
def make_source() -> MakeSource:
    """Make a source of images by split, with labels, groups and ids by split where they are given."""

    def make(
        images: dict[str, np.ndarray],
        labels: dict[str, np.ndarray] | None = None,
        groups: dict[str, np.ndarray] | None = None,
        ids: dict[str, list[str]] | None = None,
        **about: object,
    ) -> Source:
        splits = {
            name: Split(
                images=own,
                labels=(labels or {}).get(name),
                groups=(groups or {}).get(name),
                ids=None if ids is None else np.array(ids[name]),
            )
            for name, own in images.items()
        }
        return Source(name="set", splits=splits, **about)  # type: ignore[arg-type]

    return make
