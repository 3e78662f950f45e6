"""Which mask belongs to which image: names that fit, that fit too often, and that do not fit."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from fastssl.errors import DataError
from fastssl.evaluation.segment.data.pairing import Pairing, find_pairs


def folder(path: Path, *names: str) -> Path:
    """Empty files: pairing opens none."""
    path.mkdir(exist_ok=True)
    for name in names:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return path


def masks_of(pairing: Pairing) -> dict[str, str]:
    return {pair.name: " ".join(mask.name for mask in pair.masks) for pair in pairing.pairs}


def matched(images: Path, masks: Path, **suffixes: str) -> dict[str, str]:
    return masks_of(find_pairs(images, masks, **suffixes))


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
    found = find_pairs(images, masks, views, image_suffix="_training", mask_suffix="_manual1")
    assert [(pair.name, pair.masks[0].name, pair.fov and pair.fov.name) for pair in found.pairs] == [
        ("21", "21_manual1.gif", "21_training_mask.gif"),
        ("22", "22_manual1.gif", "22_training_mask.gif"),
    ]


@pytest.mark.parametrize(
    ("images", "masks", "suffix", "expected"),
    [
        (["a.png"], ["a_x.png", "a_y.png"], "", r"fits a.png: a_x.png, a_y.png; choose with --mask-suffix _x$"),
        (["a.png"], ["a.png", "a.bmp"], "", r"fits a.png: a.bmp, a.png; keep one of them$"),
        (["a.png"], ["a.png"], "_seg", r"^no mask in .*m fits a.png; .*--image-suffix and --mask-suffix, such as _tr"),
        ([f"{n}.png" for n in range(6)], ["z.png"], "", r"fits 0.png, 1.png, 2.png and 3 more; .* one there is z.png;"),
        ([f"{n}.png" for n in range(1, 20)], [f"m{n}.png" for n in range(11, 30)], "", r"^no mask in .*m fits 1.png"),
        (["a.png", "a.jpg"], ["a.png"], "", r"a.jpg and a.png have one name"),
        ([], ["a.png"], "", r"^no image in .*i: it holds nothing; "),
        (["a.png"], ["a.nii.gz"], "", r"^no image in .*m: it holds 1 files of other kinds \(1 .nii.gz\)"),
        (["a.png", "b.png"], ["1/a.png", "2/a.png", "1/b.png", "2/b.png"], "", r"give the folder 1 alone$"),
        (
            ["1.png", "2.png"],
            ["1_m1.png", "1_m2.png", "2_m1.png", "2_m2.png"],
            "",
            r"choose with --mask-suffix _m1, or unite them with --mask-suffix '_m\*'$",
        ),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(
    tmp_path: Path, images: list[str], masks: list[str], suffix: str, expected: str
) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        find_pairs(folder(tmp_path / "i", *images), folder(tmp_path / "m", *masks), mask_suffix=suffix)
    assert "\n" not in str(caught.value)


def test_images_without_a_mask_and_masks_without_an_image_are_counted_and_named(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", *(f"{number}.png" for number in range(9)), "notes.txt", "Thumbs.db", ".hidden.png")
    masks = folder(tmp_path / "m", *(f"{number}.png" for number in range(4, 11)))
    found = find_pairs(images, masks)
    assert list(masks_of(found)) == ["4", "5", "6", "7", "8"]
    assert found.leftovers() == [
        "4 image(s) without a mask, left out: 0.png, 1.png, 2.png and 1 more",
        "2 mask(s) without an image, left out: 10.png, 9.png",
    ]
    assert found.passed_over == {".txt": 1}


def test_a_mask_that_another_way_of_pairing_would_take_is_not_passed_over(tmp_path: Path) -> None:
    """DRIVE in one folder: its fields of view go on after the images' names, its truth does not."""
    names = [f"{n}_{rest}" for n in range(21, 27) for rest in ("training.tif", "training_mask.gif", "manual1.gif")]
    both = folder(tmp_path / "x", *names)
    expected = r"may fit 21_training.tif: 21_training_mask.gif, 21_manual1.gif; give --image-suffix and --mask-suffix"
    with pytest.raises(DataError, match=expected):
        find_pairs(both, both)
    assert matched(both, both, image_suffix="_training", mask_suffix="_manual1") == {
        str(number): f"{number}_manual1.gif" for number in range(21, 27)
    }


def test_a_numbered_mask_is_not_united_where_images_are_numbered_alike(tmp_path: Path) -> None:
    """It may be of an image that was taken out."""
    images = folder(tmp_path / "i", "p.png", "p_1.png")
    found = find_pairs(images, folder(tmp_path / "m", "p.png", "p_1.png", "p_2.png"))
    assert masks_of(found) == {"p": "p.png", "p_1": "p_1.png"}
    assert found.notes == (
        "masks are those called as their images, as every image has; 1 of other endings are left out: p_2.png",
    )
    images = folder(tmp_path / "j", "a.png", "b.png")
    assert matched(images, folder(tmp_path / "n", "a.png", "b.png", "b_1.png"))["b"] == "b.png b_1.png"


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [("_mask.png", "x_mask.png"), ("_MASK", "x_mask.png"), (".png", "x.png"), ("_mask*", "x_mask.png x_mask_1.png")],
)
def test_a_suffix_may_have_the_files_ending_and_a_star_unites(tmp_path: Path, suffix: str, expected: str) -> None:
    images = folder(tmp_path / "i", "x.jpg", "y.jpg")
    masks = folder(tmp_path / "m", "x.png", "y.png", "x_mask.png", "y_mask.png", "x_mask_1.png", "x_other.png")
    assert matched(images, masks, mask_suffix=suffix)["x"] == expected


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_from_a_mac_fit_those_from_elsewhere(tmp_path: Path, form: str) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    images = folder(tmp_path / "i", unicodedata.normalize(form, "Köln_1.png"), unicodedata.normalize(form, "é.png"))
    masks = folder(
        tmp_path / "m", unicodedata.normalize(other, "Köln_1_mask.png"), unicodedata.normalize(other, "é.png")
    )
    assert set(matched(images, masks)) == {"Köln_1", "é"}


def test_upper_and_lower_case_do_not_matter_unless_they_tell_names_apart(tmp_path: Path) -> None:
    images, masks = folder(tmp_path / "i", "IMG_1.JPG", "IMG_2.JPG"), folder(tmp_path / "m", "img_1.png", "img_2.PNG")
    assert matched(images, masks) == {"IMG_1": "img_1.png", "IMG_2": "img_2.PNG"}
    images, masks = folder(tmp_path / "j", "a.png", "A.png"), folder(tmp_path / "n", "a_m.png", "A_m.png")
    assert matched(images, masks) == {"a": "a_m.png", "A": "A_m.png"}


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find_pairs(folder(tmp_path / "i", "a.png"), tmp_path / "nowhere")


def test_a_link_to_a_folder_above_is_not_followed_for_ever(tmp_path: Path) -> None:
    images, masks = folder(tmp_path / "i", "a/1.png", "b/2.png"), folder(tmp_path / "m", "1.png", "2.png")
    (images / "a" / "up").symlink_to(images, target_is_directory=True)
    assert matched(images, masks) == {"1": "1.png", "2": "2.png"}


def test_chase_has_28_pairs_of_either_annotator(shared_data: Path) -> None:
    chase = shared_data / "chasedb1"
    for suffix in ("_1stHO", "_2ndHO"):
        found = matched(chase, chase, mask_suffix=suffix)
        assert len(found) == 28
        assert all(mask == f"{name}{suffix}.png" for name, mask in found.items())
    with pytest.raises(DataError, match="choose with --mask-suffix _1stHO"):
        find_pairs(chase, chase)


def test_where_names_agree_for_most_images_a_number_alone_pairs_no_other(tmp_path: Path) -> None:
    images = folder(tmp_path / "i", "p1.png", "q2.png", "r3.png", "s4.png")
    masks = folder(tmp_path / "m", "p1.png", "q2.png", "r3.png", "t4.png")
    assert matched(images, masks) == {"p1": "p1.png", "q2": "q2.png", "r3": "r3.png"}
    for name in ("p1", "q2", "r3"):  # with no name that agrees, numbers are all there is
        (masks / f"{name}.png").rename(masks / f"t{name[1:]}.png")
    assert matched(images, masks) == {"p1": "t1.png", "q2": "t2.png", "r3": "t3.png", "s4": "t4.png"}
