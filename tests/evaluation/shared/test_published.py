"""The published rows: found for the official data alone, and consistent with medmnist's own table."""

from __future__ import annotations

import pytest
from medmnist import INFO

from fastssl.evaluation.shared.published import PUBLISHED, published_result


@pytest.mark.parametrize("result", PUBLISHED, ids=lambda result: f"{result.flag}-{result.size}")
def test_every_row_s_splits_are_those_of_medmnist(result) -> None:
    assert result.splits == tuple(INFO[result.flag]["n_samples"][split] for split in ("train", "val", "test"))


def test_every_two_dimensional_set_has_a_row_at_28_pixels() -> None:
    assert {row.flag for row in PUBLISHED if row.size == 28} == {flag for flag in INFO if not flag.endswith("3d")}


def test_a_row_is_found_by_name_size_and_splits() -> None:
    official = (4708, 524, 624)
    at_28, at_224 = (
        published_result(name, size, official) for name, size in (("pneumoniamnist", 28), ("pneumoniamnist_224", 224))
    )
    assert at_28 is not None
    assert at_224 is not None
    assert (at_28.auc, at_28.acc, at_224.auc, at_224.acc) == (0.944, 0.854, 0.956, 0.864)
    assert published_result("pneumoniamnist", 64, official) is None
    assert published_result("pneumoniamnist", 28, (4708, 524, 600)) is None
    assert published_result("demo", 28, official) is None
