"""Classes by the names of their folders: forms of Unicode, cases, names that cannot be shown, folders that are none."""

from __future__ import annotations

import os
import unicodedata

import pytest

from fastssl.data.layout import read_layout
from fastssl.errors import DataError

COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "läsion"), unicodedata.normalize("NFD", "läsion")


def files(*folders, count=4):
    return [f"{folder}/{index}.png" for folder in folders for index in range(count)]


def named(layout):
    return [layout.class_names[label] for label in layout.labels]


def test_one_name_in_two_forms_of_unicode_is_one_class(touch):
    layout = read_layout(touch(*files(f"train/{COMPOSED}", "train/b", f"test/{DECOMPOSED}", "test/b")))
    assert layout.class_names == ("b", COMPOSED)
    assert sum(path.startswith(f"test/{DECOMPOSED}/") for path in layout.files) == 4
    assert named(layout) == [COMPOSED if "sion" in path else "b" for path in layout.files]


def test_two_forms_next_to_each_other_are_one_class(touch):
    layout = read_layout(touch(*files(COMPOSED, DECOMPOSED, "b")))
    assert layout.class_names == ("b", COMPOSED)
    assert len(layout.files) == 12


def test_a_set_copied_by_a_system_of_another_form_is_split_and_ordered_alike(touch, tmp_path):
    layouts = []
    for form in ("NFC", "NFD"):
        root = tmp_path / form
        for path in files("läsion", "ödem", count=30):
            name = unicodedata.normalize(form, path)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        layouts.append(read_layout(root))
    one, other = layouts
    assert one.splits == other.splits
    assert [unicodedata.normalize("NFC", path) for path in other.files] == list(one.files)
    assert one.labels.tolist() == other.labels.tolist()


def test_names_of_upper_and_lower_case_in_different_splits_are_one_class_and_told(touch):
    layout = read_layout(touch(*files("train/Benign", "train/b", "test/benign", "test/b", "val/Benign ")))
    assert layout.class_names == ("Benign", "b")
    assert "Benign, Benign , benign are one class" in layout.notes


@pytest.mark.parametrize("names", [("Benign", "benign"), ("benign", "benign "), ("STRASSE", "straße")])
def test_such_names_next_to_each_other_stop_in_one_line(touch, names):
    with pytest.raises(DataError, match="have the same name but for upper and lower case or spaces"):
        read_layout(touch(*files(*names)))


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        (b"caf\xe9", "caf\\udce9"),
        (b"a\nb", "a\\nb"),
        (b"a\tb", "a\\tb"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"[bold]", "[bold]"),
        ("\u202eevil".encode(), "\\u202eevil"),
        ("肺炎".encode(), "肺炎"),
    ],
)
def test_names_that_cannot_be_shown_are_shown_with_escapes(touch, folder, shown):
    root = touch(*files("zz"))
    place = root / os.fsdecode(folder)
    place.mkdir()
    for index in range(4):
        (place / f"{index}.png").touch()
    layout = read_layout(root)
    assert layout.class_names == tuple(sorted((shown, "zz")))
    layout.class_names[0].encode()
    assert sum((root / path).is_file() for path in layout.files) == 8


def test_lines_about_such_names_break_nothing(touch):
    root = touch(*files("a", "b"), "\x1b[31m.png")
    (root / os.fsdecode(b"caf\xe9")).mkdir()
    notes = read_layout(root).notes
    assert len(notes) == 2
    for note in notes:
        note.encode()
        assert note.isprintable()
    with pytest.raises(DataError) as caught:
        read_layout(touch(*files("fold_1\n", "fold_2\n")))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "names",
    [
        ("HAM10000_images_part_1", "HAM10000_images_part_2"),
        ("images_001", "images_002", "images_012"),
        ("part1", "part2"),
        ("Part A", "Part B"),
        ("batch-1", "batch-2"),
        ("archive (1)", "archive (2)"),
        ("patient_001", "patient_002"),
        ("Patient1", "Patient2"),
        ("sub-01", "sub-02"),
        ("case_1", "case_22"),
    ],
)
def test_parts_of_one_set_and_patients_are_no_classes_and_are_told(touch, names):
    layout = read_layout(touch(*files(*names)))
    assert layout.class_names == ()
    assert set(layout.splits) == {"train"}
    assert any(f"{len(names)} folders" in note and "no classes" in note for note in layout.notes)


def test_a_single_patient_in_a_split_is_no_class(touch):
    layout = read_layout(touch(*files("train/patient1/study1", "train/patient2/study1", "valid/patient3/study1")))
    assert layout.class_names == ()
    assert "1 folders (study1) are patients, no classes" in layout.notes


def test_classes_in_the_parts_of_one_set_are_read(touch):
    assert read_layout(touch(*files("part1/a", "part1/b", "part2/a", "part2/b"))).class_names == ("a", "b")


@pytest.mark.parametrize(
    "names",
    [
        *(("fold0", "fold1"), ("fold_1", "fold_2"), ("Fold-A", "Fold-B"), ("cv1", "cv2"), ("split1", "split2")),
        *(("partition1", "partition2"), ("k-fold 1", "k-fold 2"), ("5fold_1", "5fold_2"), ("subset0", "subset1")),
        *(("set1", "set2"), ("dataset_1", "dataset_2"), ("data1", "data2")),
    ],
)
def test_folds_stop_in_one_line(touch, names):
    with pytest.raises(DataError, match=rf"{names[0]}, {names[1]} could be folds or parts of one set; make folders"):
        read_layout(touch(*files(*names)))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("images_1", "images_2", "normal"), "images_1, images_2 could be pieces of one set, but normal not"),
        (("Original", "Augmented"), "Augmented, Original could be versions of one set"),
        (("raw", "preprocessed_images"), "preprocessed_images, raw could be versions"),
        (("labeled", "unlabeled"), "labeled, unlabeled could be versions"),
        (("images", "thumbnails"), "thumbnails could be versions of one set and not classes next to images"),
        (("images", "benign"), "images seems to hold all images, but there is benign next to it"),
    ],
)
def test_folders_that_are_half_clear_stop_in_one_line(touch, names, words):
    with pytest.raises(DataError) as caught:
        read_layout(touch(*files(*names)))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "names",
    [
        *(("0", "1"), ("grade_1", "grade_2"), ("class 1", "class 2"), ("level1", "level2"), ("T1", "T2")),
        *(("photo", "sketch"), ("Benign cases", "Normal cases"), ("stage I", "stage II"), ("BIRADS_1", "BIRADS_2")),
        *(("ER+", "ER-"), ("mild", "moderate"), ("group1", "group2"), ("manual", "automatic"), ("n01440764", "n2")),
    ],
)
def test_ordinary_names_of_classes_stay_classes(touch, names):
    paths = [f"{name}/{name}_{index}.png" for name in names for index in range(4)]
    assert read_layout(touch(*paths)).class_names == tuple(sorted(names))


def test_many_folders_with_numbers_for_names_are_told(touch):
    layout = read_layout(touch(*files(*[f"TCGA_{index:04}" for index in range(25)])))
    assert len(layout.class_names) == 25
    assert any("25 folders with numbers for names (TCGA_0000" in note for note in layout.notes)


@pytest.mark.parametrize("form", ["P{:03}", "{:03}", "ID_{:05}", "s{:04}"])
def test_a_few_folders_that_are_counted_with_zeros_in_front_are_told(touch, form):
    layout = read_layout(touch(*files(*[form.format(index) for index in range(1, 4)])))
    assert any("3 folders with numbers for names" in note for note in layout.notes)


@pytest.mark.parametrize(
    "names", [("KL0", "KL1", "KL2"), ("C1", "C2", "C10"), ("grade1", "grade2", "grade3"), ("a001", "b001", "c001")]
)
def test_classes_that_are_numbered_are_not_told(touch, names):
    assert read_layout(touch(*files(*names))).notes == ()


def test_folders_below_the_classes_that_are_alike_are_told(touch):
    layout = read_layout(touch(*files("benign/40X", "benign/100X", "malignant/40X", "malignant/100X")))
    assert layout.class_names == ("benign", "malignant")
    assert layout.notes == ("the folders below the classes (100X, 40X) are read as parts of them",)


def test_loose_images_next_to_a_single_folder_are_kept(touch):
    layout = read_layout(touch("1.png", "2.png", "3.png", "more/4.png"))
    assert layout.files == ("1.png", "2.png", "3.png", "more/4.png")
    assert set(layout.splits) == {"train"}
