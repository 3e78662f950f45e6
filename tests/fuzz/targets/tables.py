"""Files of splits for segmentation, names of images and masks that are to pair, and tables of labels."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

from fastssl.config import build
from fastssl.config.segment import SegmentConfig
from fastssl.data.tables import LEFT_OUT, TableOptions, match_table, read_table
from fastssl.evaluation.segment.data import open_segmentation_data
from fastssl.evaluation.segment.data.image_names import ImageNames
from fastssl.evaluation.segment.data.splits import SPLITS, SplitRequest, split_names
from tests.fuzz.target import Target

from .folders import _picture

LABELLED = ("a.png", "sub/b.png", "sub/c.png", "d.png")
NAMES = ["01_test", "02_test", "a b", "Röntgen", "x,y"]


def _tables() -> Sequence[bytes]:
    splits = ("train", "train", "val", "test", "test")
    lines = [f"{name},{split}" for name, split in zip(NAMES, splits, strict=True)]
    texts = ("\n".join(lines), "\r\n".join(lines) + "\r\n", "\n".join(["name,split", *lines]), ";".join(lines))
    return [*(text.encode() for text in texts), texts[0].encode("utf-8-sig"), texts[0].encode("utf-16")]


def _split(content: bytes, folder: Path) -> None:
    (folder / "splits.csv").write_bytes(content)
    parts = split_names(
        ImageNames(names=NAMES, aliases={n: n for n in NAMES}), SplitRequest(file=folder / "splits.csv")
    ).parts
    assert set(parts) == set(SPLITS)
    assert sorted(name for part in parts.values() for name in part) == sorted(NAMES)


def _pairs() -> Sequence[bytes]:
    """Lines "i NAME" and "m NAME": images and masks."""
    trees = (
        [f"i {n}.png" for n in range(5)] + [f"m {n}.png" for n in range(5)],
        [f"i {n}_training.tif" for n in range(21, 26)] + [f"m {n}_manual1.gif" for n in range(21, 26)],
        [f"i Image_{n:02}L.jpg" for n in range(5)] + [f"m Image_{n:02}L_{k}stHO.png" for n in range(5) for k in (1, 2)],
        [f"i sub/{n}.png" for n in range(5)] + [f"m sub/{n}_mask.png" for n in range(5)],
    )
    return ["\n".join(tree).encode() for tree in trees]


def _pair(content: bytes, folder: Path) -> None:
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n")[:60]):
        kind, _, name = line.partition(" ")
        parts = [part[:80] for part in re.split(r"[/\0]+", name) if part not in ("", ".", "..")][:4]
        if not parts:
            continue
        path = folder.joinpath("i" if kind == "i" else "m", *parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_picture(255 * (number % 2)))
        except (OSError, UnicodeEncodeError):
            continue
    config = build(SegmentConfig, {"images": folder / "i", "masks": folder / "m"})
    data = open_segmentation_data(config)
    assert sum(map(len, data.splits.values())) > 0


def _label_tables() -> Sequence[bytes]:
    lines = [
        "path,label,split,patient_id,Edema,Mass",
        "a.png,x,train,1,1.0,0",
        'sub/b,y,test,2,-1.0,""',
        "images\\sub\\c.dcm,x,val,,,1",
        "sub,y,train,3,0,0",
    ]
    text = "\n".join(lines)
    texts = (text, text.replace(",", ";"), text.replace(",", "\t"), "# note\n\n" + text, text.replace("x,", "x|y,"))
    return [
        *(own.encode() for own in texts),
        text.encode("utf-16"),
        text.encode("latin-1"),
        gzip.compress(text.encode()),
    ]


def _describe(content: bytes, folder: Path) -> None:
    options = TableOptions(path=folder / "labels.csv")
    options.path.write_bytes(content)
    found = match_table(read_table(options), options, LABELLED, folder / "images")
    assert found.splits is None or set(found.splits) <= {*SPLITS, LEFT_OUT}
    assert found.groups is None or len(found.groups) == len(LABELLED)
    assert found.in_table.any()
    assert (found.labels is None) == (found.task == "none") == (not found.class_names)
    if found.labels is not None:
        several = found.labels.ndim == 2
        assert found.labels.shape == ((len(LABELLED), len(found.class_names)) if several else (len(LABELLED),))
        assert -1 <= found.labels.min() <= found.labels.max() < (2 if several else len(found.class_names))
        assert (found.labels[~found.in_table] == -1).all()
    assert all("\n" not in text for text in (*found.notes, *found.class_names, found.label_problem))


TARGETS = (
    Target(name="splits", seeds=_tables, run=_split),
    Target(name="pairs", seeds=_pairs, run=_pair),
    Target(name="labels-table", seeds=_label_tables, run=_describe),
)
