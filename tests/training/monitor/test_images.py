"""Which images are watched: held out where there is a validation split, else without a vote."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.source import Source, Split
from fastssl.errors import ConfigError
from fastssl.stages.registry import train_config
from fastssl.training.monitor.images import choose_images, kind_of_monitor


def split(first: int, count: int, labels: np.ndarray | None = None, groups: np.ndarray | None = None) -> Split:
    """Images whose pixels tell their number."""
    numbers = np.arange(first, first + count, dtype=np.uint16)
    return Split(images=np.tile(numbers[:, None, None, None], (1, 2, 2, 1)), labels=labels, groups=groups)


def source(**splits: Split) -> Source:
    return Source(name="set", splits=splits, task="multi-class")


def numbers(images: np.ndarray) -> list[int]:
    return images[:, 0, 0, 0].tolist()


LABELS = np.arange(90) % 3


def test_queries_are_of_the_validation_split_and_voters_of_train() -> None:
    found = choose_images(source(train=split(0, 90, LABELS), val=split(1000, 60, LABELS[:60])), "knn", 30)
    assert (found.bank, len(found.images)) == (20, 30)
    assert found.labels is not None
    own = numbers(found.images)
    assert max(own[:20]) < 90
    assert min(own[20:]) >= 1000
    assert found.labels.tolist() == [number % 1000 % 3 for number in own]
    assert np.array_equal(np.asarray(found.targets).argmax(axis=1), found.labels)


def test_without_a_validation_split_no_query_has_a_vote() -> None:
    found = choose_images(source(train=split(0, 90, LABELS)), "knn", 30)
    own = numbers(found.images)
    assert len(set(own)) == 30
    few = choose_images(source(train=split(0, 90, LABELS)), "knn", 3000)
    assert few.bank == 45
    assert sorted(numbers(few.images)) == list(range(90))


def test_without_patients_and_with_an_image_of_each_the_choice_is_that_of_before() -> None:
    """Computed before the monitor knew patients, so that curves of runs stay comparable."""
    for groups in (None, np.arange(30)[::-1]):
        found = choose_images(source(train=split(0, 30, LABELS[:30], groups)), "knn", 9)
        assert (found.bank, numbers(found.images)) == (6, [7, 13, 19, 20, 22, 27, 3, 11, 26])


@pytest.mark.parametrize("count", [9, 30, 90, 3000])
@pytest.mark.parametrize("patients", [2, 5, 30])
def test_no_patient_of_a_query_has_a_vote(count: int, patients: int) -> None:
    groups = np.random.default_rng(patients).permutation(np.arange(90) % patients)
    found = choose_images(source(train=split(0, 90, LABELS, groups)), "knn", count)
    own = np.array(numbers(found.images))
    voters, queries = set(groups[own[: found.bank]]), set(groups[own[found.bank :]])
    assert voters
    assert queries
    assert not voters & queries
    assert len(own) == len(set(own)) <= count


def test_images_of_one_patient_alone_are_watched_by_rank_and_that_is_said() -> None:
    own = source(train=split(0, 90, LABELS, np.zeros(90, np.int64)))
    assert choose_images(own, "knn", 30).targets is None
    kind, why = kind_of_monitor(train_config({}), own)
    assert (kind, why.partition(";")[0]) == ("rank", "all labelled images are one patient's")
    with pytest.raises(
        ConfigError, match=r"monitor=knn: all labelled images of set are one patient's; give rank or off"
    ):
        kind_of_monitor(train_config({"monitor": "knn"}), own)
    val = split(1000, 60, LABELS[:60], np.ones(60, np.int64))
    assert kind_of_monitor(train_config({}), source(train=own.splits["train"], val=val))[0] == "knn"


def test_images_without_a_label_neither_vote_nor_are_voted_on() -> None:
    labels = np.where(np.arange(90) < 30, LABELS, -1)
    found = choose_images(source(train=split(0, 90, labels)), "knn", 300)
    assert max(numbers(found.images)) < 30
    several = np.stack([LABELS == 0, LABELS < 2], axis=1).astype(np.int64)
    several[5:] = -1
    found = choose_images(source(train=split(0, 90, several)), "knn", 300)
    assert max(numbers(found.images)) < 5
    assert found.labels is None


def test_the_choice_is_the_same_every_time() -> None:
    own = source(train=split(0, 90, LABELS), val=split(1000, 60, LABELS[:60]))
    assert np.array_equal(choose_images(own, "knn", 30).images, choose_images(own, "knn", 30).images)


def test_without_labels_images_are_held_out_where_there_are_enough() -> None:
    own = source(train=split(0, 90), val=split(1000, 60))
    assert min(numbers(choose_images(own, "rank", 50).images)) >= 1000
    assert max(numbers(choose_images(own, "rank", 70).images)) < 1000


def test_a_run_that_goes_on_without_its_labels_is_watched_by_rank() -> None:
    found = choose_images(source(train=split(0, 90)), "knn", 30)
    assert found.targets is None
    assert len(found.images) == 30


@pytest.mark.parametrize(
    ("asked", "labels", "kind"),
    [
        ("auto", LABELS, "knn"),
        ("auto", None, "rank"),
        ("auto", np.zeros(90, np.int64), "rank"),
        ("auto", np.full(90, -1), "rank"),
        ("rank", LABELS, "rank"),
        ("knn", LABELS, "knn"),
        ("off", LABELS, "off"),
    ],
)
def test_the_kind_follows_the_labels(asked: str, labels: np.ndarray | None, kind: str) -> None:
    assert kind_of_monitor(train_config({"monitor": asked}), source(train=split(0, 90, labels)))[0] == kind


def test_queries_that_are_of_train_are_said() -> None:
    asked, train = train_config({}), split(0, 90, LABELS)
    assert kind_of_monitor(asked, source(train=train, val=train))[1] == "there are labels; for 2 % of the time at most"
    alone = "there are labels of train alone, which gives voters and queries; for 2 % of the time at most"
    for own in (source(train=train), source(train=train, val=split(1000, 60))):
        assert kind_of_monitor(asked, own)[1] == alone


def test_neighbours_without_labels_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"monitor=knn: set has no labels of two classes; give --monitor rank"):
        kind_of_monitor(train_config({"monitor": "knn"}), source(train=split(0, 90)))


def with_groups(patients: np.ndarray) -> Source:
    own = split(0, 90, LABELS)
    return source(train=Split(images=own.images, labels=own.labels, groups=patients))


@pytest.mark.parametrize("count", [30, 3000])
@pytest.mark.parametrize("patients", [np.arange(90) // 9, np.where(np.arange(90) < 4, 0, 1)], ids=["ten", "two"])
def test_without_a_validation_split_no_patient_of_a_query_has_a_vote(patients: np.ndarray, count: int) -> None:
    found = choose_images(with_groups(patients), "knn", count)
    own = numbers(found.images)
    assert 0 < found.bank < len(own)
    assert not set(patients[own[: found.bank]]) & set(patients[own[found.bank :]])


def test_images_of_one_patient_cannot_vote() -> None:
    one = with_groups(np.zeros(90, np.int64))
    assert kind_of_monitor(train_config({}), one)[0] == "rank"
    assert choose_images(one, "knn", 30).targets is None
    with pytest.raises(ConfigError, match="all labelled images of set are one patient's"):
        kind_of_monitor(train_config({"monitor": "knn"}), one)
