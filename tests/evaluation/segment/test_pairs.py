"""Which mask belongs to which image: names that fit, that fit too often, and that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fastssl.errors import DataError
from fastssl.evaluation.segment.pairs import find_pairs


def folder(path: Path, *names: str) -> Path:
    path.mkdir(exist_ok=True)
    for name in names:
        Image.new("L", (4, 4)).save(path / name)
    return path


def matched(images: Path, masks: Path, **suffixes: str) -> dict[str, str]:
    return {pair.name: pair.mask.name for pair in find_pairs(images, masks, **suffixes)}


def test_a_mask_has_its_images_name_or_goes_on_after_a_separator(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", "a.png", "b.jpg", "c.tif", "d.ppm")
    masks = folder(tmp_path / "m", "a.png", "b_mask.png", "c-2.bmp", "d.ah.png", "unrelated.png")
    assert matched(images, masks) == {"a": "a.png", "b": "b_mask.png", "c": "c-2.bmp", "d": "d.ah.png"}


def test_a_number_is_not_taken_for_the_beginning_of_a_longer_one(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", "img1.png", "img10.png")
    masks = folder(tmp_path / "m", "img1_mask.png", "img10_mask.png")
    assert matched(images, masks) == {"img1": "img1_mask.png", "img10": "img10_mask.png"}


def test_the_longest_fitting_name_has_the_mask(tmp_path: Path) -> None:
    names = ("p1.png", "p1_2.png", "p1_2_b.png")
    images, masks = folder(tmp_path / "i", *names), folder(tmp_path / "m", *names)
    assert matched(images, masks) == {name.removesuffix(".png"): name for name in names}


def test_images_and_masks_may_lie_side_by_side(tmp_path: Path) -> None:
    both = folder(tmp_path / "x", "Image_01L.jpg", "Image_01L_1stHO.png", "Image_01L_2ndHO.png", "Image_01R.jpg")
    folder(both, "Image_01R_1stHO.png", "Image_01R_2ndHO.png")
    first = {"Image_01L": "Image_01L_1stHO.png", "Image_01R": "Image_01R_1stHO.png"}
    assert matched(both, both, mask_suffix="_1stHO") == first
    assert matched(both, both, mask_suffix="_2ndHO") == {
        name: mask.replace("1st", "2nd") for name, mask in first.items()
    }


def test_names_that_differ_in_their_endings_are_matched_by_both_suffixes(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", "21_training.tif", "22_training.tif", "readme_picture.png")
    masks = folder(tmp_path / "m", "21_manual1.gif", "22_manual1.gif")
    views = folder(tmp_path / "f", "21_training_mask.gif", "22_training_mask.gif")
    pairs = find_pairs(images, masks, views, image_suffix="_training", mask_suffix="_manual1")
    assert [(pair.name, pair.mask.name, pair.fov and pair.fov.name) for pair in pairs] == [
        ("21", "21_manual1.gif", "21_training_mask.gif"),
        ("22", "22_manual1.gif", "22_training_mask.gif"),
    ]


@pytest.mark.parametrize(
    ("images", "masks", "suffix", "expected"),
    [
        (["a.png"], ["a_x.png", "a_y.png"], "", r"fits a.png: a_x.png, a_y.png; choose with --mask-suffix _x$"),
        (["a.png"], ["a.png", "a.bmp"], "", r"fits a.png: a.bmp, a.png; keep one of them$"),
        (["a.png", "b.png"], ["a.png"], "", r"^no mask in .*m fits b.png; "),
        (["a.png"], ["a.png"], "_seg", r"^no mask in .*m fits a.png; "),
        ([f"{n}.png" for n in range(6)], ["0.png"], "", r"fits 1.png, 2.png, 3.png and 2 more; "),
        (["a.png", "a.jpg"], ["a.png"], "", r"a.jpg and a.png have one name"),
        ([], ["a.png"], "", r"i: no image that Pillow can read$"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(
    tmp_path: Path, images: list[str], masks: list[str], suffix: str, expected: str
) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        find_pairs(folder(tmp_path / "i", *images), folder(tmp_path / "m", *masks), mask_suffix=suffix)
    assert "\n" not in str(caught.value)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find_pairs(folder(tmp_path / "i", "a.png"), tmp_path / "nowhere")


def test_chase_has_28_pairs_of_either_annotator(shared_data: Path) -> None:
    chase = shared_data / "chasedb1"
    for suffix in ("_1stHO", "_2ndHO"):
        found = matched(chase, chase, mask_suffix=suffix)
        assert len(found) == 28
        assert all(mask == f"{name}{suffix}.png" for name, mask in found.items())
