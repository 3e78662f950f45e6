"""Opening segmentation data: folders, the demo set, channels, files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.config import SegmentConfig, build
from fastssl.data import open_source
from fastssl.errors import DataError
from fastssl.evaluation.segment.data import SegmentationData, open_segmentation_data


def opened(notices: list[str] | None = None, **settings: object) -> SegmentationData:
    return open_segmentation_data(build(SegmentConfig, settings), (notices if notices is not None else []).append)


def of(folders: tuple[Path, Path]) -> dict[str, Path]:
    return {"images": folders[0], "masks": folders[1]}


def test_folders_are_split_by_name_and_read_whole(folders: tuple[Path, Path]) -> None:
    data = opened(**of(folders))
    names = {split: [sample.name for sample in samples] for split, samples in data.splits.items()}
    assert names == {
        "train": [f"case_{number}" for number in range(6)],
        "val": ["case_6"],
        "test": ["case_7", "case_8", "case_9"],
    }
    assert (data.name, data.channels, data.smallest_side) == ("images", 1, 32)
    picture = np.asarray(Image.open(folders[0] / "case_8.png"))
    np.testing.assert_array_equal(data.splits["test"][1].image[..., 0], picture)


def test_relative_folders_are_looked_for_in_the_data_root(folders: tuple[Path, Path]) -> None:
    data = opened(images="images", masks="masks", data_root=folders[0].parent, fov=Path("masks"))
    sample = data.splits["train"][0]
    np.testing.assert_array_equal(sample.inside, sample.mask)


def test_one_colour_image_makes_all_three_channels(folders: tuple[Path, Path]) -> None:
    Image.new("RGB", (32, 32), (9, 8, 7)).save(folders[0] / "case_3.png")
    data = opened(**of(folders))
    assert data.channels == 3
    assert data.splits["train"][3].image[0, 0].tolist() == [9, 8, 7]
    assert opened(**of(folders), channel="green").channels == 1


def test_an_unreadable_image_stops_or_is_skipped_by_name(folders: tuple[Path, Path]) -> None:
    (folders[1] / "case_2_manual.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"case_2_manual.png: cannot be read"):
        opened(**of(folders))
    notices: list[str] = []
    found = opened(notices, **of(folders), skip_corrupt=True)
    assert "case_2" not in [sample.name for sample in found.splits["train"]]
    assert len(notices) == 1
    assert "case_2_manual.png" in notices[0]


def test_masks_without_any_foreground_are_refused(folders: tuple[Path, Path]) -> None:
    for path in folders[1].iterdir():
        Image.new("1", (32, 32)).save(path)
    with pytest.raises(DataError, match="no mask of a training image has any foreground"):
        opened(**of(folders))


def test_the_demo_sets_vessels_are_its_fundus_like_images() -> None:
    data, source = opened(size=28), open_source("demo", size=28)
    for split, samples in data.splits.items():
        part = source.splits[split]
        assert part.labels is not None
        assert part.masks is not None
        assert len(samples) == np.count_nonzero(part.labels == 0)
        assert all(sample.mask.any() for sample in samples)
        row = int(samples[-1].name.removeprefix(f"{split}-"))
        np.testing.assert_array_equal(samples[-1].mask, part.masks[row])
    green = opened(data="demo-colour", size=28, channel="green")
    assert green.channels == 1


def test_equal_files_have_equal_fingerprints_and_any_change_of_them_or_of_a_split_another(
    folders: tuple[Path, Path],
) -> None:
    first = opened(**of(folders)).fingerprint()
    assert opened(**of(folders)).fingerprint() == first
    found = {first, opened(**of(folders), size=30).fingerprint(), opened(**of(folders), val_images=2).fingerprint()}
    found.add(opened(**of(folders), fov=folders[1]).fingerprint())
    for folder, name in zip(folders, ("case_0.png", "case_9_manual.png"), strict=True):
        pixels = np.array(Image.open(folder / name))
        pixels[3, 3] = ~pixels[3, 3]
        Image.fromarray(pixels).save(folder / name)
        found.add(opened(**of(folders)).fingerprint())
    assert len(found) == 6
