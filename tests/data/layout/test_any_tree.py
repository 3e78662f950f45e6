"""Any tree of folders: a layout that holds together, or one line."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fastssl.data.layout import read_layout
from fastssl.errors import DataError

FOLDERS = st.sampled_from(
    [
        *("train", "Testing", "val", "dev", "test_b", "fold0", "fold1", "images", "masks", "labels", "GT", "with_mask"),
        *("without_mask", "a", "b", "A", "images_1", "images_2", "patient_1", "Original", "0", "1", "x", "no\nname"),
    ]
)
FILES = st.sampled_from(
    [*("1.png", "2.png", "1.jpg", "1_mask.png", "mask_1.png", "1_seg.png", "x.csv", "y.dcm", "test_1.png", "none")]
)
TREES = st.lists(st.tuples(st.lists(FOLDERS, max_size=4), st.lists(FILES, min_size=1, max_size=4)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(tree=TREES, link=st.none() | st.tuples(st.integers(0, 7), st.integers(0, 7)))
def test_any_tree_is_read_whole_or_refused_in_one_line(tree, link):
    root = Path(tempfile.mkdtemp())
    try:
        places = [root.joinpath(*folders) for folders, _ in tree]
        for place, (_, names) in zip(places, tree, strict=True):
            place.mkdir(parents=True, exist_ok=True)
            for name in names:
                (place / name).touch()
        if link and max(link) < len(places):
            (places[link[0]] / "link").symlink_to(places[link[1]])
        layout, refusal = None, ""
        try:
            layout = read_layout(root)
        except DataError as error:
            refusal = str(error)
        assert refusal.isprintable()
        if layout is None:
            return
        assert len(set(layout.files)) == len(layout.files) == len(layout.splits) == len(layout.labels) > 0
        assert all((layout.root / path).is_file() for path in layout.files)
        assert "train" in layout.splits
        assert set(layout.labels.tolist()) <= {-1, *range(len(layout.class_names))}
        assert all(note and note.isprintable() for note in layout.notes)
        assert [("train", "val", "test").index(split) for split in layout.splits] == sorted(
            ("train", "val", "test").index(split) for split in layout.splits
        )
    finally:
        shutil.rmtree(root)
