"""Public data sets pair by themselves, as their archives unpack."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from fastssl.errors import DataError
from fastssl.evaluation.segment.data.pairing import find_pairs

NUMBERS = range(1, 12)


def each(*patterns: str, numbers: Sequence[int] = NUMBERS) -> list[str]:
    """All files that the patterns stand for."""
    return list(dict.fromkeys(pattern.format(n=number) for pattern in patterns for number in numbers))


LAYOUTS = {
    "DRIVE": (
        each("images/{n:02d}_training.tif", "1st_manual/{n:02d}_manual1.gif", "mask/{n:02d}_training_mask.gif"),
        ("images", "1st_manual", "mask"),
        {f"{n:02d}_training.tif": f"{n:02d}_manual1.gif" for n in NUMBERS},
    ),
    "DRIVE, training and test together": (
        [
            *each("images/{n:02d}_test.tif", numbers=range(1, 6)),
            *each("images/{n:02d}_training.tif", numbers=range(21, 26)),
            *each("manual/{n:02d}_manual1.gif", numbers=[*range(1, 6), *range(21, 26)]),
        ],
        ("images", "manual"),
        {
            **{f"{n:02d}_test.tif": f"{n:02d}_manual1.gif" for n in range(1, 6)},
            **{f"{n}_training.tif": f"{n}_manual1.gif" for n in range(21, 26)},
        },
    ),
    "STARE": (
        each("stare/im{n:04d}.ppm", "labels-ah/im{n:04d}.ah.ppm"),
        ("stare", "labels-ah"),
        {f"im{n:04d}.ppm": f"im{n:04d}.ah.ppm" for n in NUMBERS},
    ),
    "STARE, most images without truth": (
        [*each("stare/im{n:04d}.ppm", numbers=range(1, 60)), *each("labels/im{n:04d}.vk.ppm")],
        ("stare", "labels"),
        {f"im{n:04d}.ppm": f"im{n:04d}.vk.ppm" for n in NUMBERS},
    ),
    "HRF": (
        each("images/{n:02d}_dr.JPG", "images/{n:02d}_g.jpg", "manual1/{n:02d}_dr.tif", "manual1/{n:02d}_g.tif")
        + each("mask/{n:02d}_dr_mask.tif", "mask/{n:02d}_g_mask.tif"),
        ("images", "manual1", "mask"),
        {
            **{f"{n:02d}_dr.JPG": f"{n:02d}_dr.tif" for n in NUMBERS},
            **{f"{n:02d}_g.jpg": f"{n:02d}_g.tif" for n in NUMBERS},
        },
    ),
    "ISIC": (
        each(
            "data/ISIC_{n:07d}.jpg",
            "data/ISIC_{n:07d}_superpixels.png",
            "truth/ISIC_{n:07d}_segmentation.png",
            "data/ISIC-2017_metadata.csv",
        ),
        ("data", "truth"),
        {f"ISIC_{n:07d}.jpg": f"ISIC_{n:07d}_segmentation.png" for n in NUMBERS},
    ),
    "BUSI": (
        each(
            "{n}/benign ({n}).png",
            "{n}/benign ({n})_mask.png",
            "1/benign (1)_mask_1.png",
            "4/benign (4)_mask_1.png",
            "4/benign (4)_mask_2.png",
        ),
        (".", "."),
        {
            **{f"benign ({n}).png": f"benign ({n})_mask.png" for n in NUMBERS},
            "benign (1).png": "benign (1)_mask.png benign (1)_mask_1.png",
            "benign (4).png": "benign (4)_mask.png benign (4)_mask_1.png benign (4)_mask_2.png",
        },
    ),
    "Kvasir-SEG": (
        each("images/cju{n}x.jpg", "masks/cju{n}x.jpg", "kavsir_bboxes.json"),
        ("images", "masks"),
        {f"cju{n}x.jpg": f"cju{n}x.jpg" for n in NUMBERS},
    ),
    "CVC-ClinicDB": (
        each("Original/{n}.tif", "Ground Truth/{n}.tif"),
        ("Original", "Ground Truth"),
        {f"{n}.tif": f"{n}.tif" for n in NUMBERS},
    ),
    "PH2": (
        each(
            "IMD{n:03d}/IMD{n:03d}_Dermoscopic_Image/IMD{n:03d}.bmp",
            "IMD{n:03d}/IMD{n:03d}_lesion/IMD{n:03d}_lesion.bmp",
            "IMD003/IMD003_roi/IMD003_R1_Label3.bmp",
        ),
        (".", "."),
        {f"IMD{n:03d}.bmp": f"IMD{n:03d}_lesion.bmp" for n in NUMBERS},
    ),
    "Montgomery": (
        each("CXR_png/MCUCXR_{n:04d}_0.png", "ManualMask/leftMask/MCUCXR_{n:04d}_0.png")
        + each("ManualMask/rightMask/MCUCXR_{n:04d}_0.png"),
        ("CXR_png", "ManualMask"),
        {f"MCUCXR_{n:04d}_0.png": " ".join([f"MCUCXR_{n:04d}_0.png"] * 2) for n in NUMBERS},
    ),
    "Shenzhen": (
        each("CXR_png/CHNCXR_{n:04d}_0.png", "CXR_png/CHNCXR_{n:04d}_1.png", "mask/CHNCXR_{n:04d}_1_mask.png"),
        ("CXR_png", "mask"),
        {f"CHNCXR_{n:04d}_1.png": f"CHNCXR_{n:04d}_1_mask.png" for n in NUMBERS},
    ),
    "Data Science Bowl 2018": (
        each("{n:02d}ab/images/{n:02d}ab.png", "{n:02d}ab/masks/f0{n}.png", "{n:02d}ab/masks/e1{n}.png"),
        (".", "."),
        {f"{n:02d}ab.png": f"e1{n}.png f0{n}.png" for n in NUMBERS},
    ),
    "Drishti-GS": (
        each("Images/drishtiGS_{n:03d}.png", "GT/drishtiGS_{n:03d}/SoftMap/drishtiGS_{n:03d}_ODsegSoftmap.png")
        + each("GT/drishtiGS_{n:03d}/AvgBoundary/drishtiGS_{n:03d}_CupAvgBoundary.txt"),
        ("Images", "GT"),
        {f"drishtiGS_{n:03d}.png": f"drishtiGS_{n:03d}_ODsegSoftmap.png" for n in NUMBERS},
    ),
    "REFUGE": (
        each("train/Images/g{n:04d}.jpg", "train/gts/g{n:04d}.bmp"),
        ("train/Images", "train/gts"),
        {f"g{n:04d}.jpg": f"g{n:04d}.bmp" for n in NUMBERS},
    ),
    "GlaS": (
        each("train_{n}.bmp", "train_{n}_anno.bmp", "testA_{n}.bmp", "testA_{n}_anno.bmp", "Grade.csv"),
        (".", "."),
        {f"{part}_{n}.bmp": f"{part}_{n}_anno.bmp" for part in ("train", "testA") for n in NUMBERS},
    ),
    "LGG MRI": (
        each("TCGA_CS_{n}/TCGA_CS_{n}_1996_10.tif", "TCGA_CS_{n}/TCGA_CS_{n}_1996_10_mask.tif")
        + each("TCGA_CS_{n}/TCGA_CS_{n}_1996_1.tif", "TCGA_CS_{n}/TCGA_CS_{n}_1996_1_mask.tif"),
        (".", "."),
        {f"TCGA_CS_{n}_1996_{s}.tif": f"TCGA_CS_{n}_1996_{s}_mask.tif" for n in NUMBERS for s in (1, 10)},
    ),
    "TNBC": (
        each("Slide_{n:02d}/{n:02d}_1.png", "GT_{n:02d}/{n:02d}_1.png"),
        (".", "."),
        {f"{n:02d}_1.png": f"{n:02d}_1.png" for n in NUMBERS},
    ),
    "parallel trees of equal names": (
        each("images/train/{n}.png", "images/test/{n}.png", "masks/train/{n}.png", "masks/test/{n}.png"),
        ("images", "masks"),
        {f"{part}/{n}.png": f"{part}/{n}.png" for part in ("train", "test") for n in NUMBERS},
    ),
    "a class in each folder, images and masks in each": (
        each("A/images/A-{n}.png", "A/masks/A-{n}.png", "B/images/B-{n}.png", "B/masks/B-{n}.png"),
        (".", "."),
        {f"{kind}-{n}.png": f"{kind}-{n}.png" for kind in "AB" for n in NUMBERS},
    ),
    "beginnings that differ": (
        each("images/image_{n}.png", "masks/mask_{n:03d}.png"),
        ("images", "masks"),
        {f"image_{n}.png": f"mask_{n:03d}.png" for n in NUMBERS},
    ),
    "one folder, JPEG and PNG": (
        each("{n}.jpg", "{n}.png"),
        (".", "."),
        {f"{n}.jpg": f"{n}.png" for n in NUMBERS},
    ),
    "masks below the images": (
        each("{n}.png", "masks/{n}.png"),
        (".", "masks"),
        {f"{n}.png": f"{n}.png" for n in NUMBERS},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_public_set_pairs_by_itself(tmp_path: Path, name: str) -> None:
    files, folders, expected = LAYOUTS[name]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    found = find_pairs(*(tmp_path / folder for folder in folders))
    shown = {
        (f"{pair.name.rpartition('/')[0]}/" if "/" in pair.name else "") + pair.image.name: pair for pair in found.pairs
    }
    masks = {
        key: " ".join(sorted((f"{mask.parent.name}/" if "/" in key else "") + mask.name for mask in pair.masks))
        for key, pair in shown.items()
    }
    assert masks == expected
    assert f"{len(expected)} pairs" in found.how
    if len(folders) == 3:
        assert all(pair.fov and pair.fov.name == f"{pair.image.stem}_mask{pair.fov.suffix}" for pair in found.pairs)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("BUSI", r"^2 image\(s\) have several masks, which are united \(numbered\), such as those of benign \(1\)"),
        ("Montgomery", r"^11 image\(s\) have several masks, which are united \(left and right\)"),
        ("PH2", r"masks are those that end in '_lesion', as every image has; 1 of other endings are left out"),
    ],
)
def test_what_was_assumed_is_said(tmp_path: Path, name: str, note: str) -> None:
    files, folders, _ = LAYOUTS[name]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (said,) = find_pairs(*(tmp_path / folder for folder in folders)).notes
    assert re.search(note, said)


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        (each("i/{n:02d}_test.tif", "m/{n:02d}_manual1.gif", "m/{n:02d}_manual2.gif"), ("i", "m")),
        (each("i/c_{n}_leftImg8bit.png", "m/c_{n}_gtFine_color.png", "m/c_{n}_gtFine_labelIds.png"), ("i", "m")),
        (each("i/{n}.png", "m/{n}_MA.tif", "m/{n}_HE.tif"), ("i", "m")),
        (each("i/{n}.png", "m/{n}_ODseg.png", "m/{n}_cupseg.png"), ("i", "m")),
        (each("images/{n}_training.tif", "manual/{n}_manual1.gif", "mask/{n}_training_mask.gif"), (".", ".")),
    ],
    ids=["DRIVE's test part", "Cityscapes", "IDRiD", "Drishti-GS with cups", "DRIVE's own folder for both"],
)
def test_two_truths_are_a_choice_in_one_line(tmp_path: Path, files: list[str], folders: tuple[str, str]) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(DataError, match=r"more than one mask .* fits? .*--mask-suffix") as caught:
        find_pairs(*(tmp_path / folder for folder in folders))
    assert "\n" not in str(caught.value)
