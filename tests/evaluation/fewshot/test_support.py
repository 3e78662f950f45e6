"""Support sets: balanced, seeded, nested, and honest about classes with few images."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.evaluation.fewshot.support import draw_supports, overlap_notes, scarcity

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [60, 30, 4]))


def test_every_class_gives_as_many_images_as_there_are_shots() -> None:
    for support in draw_supports(LABELS, (1, 3), range(4)):
        assert support.rows.shape == (4, 3 * support.shots)
        for rows in support.rows:
            assert np.bincount(LABELS[rows]).tolist() == [support.shots] * 3
            assert len(np.unique(rows)) == len(rows)
            np.testing.assert_array_equal(LABELS[rows], support.labels)


def test_a_seed_decides_the_draw() -> None:
    first, again, other = (draw_supports(LABELS, (3,), seeds)[0].rows for seeds in ((1, 2), (1, 2), (3, 4)))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, other)


def test_a_seed_s_draw_does_not_depend_on_the_other_seeds_or_shots() -> None:
    alone = draw_supports(LABELS, (3,), (7,))[0].rows[0]
    among = draw_supports(LABELS, (1, 3, 20), (5, 6, 7))[1].rows[2]
    np.testing.assert_array_equal(alone, among)


def test_fewer_shots_are_part_of_more() -> None:
    small, large = draw_supports(LABELS, (5, 20), range(3))
    for few, many in zip(small.rows, large.rows, strict=True):
        assert set(few) < set(many)


def test_a_class_with_fewer_images_gives_all_it_has_and_that_is_told() -> None:
    support = draw_supports(LABELS, (10,), (0,))[0]
    assert np.bincount(support.labels).tolist() == [10, 10, 4]
    assert set(np.flatnonzero(LABELS == 2)) < set(support.rows[0])
    assert scarcity(LABELS, (1, 5, 40)) == [
        "class 1 has 30 images to draw from: all of them are taken at 40 shots",
        "class 2 has 4 images to draw from: all of them are taken at 5, 40 shots",
    ]
    assert scarcity(LABELS, (1, 4)) == []


def test_overlap_is_what_two_random_draws_of_a_class_have_in_common() -> None:
    """n of N images drawn twice have n^2 / N in common on average: a share of n / N; all seeds together, a constant."""
    labels = np.repeat([0, 1], [40, 40])
    few, half, all_of_them = draw_supports(labels, (4, 20, 50), range(40))
    assert few.overlap == pytest.approx(4 / 40, abs=0.02)
    assert half.overlap == pytest.approx(20 / 40, abs=0.02)
    assert all_of_them.overlap == 1


def test_draws_that_share_images_are_told_with_their_share() -> None:
    labels = np.repeat([0, 1], [40, 40])
    one, two = overlap_notes(draw_supports(labels, (1, 20, 40, 50), range(10)))
    assert one.startswith("no intervals or p-values at 40 shots (100 % in common on average), 50 shots (100 % in")
    assert two.startswith("the draws of two seeds share many images at 20 shots (49 % in common on")
    assert "1 shots" not in two
    assert overlap_notes(draw_supports(labels, (1,), range(5))) == []
    assert overlap_notes(draw_supports(labels, (1, 50), (0,))) == []


def test_without_patients_and_with_an_image_of_each_the_draws_are_those_of_before() -> None:
    """Computed before draws knew patients, so that no stored result changes."""
    labels = np.arange(30) % 3
    expected = [[12, 18, 28, 4, 26, 8], [24, 12, 22, 7, 26, 17]]
    for groups in (None, np.arange(30)[::-1]):
        assert draw_supports(labels, (2,), (0, 1), groups)[0].rows.tolist() == expected


PATIENTS = np.random.default_rng(1).permutation(np.repeat(np.arange(20), 5))
OF_TWO = PATIENTS % 2


@pytest.mark.parametrize("shots", [1, 4, 10])
def test_k_images_of_a_class_are_of_k_patients(shots: int) -> None:
    for rows in draw_supports(OF_TWO, (shots,), range(5), PATIENTS)[0].rows:
        for label in range(2):
            assert len(set(PATIENTS[rows[OF_TWO[rows] == label]])) == shots


def test_patients_give_a_second_image_only_after_all_have_given_one() -> None:
    for rows in draw_supports(OF_TWO, (25,), range(5), PATIENTS)[0].rows:
        given = np.bincount(PATIENTS[rows], minlength=20)
        assert set(given) <= {2, 3}  # 25 images of ten patients a class


def test_fewer_shots_are_part_of_more_and_every_image_can_be_drawn_of_patients_too() -> None:
    small, large = draw_supports(OF_TWO, (3, 12), range(40), PATIENTS)
    for few, many in zip(small.rows, large.rows, strict=True):
        assert set(few) < set(many)
    assert set(large.rows.reshape(-1)) == set(range(100))


def test_a_class_of_fewer_patients_than_shots_is_told() -> None:
    labels, groups = np.repeat([0, 1, 2], [8, 8, 2]), np.repeat([0, 1, 2, 3, 4, 5, 6, 7, 8], 2)
    assert scarcity(labels, (2, 5), groups) == [
        "class 2 has 2 images to draw from: all of them are taken at 5 shots",
        "class 0 has images of 4 patients to draw from: some give several at 5 shots",
        "class 1 has images of 4 patients to draw from: some give several at 5 shots",
        "class 2 has images of 1 patient to draw from: some give several at 2, 5 shots",
    ]
    assert scarcity(labels, (1,), groups) == []
