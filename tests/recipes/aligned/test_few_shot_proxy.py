"""The proxy of classification against scikit-learn, and the images that it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from fastssl.data import Source, open_source
from fastssl.embeddings.extract import extract
from fastssl.errors import DataError
from fastssl.evaluation.fewshot.support import draw_supports
from fastssl.evaluation.shared.baselines import random_baseline, random_candidates
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.partition import Part, partition
from fastssl.models.encoder import EncoderSpec
from fastssl.recipes.aligned import few_shot
from fastssl.recipes.aligned.few_shot import FewShotProxy
from fastssl.runtime import resolve_runtime

SEEDS, SHOTS = (0, 1, 2), 5
SPEC = EncoderSpec(name="test_resnet", in_channels=1, size=16)


@pytest.fixture
def source(labelled: Path) -> Source:
    return open_source(labelled)


def proxy_of(source: Source, shots: int = SHOTS) -> FewShotProxy:
    return FewShotProxy.of(source, partition(source), shots, SEEDS, resolve_runtime("cpu", amp=False))


def candidate(tmp_path: Path, seed: int = 7) -> Candidate:
    return Candidate.of(random_baseline(SPEC, seed), "run", 16, tmp_path)


def expected_auc(source: Source, one: Candidate, seed: int, encoder_seed: int) -> float:
    """Validation AUC of scikit-learn's classifier on features standardised over the training images."""
    encoder = random_baseline(SPEC, encoder_seed).encoder
    device = resolve_runtime("cpu", amp=False).device
    train, val = (extract(encoder, source.splits[name].images, one.view, device=device) for name in ("train", "val"))
    labels = np.asarray(source.splits["train"].labels)
    scaler = StandardScaler().fit(train.numpy())
    rows = draw_supports(labels, (SHOTS,), (seed,))[0].rows[0]
    fitted = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(
        scaler.transform(train.numpy())[rows], labels[rows]
    )
    return float(roc_auc_score(source.splits["val"].labels, fitted.decision_function(scaler.transform(val.numpy()))))


def test_scores_are_those_of_scikit_learn_on_validation_images(tmp_path: Path, source: Source) -> None:
    proxy, one = proxy_of(source), candidate(tmp_path)
    found = proxy.run(proxy.spec("moco", one)).scores
    assert found == pytest.approx([expected_auc(source, one, seed, 7) for seed in SEEDS], abs=0.02)
    assert len(set(found)) > 1


def test_random_weights_are_drawn_anew_for_each_draw(tmp_path: Path, source: Source) -> None:
    (one,) = random_candidates([candidate(tmp_path)])
    proxy = proxy_of(source)
    found = proxy.run(proxy.spec("random", one)).scores
    assert found == pytest.approx([expected_auc(source, one, seed, seed) for seed in SEEDS], abs=0.02)


def test_the_test_part_may_be_anything(tmp_path: Path, source: Source) -> None:
    splits = dict(source.splits)
    noise = np.random.default_rng(9).integers(0, 256, splits["test"].images.shape, dtype=np.uint8)
    splits["test"] = replace(splits["test"], images=noise, labels=1 - np.asarray(splits["test"].labels))
    one = candidate(tmp_path)
    found = [
        proxy.run(proxy.spec("moco", one)).scores for proxy in map(proxy_of, (source, replace(source, splits=splits)))
    ]
    assert found[0] == found[1]


def test_of_many_images_some_of_every_class_count_the_same_ones_each_time() -> None:
    part = Part(split="train", rows=np.arange(100, 200), labels=np.repeat([0, 1], [90, 10]))
    some = few_shot._at_most(part, 40, 5, seed=3)
    assert np.bincount(some.labels).tolist() == [20, 10]
    assert (part.labels[some.rows - 100] == some.labels).all()
    assert (np.diff(some.rows) > 0).all()
    assert (few_shot._at_most(part, 40, 5, seed=3).rows == some.rows).all()
    assert (few_shot._at_most(part, 100, 5, seed=3).rows == part.rows).all()


def test_of_many_images_those_of_before_count_without_patients_and_of_many_patients_with_them() -> None:
    labels, groups = np.arange(30) % 3, np.arange(30) // 3
    plain = Part(split="train", rows=np.arange(30), labels=labels)
    before = [0, 10, 11, 13, 14, 17, 18, 22, 27]  # computed before parts knew patients
    assert few_shot._at_most(plain, 9, 2, seed=3).rows.tolist() == before
    assert few_shot._at_most(replace(plain, groups=np.arange(30)), 9, 2, seed=3).rows.tolist() == before
    several = replace(plain, labels=np.repeat([0, 1], 15), groups=groups)
    some = few_shot._at_most(several, 10, 2, seed=3)
    assert len(np.unique(some.groups)) == 10  # five images a class, each of another patient
    np.testing.assert_array_equal(some.groups, groups[some.rows])


def test_the_images_of_a_class_are_of_as_many_patients_and_the_trial_is_another(source: Source, tmp_path: Path) -> None:
    parts = partition(source)
    groups = np.arange(len(parts.train)) // 4
    grouped = replace(parts, train=replace(parts.train, groups=groups))
    proxy = FewShotProxy.of(source, grouped, SHOTS, SEEDS, resolve_runtime("cpu", amp=False))
    for rows in proxy.supports.rows:
        assert all(len(set(groups[rows[proxy.supports.labels == label]])) == SHOTS for label in (0, 1))
    one = candidate(tmp_path)
    assert proxy.spec("a", one).settings != proxy_of(source).spec("a", one).settings


def test_a_trial_is_known_by_weights_draws_shots_and_images(tmp_path: Path, source: Source) -> None:
    proxy = proxy_of(source)
    settings = [
        proxy.spec("a", candidate(tmp_path)).settings,
        proxy.spec("a", candidate(tmp_path, seed=8)).settings,
        proxy_of(source, shots=6).spec("a", candidate(tmp_path)).settings,
        replace(proxy, seeds=(0, 1)).spec("a", candidate(tmp_path)).settings,
        replace(proxy, val=proxy.pool).spec("a", candidate(tmp_path)).settings,
    ]
    assert proxy.spec("b", candidate(tmp_path)).settings == settings[0]
    assert len({str(one) for one in settings}) == len(settings)


def test_several_labels_and_a_validation_part_of_one_class_are_refused(tmp_path: Path, source: Source) -> None:
    parts = partition(source)
    runtime = resolve_runtime("cpu", amp=False)
    several = replace(parts.train, labels=np.ones((len(parts.train), 2), np.int64))
    with pytest.raises(DataError, match="several labels each"):
        FewShotProxy.of(source, replace(parts, train=several), SHOTS, SEEDS, runtime)
    alike = replace(parts.val, labels=np.zeros(len(parts.val), np.int64))
    with pytest.raises(DataError, match="validation AUC undefined: every image of this split is of class 0"):
        FewShotProxy.of(source, replace(parts, val=alike), SHOTS, SEEDS, runtime)


def test_some_images_of_many_are_of_as_many_patients_as_can_be() -> None:
    labels, groups = np.arange(120) % 2, np.arange(120) // 6
    part = Part(split="train", rows=np.arange(120), labels=labels, groups=groups)
    some = few_shot._at_most(part, 40, 5, seed=3)
    assert len(some) == 40
    assert len(np.unique(some.groups)) == 20
