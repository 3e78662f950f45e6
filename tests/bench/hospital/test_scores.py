"""A division by file flatters a classifier that knows the patients; one by patient does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.hospital.images import Hospital, draw_hospital
from bench.hospital.scores import PIXELS_KNN, Division, Score, scores

PATIENTS = 200


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[Division, Score]:
    """Nearest neighbours on pixels, by both divisions of one hospital."""
    folder = tmp_path_factory.mktemp("hospital")
    draw_hospital(PATIENTS).write(folder / "own")
    fresh = draw_hospital(PATIENTS, first=5000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTSSL_CACHE", str(folder / "cache"))
        found = {division: next(scores(folder / "own", fresh, division)) for division in ("file", "patient")}
    assert {one.features for one in found.values()} == {PIXELS_KNN}
    return found


def error(score: Score) -> float:
    """Standard error of the difference of both accuracies, as if all images of a patient were right or wrong together.

    That is the binomial one with patients counted for images, the largest that it can be.
    """
    tested = PATIENTS // 5
    return float(np.sqrt(score.fresh * (1 - score.fresh) * (1 / tested + 1 / PATIENTS)))


def test_by_file_most_patients_are_in_train_and_test_and_accuracy_is_inflated(measured: dict[Division, Score]) -> None:
    found = measured["file"]
    assert found.shared > PATIENTS / 2
    assert found.test - found.fresh > 4 * error(found)


def test_by_patient_none_is_shared_and_accuracy_is_that_on_new_patients(measured: dict[Division, Score]) -> None:
    found = measured["patient"]
    assert found.shared == 0
    assert abs(found.test - found.fresh) < 1.96 * error(found)


def test_what_is_promised_by_file_is_above_the_interval_by_patient(measured: dict[Division, Score]) -> None:
    assert measured["file"].test - measured["patient"].test > 4 * error(measured["patient"])
    assert measured["patient"].fresh == pytest.approx(measured["file"].fresh, abs=0.05)


def test_a_hospital_has_patients_with_one_to_twelve_images_of_one_class_each() -> None:
    found = draw_hospital(60, seed=3)
    counts = np.bincount(found.patients)
    assert (counts.min(), counts.max(), len(counts)) == (1, 12, 60)
    assert all(len(set(found.labels[found.patients == patient])) == 1 for patient in range(60))
    assert np.bincount([found.labels[found.patients == patient][0] for patient in range(60)]).tolist() == [30, 30]
    assert len(set(found.paths)) == len(found.images)


def test_its_files_are_called_after_patients_and_hold_its_images(tmp_path: Path) -> None:
    from PIL import Image

    found: Hospital = draw_hospital(5, seed=1, first=70)
    found.write(tmp_path / "set")
    for path, pixels, patient in zip(found.paths, found.images, found.patients, strict=True):
        assert path.split("/")[1].startswith(f"P{patient:04}_")
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "set" / path)), pixels)


def test_another_first_number_is_another_hospital_and_the_same_seed_the_same() -> None:
    one, again, other = draw_hospital(9), draw_hospital(9), draw_hospital(9, first=100)
    np.testing.assert_array_equal(one.images, again.images)
    assert not set(one.patients.tolist()) & set(other.patients.tolist())
    assert not np.array_equal(one.images[:5], other.images[:5])
