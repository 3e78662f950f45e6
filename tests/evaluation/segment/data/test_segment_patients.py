"""Patients of images with masks: on one side of every split, refused or warned of where named splits share them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastssl.errors import DataError
from fastssl.evaluation.segment.data.image_names import ImageNames
from fastssl.evaluation.segment.data.pairing import Pair
from fastssl.evaluation.segment.data.splits import SplitRequest
from fastssl.evaluation.segment.data.splits import split_names as divided


def placed(*places: str) -> ImageNames:
    """PNG images at these places, whose names are those of their files."""
    return ImageNames.of(
        [
            Pair(name=Path(place).name, image=Path(f"/x/{place}.png"), masks=(Path("m"),), place=place)
            for place in places
        ]
    )


def in_two(parts: dict[str, list[str]], length: int) -> int:
    """Patients, called by the beginnings of names, that are in two splits."""
    owners = [{name[:length] for name in names} for names in parts.values()]
    return sum(map(len, owners)) - len(set.union(*owners))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("pattern", [r"p\d\d", r"(p\d\d)_"])
def test_the_default_split_keeps_whole_patients_whatever_their_images(pattern: str, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 6, 20)
    names = [f"p{patient:02}_{image}" for patient, count in enumerate(counts) for image in range(count)]
    found = divided(ImageNames(names=names), SplitRequest(patient=pattern))
    assert sorted(name for own in found.parts.values() for name in own) == names
    assert in_two(found.parts, 3) == 0
    assert found.patients == {name: name[:3] for name in names}
    groups = found.groups()
    for split, own in found.parts.items():
        assert [sorted(set(found.patients.values()))[group] for group in groups[split]] == [name[:3] for name in own]


def test_kinds_of_images_share_no_patient_between_splits() -> None:
    """Patients have images of two of three kinds, which are split one by one, so that the last names are others'."""
    kinds = ("benign", "malignant", "normal")
    whole = [(kind, patient) for patient in range(30) for place, kind in enumerate(kinds) if patient % 3 != place]
    known = placed(*(f"busi/{kind}/p{patient:02}_{kind}" for kind, patient in whole))
    assert in_two(divided(known, SplitRequest()).parts, 3) > 0
    found = divided(known, SplitRequest(patient=r"(p\d\d)_"))
    assert in_two(found.parts, 3) == 0
    assert sum(map(len, found.parts.values())) == len(whole)


def test_folders_are_patients_where_that_is_asked_for() -> None:
    known = placed(*(f"p{patient:02}/p{patient:02}_{image}" for patient in range(10) for image in range(4)))
    found = divided(known, SplitRequest(patient="folder"))
    assert set(found.patients.values()) == {f"p{patient:02}" for patient in range(10)}
    assert in_two(found.parts, 3) == 0
    with pytest.raises(DataError, match=r"group=folder: all 3 files are in one folder, all"):
        divided(placed("all/a", "all/b", "all/c"), SplitRequest(patient="folder"))


@pytest.mark.parametrize("by", ["file", "folders"])
def test_named_splits_that_share_a_patient_are_refused_unless_that_is_allowed(by: str, tmp_path: Path) -> None:
    splits = {"train": "p1_a p2_a", "val": "p3_a", "test": "p1_b p4_a"}
    file = tmp_path / "split.csv"
    file.write_text("\n".join(f"{name},{split}" for split, names in splits.items() for name in names.split()))
    known = placed(*(f"{split}/{name}" for split, names in splits.items() for name in names.split()))
    request = SplitRequest(patient=r"p\d", file=file if by == "file" else None)
    with pytest.raises(DataError, match=r"1 patient has images in train and in test: .* go on with --allow-leak"):
        divided(known, request)
    allowed = divided(known, replace(request, allow_leak=True))
    assert {split: " ".join(names) for split, names in allowed.parts.items()} == splits
    assert allowed.notes == ("warning: 1 patient has images in train and in test: scores there may be too good",)
    assert divided(known, replace(request, patient=None)).groups() == {}
