"""Masks among images: recognised by name and by the images that they fit, never by name alone."""

from __future__ import annotations

import pytest

from fastssl.data.layout import read_layout
from fastssl.errors import DataError

NUMBERS = range(4)


def files(folder, form="{}.png"):
    return [f"{folder}/{form.format(index)}" for index in NUMBERS]


@pytest.mark.parametrize(
    "suffix",
    [
        *("_mask", "-mask", " mask", ".mask", "_Mask", "_MASK", "Mask", "_mask_1", "_mask1", "_masks", "_lung_mask"),
        *("_msk", "_seg", "_segmentation", "_Segmentation", "_label", "_gt", "_GT", "_ground_truth", "_groundtruth"),
        *("_manual1", "_1stHO", "_2ndHO", "_annotation", "_anno", "_lesion", "_superpixels", "_contour", "_mask_left"),
    ],
)
def test_mask_files_next_to_their_images_are_left_out_and_counted(touch, suffix):
    masks = [f"{name}/im{index}{suffix}.png" for name in "ab" for index in NUMBERS]
    layout = read_layout(touch(*files("a", "im{}.jpg"), *files("b", "im{}.jpg"), *masks))
    assert sorted(layout.files) == [f"{name}/im{index}.jpg" for name in "ab" for index in NUMBERS]
    assert layout.notes == (f"8 files next to images of the same name are masks and left out ({masks[0]})",)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}.png", "mask_{}.png"),
        ("img_{}.png", "gt_img_{}.png"),
        ("{}_image.png", "{}_mask.png"),
        ("image{}.jpg", "mask{}.jpg"),
        ("P13_original_08{}.png", "P13_mask_08{}.png"),
        ("b ({}).png", "b ({})_mask.png"),
        ("scan.{}.tif", "scan.{}.seg.tif"),
    ],
)
def test_the_word_for_masks_may_be_anywhere_in_the_name(touch, image, mask):
    layout = read_layout(touch(*files("a", image), *files("a", mask), *files("b", image)))
    assert sorted(layout.files) == sorted(files("a", image) + files("b", image))


def test_a_mask_without_its_image_is_a_mask_where_most_have_one(touch):
    layout = read_layout(touch(*files("set", "{}.png"), *files("set", "{}_mask.png"), "set/99_mask.png"))
    assert sorted(layout.files) == [f"{index}.png" for index in NUMBERS]
    assert "5 files" in layout.notes[0]


@pytest.mark.parametrize(
    "masks",
    [
        *("masks", "mask", "Masks", "MASK", "lung masks", "infection_masks", "Ground Truth", "ground_truth", "GT"),
        *("gt", "groundtruth", "segmentation", "Segmentations", "annotations", "labels", "label", "manual1"),
        *("1st_manual", "ManualMask", "mask_png", "lungmasks", "seg", "contours"),
    ],
)
@pytest.mark.parametrize("levels", ["{}", "{}/deep"])
def test_folders_of_masks_next_to_a_folder_of_images_are_left_out(touch, masks, levels):
    layout = read_layout(touch(*files(levels.format("images")), *files(levels.format(masks))))
    assert len(layout.files) == len(NUMBERS)
    assert layout.root.parts[-1] in ("images", "deep")
    assert layout.class_names == ()
    assert f"4 files in folders called {masks} are masks" in layout.notes[0]


@pytest.mark.parametrize("masks", ["masks", "GT", "labels", "lung masks"])
def test_folders_of_masks_in_class_folders_are_left_out(touch, masks):
    paths = [path for name in ("COVID", "Normal") for path in files(f"{name}/images") + files(f"{name}/{masks}")]
    layout = read_layout(touch(*paths))
    assert layout.class_names == ("COVID", "Normal")
    assert all("/images/" in path for path in layout.files)


@pytest.mark.parametrize(
    "folders",
    [
        ("{c}/images/x{i}.png", "masks/{c}/x{i}.png"),
        ("images/{c}/{i}.png", "masks/{c}/{i}.png"),
        ("{c}/{i}.png", "{c}/masks/{i}.png"),
        ("{c}/{i}.png", "{c}_masks/{i}_mask.png"),
        ("{c}/{c}{i}.png", "masks/{c}{i}.png"),
        ("train/{c}/{i}.png", "masks/train/{c}/{i}.png"),
        ("images/train/{c}/{i}.png", "labels/train/{c}/{i}.png"),
    ],
)
def test_folders_of_masks_may_be_above_or_below_the_classes(touch, folders):
    images, masks = ([form.format(c=name, i=index) for name in "ab" for index in NUMBERS] for form in folders)
    root = touch(*images, *masks)
    layout = read_layout(root)
    assert sorted((layout.root / path).relative_to(root).as_posix() for path in layout.files) == sorted(images)
    assert layout.class_names == ("a", "b")


@pytest.mark.parametrize(
    "names",
    [
        ("with_mask", "without_mask"),
        ("mask", "no_mask"),
        ("Mask", "NoMask"),
        ("mask", "nomask", "incorrect"),
        ("mask", "unmasked"),
        ("mask on", "mask off"),
        ("face_mask", "bare_face"),
        ("with_mask", "without_mask", "mask_weared_incorrect"),
        ("label_0", "label_1"),
        ("Segmented Neutrophil", "Band Neutrophil", "Lymphocyte"),
        ("gtp", "atp"),
    ],
)
@pytest.mark.parametrize("form", ["{}.png", "img_{}.png"])
def test_classes_whose_names_speak_of_masks_stay_classes(touch, names, form):
    layout = read_layout(touch(*[path for name in names for path in files(name, form)]))
    assert layout.class_names == tuple(sorted(names))
    assert len(layout.files) == len(names) * len(NUMBERS)


def test_files_called_masks_without_images_are_images(touch):
    assert len(read_layout(touch(*files("flat", "{}_mask.png"))).files) == len(NUMBERS)
    assert len(read_layout(touch(*files("flat", "seg_{}.png"))).files) == 2 * len(NUMBERS)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (files("scans", "a{}.png") + files("masks", "b{}.png"), "4 of 4 files in it have no image of their name"),
        (files("scans", "a{}.png") + files("masks", "a1{}.png"), "masks is called like a folder of masks"),
        (files("SEG") + files("EOS") + files("LYM"), "SEG could hold masks of the images next to it, or be a class"),
        (files("mask") + files("bare"), "mask could hold masks of the images next to it, or be a class"),
        (files("a") + files("b") + files("masks"), "images of their names are in several folders"),
        (
            files("x", "a{}.png") + files("x", "b{}_seg.png") + ["x/a1_seg.png"],
            "1 files called seg, such as x/a1_seg.png, could be masks of images, but 4 others have no image",
        ),
        (files("x", "a{}.png") + files("y", "a{}_mask.png"), "could be masks of images in other folders"),
    ],
)
def test_what_is_half_clear_stops_in_one_line(touch, paths, words):
    with pytest.raises(DataError) as caught:
        read_layout(touch(*paths))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_masks_with_other_names_next_to_images_is_still_one(touch):
    layout = read_layout(touch(*files("images", "a{}.png"), *files("masks", "b{}.png")))
    assert sorted(layout.files) == [f"a{index}.png" for index in NUMBERS]


def test_a_folder_called_images_between_class_and_files_is_no_class(touch):
    layout = read_layout(touch(*files("train/a/images"), *files("train/b/images"), *files("test/images")))
    assert layout.class_names == ("a", "b")
    assert [label for label, split in zip(layout.labels, layout.splits, strict=True) if split == "test"] == [-1] * 4


def test_names_with_two_endings_are_told(touch):
    layout = read_layout(touch("1.jpg", "1.png", "2.jpg"))
    assert len(layout.files) == 3
    assert "1 images have the name of another with another ending" in layout.notes[0]
    assert "1.jpg and 1.png" in layout.notes[0]
