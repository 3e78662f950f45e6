"""The hashed split: proportions, every class everywhere, and stability."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.splits import assign_splits


def paths_of(count: int, name: str = "a") -> list[str]:
    return [f"{name}/{index:05}.png" for index in range(count)]


def test_each_class_is_divided_70_10_20():
    paths = paths_of(3000, "a") + paths_of(3000, "b")
    splits = np.array(assign_splits(paths, np.repeat([0, 1], 3000)))
    for rows in (slice(0, 3000), slice(3000, 6000)):
        shares = [np.mean(splits[rows] == name) for name in ("train", "val", "test")]
        assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.03)


def test_a_path_s_split_depends_neither_on_order_nor_on_the_other_paths():
    paths = paths_of(400)
    whole = dict(zip(paths, assign_splits(paths, np.zeros(400, int)), strict=True))
    mixed = paths[::-1][:300]
    assert dict(zip(mixed, assign_splits(mixed, np.zeros(300, int)), strict=True)) == {p: whole[p] for p in mixed}


def test_adding_files_one_by_one_moves_none_but_stand_ins():
    paths = paths_of(200)
    known: dict[str, str] = {}
    moved = 0
    for count in range(2, 201):
        now = dict(zip(paths[:count], assign_splits(paths[:count], np.zeros(count, int)), strict=True))
        moved += sum(now[path] != split for path, split in known.items())
        known = now
    assert moved <= 12  # the lowest, the highest and the middle one give way while the class is tiny


@pytest.mark.parametrize("count", [3, 4, 7, 12])
def test_even_a_tiny_class_is_in_every_split(count):
    for name in "abcdefghij":
        splits = assign_splits(paths_of(count, name), np.zeros(count, int))
        assert set(splits) == {"train", "val", "test"}


def test_two_images_go_to_train_and_test():
    assert sorted(assign_splits(paths_of(2), np.zeros(2, int))) == ["test", "train"]
