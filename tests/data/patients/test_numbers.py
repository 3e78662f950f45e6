"""Patients whose names come by split: one number for one name."""

from __future__ import annotations

import numpy as np

from fastssl.data.patients import number_groups
from fastssl.data.patients.pseudonyms import pseudonyms_of
from fastssl.data.patients.salt import find_salt

NAMED = {"train": np.array(["b", "a", "b"]), "test": np.array([b"c", b"b"])}


def test_a_name_has_one_number_in_all_splits_in_the_order_of_names() -> None:
    found = number_groups(NAMED, pseudonymise=False)
    assert {split: own.tolist() for split, own in found.groups.items()} == {"train": [1, 0, 1], "test": [2, 1]}
    assert {own.dtype for own in found.groups.values()} == {np.dtype(np.int64)}
    assert found.names == ("a", "b", "c")


def test_numbers_do_not_depend_on_pseudonyms() -> None:
    plain, hidden = number_groups(NAMED, pseudonymise=False), number_groups(NAMED)
    for split in NAMED:
        np.testing.assert_array_equal(plain.groups[split], hidden.groups[split])
    assert hidden.names == pseudonyms_of(["a", "b", "c"], find_salt())


def test_columns_and_whole_numbers_are_names_too() -> None:
    found = number_groups({"train": np.array([[7], [7], [-1]]), "val": np.array([7], np.uint8)}, pseudonymise=False)
    assert [own.tolist() for own in found.groups.values()] == [[1, 1, 0], [1]]
    assert found.names == ("-1", "7")


def test_bytes_that_are_no_text_are_some_name() -> None:
    found = number_groups({"train": np.array([b"\xff\xfe", b"\xff\xfe", b"a"])}, pseudonymise=False)
    assert found.groups["train"].tolist() == [1, 1, 0]


def test_without_names_there_are_no_patients_and_no_salt(cache) -> None:
    assert number_groups({}).names == ()
    assert not cache.exists()
