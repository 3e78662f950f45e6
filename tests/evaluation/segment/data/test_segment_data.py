"""Opening segmentation data: folders, the demo set, values, masks, what is said, files that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from fastssl.config import SegmentConfig, build
from fastssl.data import open_source
from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.segment.data import Sample, SegmentationData, open_segmentation_data

COUNT, SHAPE = 6, (24, 30)


def opened(trained: tuple[str | None, ...] = (), **settings: object) -> SegmentationData:
    return open_segmentation_data(build(SegmentConfig, settings), trained)


def of(folders: tuple[Path, Path]) -> dict[str, Path]:
    return {"images": folders[0], "masks": folders[1]}


def samples_of(data: SegmentationData) -> dict[str, Sample]:
    return {sample.name: sample for samples in data.splits.values() for sample in samples}


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., dict[str, Path]]:
    """Writes arrays `[H, W]` or `[H, W, 3]` as images 0, 1, ..., each with a mask of its left half."""

    def make(arrays: list[np.ndarray], ending: str = ".tif") -> dict[str, Path]:
        images, masks = tmp_path / "i", tmp_path / "m"
        images.mkdir()
        masks.mkdir()
        for number, array in enumerate(arrays):
            if ending == ".tif":
                colour = {"photometric": "rgb"} if array.ndim == 3 else {"photometric": "minisblack"}
                tifffile.imwrite(images / f"{number}.tif", array, **colour)
            else:
                Image.fromarray(array).save(images / f"{number}{ending}")
            mask = np.zeros(array.shape[:2], bool)
            mask[:, : mask.shape[1] // 2] = True
            Image.fromarray(mask).save(masks / f"{number}.png")
        return {"images": images, "masks": masks}

    return make


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


def test_a_pattern_tells_whose_the_images_are(folders: tuple[Path, Path]) -> None:
    assert opened(**of(folders)).patients == {}
    found = opened(**of(folders), patient=r"case_(\d)").patients
    assert found == {f"case_{number}": str(number) for number in range(10)}


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


RNG = np.random.default_rng(0)
FULL8, FULL16 = RNG.integers(0, 256, (COUNT, *SHAPE)), RNG.integers(0, 65536, (COUNT, *SHAPE))
TWELVE, SIGNED = RNG.integers(0, 4096, (COUNT, *SHAPE)), RNG.integers(-1000, 3001, (COUNT, *SHAPE))
UNIT = RNG.random((COUNT, *SHAPE))
for array, low, high in ((TWELVE, 0, 4095), (SIGNED, -1000, 3000), (UNIT, 0.01, 0.99), (FULL16, 0, 65535)):
    array[0, 0, :2] = low, high


@pytest.mark.parametrize(
    ("arrays", "low", "high", "kept", "depth"),
    [
        (FULL8.astype(np.uint8), 0, 255, None, "8 bit"),
        (FULL16.astype(np.uint16), 0, 65535, "0,65535", "16 bit"),
        (TWELVE.astype(np.uint16), 0, 4095, "0,4095", "12 bit in 16"),
        ((TWELVE // 4).astype(np.uint16), 0, 1023, "0,1023", "10 bit in 16"),
        (FULL8.astype(np.uint16), 0, 255, "0,255", "8 bit in 16"),
        ((FULL8 // 4).astype(np.uint8), 0, 63, "0,63", "6 bit in 8"),
        (SIGNED.astype(np.int16), -1000, 3000, "-1000,3000", "16 bit, signed"),
        (SIGNED.astype(np.float32), -1000, 3000, "-1000,3000", "32-bit float"),
        (UNIT.astype(np.float32), 0, 1, "0,1", "32-bit float"),
        ((UNIT * 255).astype(np.float32), 0, 255, "0,255", "32-bit float"),
    ],
    ids=["8", "16", "12 in 16", "10 in 16", "8 in 16", "6 in 8", "signed", "float HU", "float 0..1", "float 0..255"],
)
def test_values_become_levels_by_one_range_of_the_set(
    made: Callable[..., dict[str, Path]], arrays: np.ndarray, low: float, high: float, kept: str | None, depth: str
) -> None:
    data = opened(**made(list(arrays)))
    white = {"uint8": 255, "uint16": 65535}[data.splits["train"][0].image.dtype.name]
    assert data.white == white
    for name, sample in samples_of(data).items():
        expected = np.rint((arrays[int(name)].astype(np.float64) - low) / (high - low) * white)
        assert np.abs(sample.image[..., 0] - expected).max() <= 1
    assert (data.value_range, data.report.depth) == (kept, depth)
    shown = f"{low} to {high}"
    assert data.report.value_range == (shown if kept is None else f"{shown}, found in the images")


def test_eight_and_sixteen_bits_together_become_the_same_levels(made: Callable[..., dict[str, Path]]) -> None:
    """Their means were 141 and 0.002 once."""
    mixed = [FULL8[n].astype(np.uint8) if n % 2 else (FULL8[n] * 257).astype(np.uint16) for n in range(COUNT)]
    data = opened(**made(mixed))
    assert {(sample.image.dtype.name, data.white) for sample in samples_of(data).values()} == {("uint16", 65535.0)}
    for name, sample in samples_of(data).items():
        np.testing.assert_array_equal(sample.image[..., 0], FULL8[int(name)] * 257)


def test_wide_colour_is_not_narrowed_to_eight_bits(made: Callable[..., dict[str, Path]]) -> None:
    colours = np.stack([FULL16, TWELVE, FULL16[:, ::-1]], axis=-1).astype(np.uint16)
    data = opened(**made(list(colours)))
    for name, sample in samples_of(data).items():
        np.testing.assert_array_equal(sample.image, colours[int(name)])


@pytest.mark.parametrize(
    ("trained", "settings", "kept", "said"),
    [
        (("0,16383",), {}, "0,16383", "0 to 16383, as in training"),
        ((None,), {}, "0,4095", "0 to 4095, found in the images"),
        (("0,16383",), {"value_range": "auto"}, "0,4095", "0 to 4095, found in the images"),
        (("0,16383",), {"value_range": "0,5000"}, "0,5000", "0 to 5000, as given"),
        (("0,16383", None), {}, "0,16383", "0 to 16383, as in training"),
        ((), {"value_range": "full"}, "0,65535", "0 to 65535, the whole type"),
    ],
)
def test_the_range_is_the_encoders_unless_another_is_given(
    made: Callable[..., dict[str, Path]],
    trained: tuple[str | None, ...],
    settings: dict[str, str],
    kept: str,
    said: str,
) -> None:
    data = opened(trained, **made(list(TWELVE.astype(np.uint16))), **settings)
    assert (data.value_range, data.report.value_range) == (kept, said)
    high = float(kept.split(",")[1])
    sample = data.splits["train"][0]
    expected = np.rint(TWELVE[int(sample.name)] / high * 65535).clip(0, 65535)
    assert np.abs(sample.image[..., 0] - expected).max() <= 1
    assert any("different value ranges (0,16383, full)" in note for note in data.report.notes) == (len(trained) == 2)


def test_a_range_that_does_not_fit_the_images_is_a_warning(made: Callable[..., dict[str, Path]]) -> None:
    folders = made(list(TWELVE.astype(np.uint16)))
    notes = opened(("0,2047",), **folders).report.notes
    share = np.mean(TWELVE > 2047)
    assert notes == (
        f"warning: {share:.1%} of the values are outside of this range and clipped; see --value-range auto",
    )
    notes = opened((), **folders, value_range="full").report.notes
    assert notes == ()
    notes = opened(("0,1000000",), **folders).report.notes
    assert any("the values go from 0 to 4095, a small part of this range" in note for note in notes)


@pytest.mark.parametrize("trained", [("0,4095",), (None,), ("full",)])
def test_eight_bit_images_stay_as_they_are_for_an_encoder(
    made: Callable[..., dict[str, Path]], trained: tuple[str | None, ...]
) -> None:
    dark = (FULL8 // 4).astype(np.uint8)
    data = opened(trained, **made(list(dark)))
    np.testing.assert_array_equal(data.splits["train"][0].image[..., 0], dark[0])
    assert (data.value_range, data.white) == (None, 255.0)


def test_floats_among_whole_numbers_are_refused(made: Callable[..., dict[str, Path]]) -> None:
    folders = made([UNIT[0].astype(np.float32), *FULL8[1:].astype(np.uint8)])
    with pytest.raises(DataError, match=r"0.tif holds floats and .*1.tif whole numbers"):
        opened(**folders)


def test_lesions_of_one_image_are_united(folders: tuple[Path, Path]) -> None:
    second = np.zeros((32, 32), bool)
    second[0, 3:9] = True
    Image.fromarray(second).save(folders[1] / "case_1_manual_1.png")
    with pytest.raises(DataError, match="choose with --mask-suffix"):
        opened(**of(folders))
    for path in folders[1].iterdir():
        path.rename(path.with_name(path.name.replace("_manual", "_mask")))
    data = opened(**of(folders))
    first = np.asarray(Image.open(folders[1] / "case_1_mask.png"))
    np.testing.assert_array_equal(samples_of(data)["case_1"].mask, first | second)
    assert data.report.masks == 11
    assert any("several masks, which are united" in note for note in data.report.notes)


def test_the_values_of_all_masks_decide_not_those_of_one(folders: tuple[Path, Path]) -> None:
    """One mask of three values among ten is named; chosen values are foreground in every mask."""
    path = folders[1] / "case_9_manual.png"
    classes = np.asarray(Image.open(path)).astype(np.uint8) * 255
    classes[0] = 127
    Image.fromarray(classes).save(path)
    with pytest.raises(DataError, match=r"masks hold 3 values: 0 \(.*127 \(0.31 %\), 255 .*--foreground"):
        opened(**of(folders))
    data = opened(**of(folders), foreground="255")
    np.testing.assert_array_equal(samples_of(data)["case_9"].mask, classes == 255)
    data = opened(**of(folders), foreground=["127", "255"])
    np.testing.assert_array_equal(samples_of(data)["case_9"].mask, classes > 0)


@pytest.mark.parametrize("words", [["red"], ["any", "1"], ["#ff00"], ["1.5"], ["#gg0000"]])
def test_a_foreground_that_is_no_value_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="foreground="):
        build(SegmentConfig, {"images": "a", "masks": "b", "foreground": words})


def test_an_unreadable_image_stops_or_is_skipped_by_name(folders: tuple[Path, Path]) -> None:
    (folders[1] / "case_2_manual.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"case_2_manual.png: it is no image"):
        opened(**of(folders))
    data = opened(**of(folders), skip_corrupt=True)
    assert "case_2" not in samples_of(data)
    (said,) = (note for note in data.report.notes if "skipped" in note)
    assert said.startswith("1 of 10 images skipped: ")
    assert "case_2_manual.png" in said


def test_a_file_of_splits_may_name_what_was_skipped(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "case_2.png").write_bytes(b"nothing")
    Image.new("L", (32, 32)).save(folders[0] / "lonely.png")
    split = tmp_path / "split.csv"
    names = [f"case_{number}" for number in range(10)]
    parts = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    lines = [f"{name}.png,{part}" for name, part in zip(names, parts, strict=True)]
    split.write_text("\n".join([*lines, "lonely.png,train"]), encoding="utf-8")
    data = opened(**of(folders), skip_corrupt=True, split=split)
    assert {part: len(samples) for part, samples in data.splits.items()} == {"train": 5, "val": 2, "test": 2}


def test_masks_without_any_foreground_are_refused(folders: tuple[Path, Path]) -> None:
    for path in folders[1].iterdir():
        Image.new("1", (32, 32)).save(path)
    with pytest.raises(DataError, match="no mask of a training image has any foreground"):
        opened(**of(folders))


def test_too_few_pairs_say_how_many_images_are_left_out(folders: tuple[Path, Path]) -> None:
    for number in range(2, 10):
        (folders[1] / f"case_{number}_manual.png").unlink()
    expected = r"2 image\(s\) leave none for .*; 8 image\(s\) without a mask, left out: case_2"
    with pytest.raises(DataError, match=expected):
        opened(**of(folders))


def test_too_large_an_image_is_refused_unless_allowed(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        (path,) = folder.glob("case_4*")
        Image.open(path).resize((1100, 1000)).save(path)
    with pytest.raises(DataError, match=r"case_4.png: 1100x1000 pixels, more than 1 megapixels; .*--max-megapixels 2"):
        opened(**of(folders), max_megapixels=1)
    assert opened(**of(folders), max_megapixels=2, size=16).smallest_side == 16


def test_what_was_read_is_said_in_a_short_block_and_as_json(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "notes.txt").write_text("x")
    Image.new("L", (32, 32)).save(folders[0] / "lonely.png")
    report = opened(**of(folders), size=16).report
    assert report.lines() == [
        f"data        images, {folders[0]}",
        "images      train 6, val 1, test 3",
        "shape       32x32 px resized to a short side of 16 px, 1 channel, 8 bit",
        "values      0 to 255",
        "pairs       case_0.png with case_0_manual.png, 10 pairs",
        "masks       10 masks, foreground is 1, of 0 (75 %), 1 (25 %)",
        "splits      the last names test",
        "passed over .txt 1",
        "note        1 image(s) without a mask, left out: lonely.png",
    ]
    report.write(tmp_path)
    kept = json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))
    assert (kept["masks"], kept["foreground_share"], kept["counts"]["test"]) == (10, 0.25, 3)


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
    assert data.report.counts == {split: len(samples) for split, samples in data.splits.items()}
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
