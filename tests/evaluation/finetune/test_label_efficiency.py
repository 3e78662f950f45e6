"""Labels saved, on curves drawn by hand."""

from __future__ import annotations

from math import nan

import pytest

from fastssl.evaluation.finetune.label_efficiency import fraction_reaching, label_saving

CURVE = {0.01: 0.6, 0.1: 0.8, 1.0: 0.9}


@pytest.mark.parametrize(
    ("target", "fraction"),
    [
        (0.7, 10**-1.5),  # half way from 0.01 to 0.1 on a logarithmic axis
        (0.85, 10**-0.5),
        (0.65, 10**-1.75),
        (0.8, 0.1),
        (0.9, 1.0),
        (0.6, 0.01),
        (0.5, 0.01),
        (0.91, None),
    ],
)
def test_the_fraction_is_where_the_line_crosses_the_target(target: float, fraction: float | None) -> None:
    found = fraction_reaching(CURVE, target)
    assert found == (None if fraction is None else pytest.approx(fraction))


def test_a_curve_that_dips_is_read_from_its_smallest_fraction() -> None:
    assert fraction_reaching({0.01: 0.6, 0.1: 0.8, 1.0: 0.7}, 0.7) == pytest.approx(10**-1.5)


def test_the_saving_is_against_random_init_on_all_labels() -> None:
    found = label_saving("mine", CURVE, {0.01: 0.5, 0.1: 0.6, 1.0: 0.7})
    assert (found.target, found.at_least) == (0.7, False)
    assert found.fraction == pytest.approx(10**-1.5)
    assert found.text == "mine reaches random init's AUC on all labels (0.700) with 3.16 % of them: 96.8 % fewer labels"


def test_where_the_least_share_suffices_the_saving_is_a_bound() -> None:
    found = label_saving("mine", CURVE, {1.0: 0.55})
    assert (found.fraction, found.at_least) == (0.01, True)
    assert "with 1 %, the least tried: at least 99 % fewer labels" in found.text


def test_where_no_share_suffices_nothing_is_saved() -> None:
    found = label_saving("mine", CURVE, {1.0: 0.95})
    assert found.fraction is None
    assert "does not reach" in found.text


@pytest.mark.parametrize(
    ("curve", "random", "why"),
    [
        (CURVE, {1.0: nan}, "AUC is undefined"),
        ({0.1: nan, 1.0: nan}, {1.0: 0.8}, "AUC is undefined"),
    ],
)
def test_what_cannot_be_computed_is_said(curve: dict[float, float], random: dict[float, float], why: str) -> None:
    found = label_saving("mine", curve, random)
    assert found.fraction is None
    assert found.text.startswith("mine: how many labels it saves is not known")
    assert why in found.text
