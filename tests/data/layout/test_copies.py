"""Images that are called after others: told, and read all the same."""

from __future__ import annotations

import pytest

from fastssl.data.layout import read_layout


@pytest.mark.parametrize(
    ("suffix", "shown"),
    [
        ("_roi", "_roi"),
        ("_binary", "_binary"),
        ("-pred", "-pred"),
        (".crop", ".crop"),
        ("_aug3", "_aug#"),
        (" (1)", " (#)"),
        (" - Copy", " - Copy"),
        ("_L", "_L"),
    ],
)
def test_names_that_go_on_from_another_images_are_told(touch, suffix, shown):
    paths = [f"{name}/im{index}{end}.png" for name in "ab" for index in range(4) for end in ("", suffix)]
    layout = read_layout(touch(*paths))
    assert sorted(layout.files) == sorted(paths)
    example = f"a/im0{suffix}.png"
    said = f"8 images are called like another with {shown} behind, all are read: copies or masks? ({example})"
    assert said in layout.notes


@pytest.mark.parametrize("names", [("im{}_1", "im{}_2"), ("im{0}", "im{0}_2"), ("im{}_left", "im{}_right"), ("{}",)])
def test_series_and_sides_are_not_told(touch, names):
    layout = read_layout(
        touch(*[f"{folder}/{name.format(i)}.png" for folder in "ab" for i in range(6) for name in names])
    )
    assert layout.notes == ()


def test_a_few_of_many_are_not_told(touch):
    paths = [f"a/im{index}.png" for index in range(20)] + [f"a/im{index}_new.png" for index in range(9)]
    assert read_layout(touch(*paths)).notes == ()
    assert len(read_layout(touch("a/im9_new.png")).notes) == 1


def test_one_name_with_two_endings_is_told(touch):
    layout = read_layout(touch("a/1.png", "a/1.jpg", "a/2.png", "b/1.png", "b/2.png"))
    said = "1 images have the name of another with another ending, all are read: copies or masks? (a/1.jpg and 1.png)"
    assert layout.notes == (said,)
