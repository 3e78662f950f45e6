"""The layouts of well-known data sets: every file in its split and class, or left out, or one line.

A set is written as path -> (split, class) as its publishers mean it, None for what is no image to train on. The split
`HASHED` stands for any: the set has none of its own.
"""

from __future__ import annotations

import pytest

from fastssl.data.layout import UNLABELLED, read_layout
from fastssl.errors import DataError

HASHED = "hashed"
NO_CLASS = ""

Files = dict[str, "tuple[str, str] | None"]


def images(template: str, split: str, classes: str = NO_CLASS, count: int = 4) -> Files:
    """`count` files of each class; the template has {c} for the class and {i} for a number."""
    return {template.format(c=name, i=index): (split, name) for name in classes.split("|") for index in range(count)}


def left_out(template: str, classes: str = NO_CLASS, count: int = 4) -> Files:
    return dict.fromkeys(images(template, "", classes, count))


def in_splits(template: str, splits: dict[str, str], classes: str = NO_CLASS) -> Files:
    """The same files in folders of several splits; the template has {s} for the folder."""
    found: Files = {}
    for folder, split in splits.items():
        found |= images(template.replace("{s}", folder), split, classes)
    return found


def volumes(template: str, kinds: str = NO_CLASS) -> Files:
    """Unlabelled volumes for training; the template has {c} for what tells those of one case apart."""
    return dict.fromkeys(images(template, "", kinds), ("train", NO_CLASS))


THREE = {"train": "train", "val": "val", "test": "test"}
CXR = "NORMAL|PNEUMONIA"
COVID = "COVID|Normal|Viral Pneumonia"
RETINA = "CNV|DME|DRUSEN|NORMAL"

SETS: dict[str, Files] = {
    "Kaggle chest X-ray": in_splits("chest_xray/{s}/{c}/p-{i}.jpeg", THREE, CXR),
    "Kaggle chest X-ray, with the copy of itself inside": in_splits("chest_xray/{s}/{c}/p-{i}.jpeg", THREE, CXR)
    | left_out("chest_xray/chest_xray/train/{c}/p-{i}.jpeg", CXR)
    | left_out("chest_xray/__MACOSX/chest_xray/train/{c}/._p-{i}.jpeg", CXR),
    "brain tumour MRI": in_splits(
        "{s}/{c}/Tr-me_{i}.jpg", {"Training": "train", "Testing": "test"}, "glioma|meningioma|notumor|pituitary"
    ),
    "OCT2017": in_splits("OCT2017 /{s}/{c}/{c}-{i}.jpeg", THREE, RETINA),
    "COVID-19 Radiography": images("{c}/images/{c}-{i}.png", HASHED, COVID)
    | left_out("{c}/masks/{c}-{i}.png", COVID)
    | left_out("{c}.metadata.xlsx", COVID, 1),
    "COVID-QU-Ex": in_splits(
        "Lung Segmentation Data/Lung Segmentation Data/{s}/{c}/images/{c}_{i}.png",
        {"Train": "train", "Val": "val", "Test": "test"},
        "COVID-19|Non-COVID|Normal",
    )
    | left_out("Lung Segmentation Data/Lung Segmentation Data/Train/{c}/lung masks/{c}_{i}.png", "COVID-19|Normal")
    | left_out("Lung Segmentation Data/Lung Segmentation Data/Train/{c}/infection masks/{c}_{i}.png", "COVID-19"),
    "HAM10000": images("HAM10000_images_part_1/ISIC_{i}.jpg", "train")
    | images("HAM10000_images_part_2/ISIC_9{i}.jpg", "train")
    | left_out("HAM10000_segmentations_lesion_tschandl/ISIC_{i}_segmentation.png")
    | left_out("HAM10000_metadata", count=1),
    "NIH ChestX-ray14": images("images_001/images/0000{i}_000.png", "train")
    | images("images_002/images/0001{i}_000.png", "train")
    | images("images_012/images/0002{i}_000.png", "train"),
    "CheXpert": in_splits(
        "CheXpert-v1.0-small/{s}/patient0000{i}/study1/view1_frontal.jpg", {"train": "train", "valid": "val"}
    ),
    "MURA": in_splits(
        "MURA-v1.1/{s}/{c}/patient0000{i}/study1_positive/image1.png",
        {"train": "train", "valid": "val"},
        "XR_ELBOW|XR_HAND",
    ),
    "BreakHis": images("BreaKHis_v1/histology_slides/breast/{c}/SOB/x/SOB_{i}/40X/{i}.png", HASHED, "benign|malignant")
    | images("BreaKHis_v1/histology_slides/breast/{c}/SOB/x/SOB_{i}/100X/{i}.png", HASHED, "benign|malignant"),
    "BUSI": images("Dataset_BUSI_with_GT/{c}/{c} ({i}).png", HASHED, "benign|malignant|normal")
    | left_out("Dataset_BUSI_with_GT/{c}/{c} ({i})_mask.png", "benign|malignant|normal")
    | left_out("Dataset_BUSI_with_GT/{c}/{c} (1)_mask_1.png", "benign", 1),
    "Kvasir-SEG": images("Kvasir-SEG/images/cju{i}.jpg", "train") | left_out("Kvasir-SEG/masks/cju{i}.jpg"),
    "CVC-ClinicDB": images("Original/{i}.tif", "train") | left_out("Ground Truth/{i}.tif"),
    "NCT-CRC, one folder": images("NCT-CRC-HE-100K/{c}/{c}-{i}.tif", HASHED, "ADI|BACK|DEB"),
    "APTOS 2019": images("train_images/a{i}.png", "train")
    | images("test_images/b{i}.png", "test")
    | dict.fromkeys(("train.csv", "test.csv", "sample_submission.csv")),
    "RSNA pneumonia, as PNG": images("stage_2_train_images/a{i}.png", "train")
    | images("stage_2_test_images/b{i}.png", "test"),
    "Montgomery": images("MontgomerySet/CXR_png/MCUCXR_000{i}_0.png", "train")
    | left_out("MontgomerySet/ManualMask/leftMask/MCUCXR_000{i}_0.png")
    | left_out("MontgomerySet/ManualMask/rightMask/MCUCXR_000{i}_0.png")
    | left_out("MontgomerySet/ClinicalReadings/MCUCXR_000{i}_0.txt"),
    "face masks": images("data/{c}/{c}_{i}.jpg", HASHED, "with_mask|without_mask"),
    "face masks, drawn on": images("data/with_mask/{i}-with-mask.jpg", HASHED, "with_mask")
    | images("data/without_mask/{i}.jpg", HASHED, "without_mask"),
    "face masks of three kinds": images("{c}/{i}.png", HASHED, "mask_weared_incorrect|with_mask|without_mask"),
    "face masks in splits": in_splits("{s}/{c}/{i}.png", THREE, "WithMask|WithoutMask"),
    "numbers for classes": images("{c}/{i}.png", HASHED, "0|1"),
    "DRIVE": images("DRIVE/training/images/2{i}_training.tif", "train")
    | images("DRIVE/test/images/0{i}_test.tif", "test")
    | left_out("DRIVE/training/1st_manual/2{i}_manual1.gif")
    | left_out("DRIVE/training/mask/2{i}_training_mask.gif")
    | left_out("DRIVE/test/mask/0{i}_test_mask.gif"),
    "HRF": images("images/0{i}_dr.JPG", "train") | left_out("manual1/0{i}_dr.tif") | left_out("mask/0{i}_dr_mask.tif"),
    "CHASE_DB1": images("Image_0{i}L.jpg", "train")
    | left_out("Image_0{i}L_1stHO.png")
    | left_out("Image_0{i}L_2ndHO.png"),
    "STARE": images("im000{i}.ppm", "train") | left_out("im000{i}.ah.ppm") | left_out("im000{i}.vk.ppm"),
    "IDRiD": images("A. Segmentation/1. Original Images/a. Training Set/IDRiD_0{i}.jpg", "train")
    | images("A. Segmentation/1. Original Images/b. Testing Set/IDRiD_5{i}.jpg", "test")
    | left_out("A. Segmentation/2. All Segmentation Groundtruths/a. Training Set/1. Microaneurysms/IDRiD_0{i}_MA.tif")
    | left_out("A. Segmentation/2. All Segmentation Groundtruths/b. Testing Set/2. Haemorrhages/IDRiD_5{i}_HE.tif"),
    "REFUGE": images("Training400/{c}/{c}{i}.jpg", "train", "Glaucoma|Non-Glaucoma")
    | left_out("Annotation-Training400/Disc_Cup_Masks/{c}/{c}{i}.bmp", "Glaucoma|Non-Glaucoma"),
    "RIM-ONE": images("{c}/Stereo Images/N-{i}-L.jpg", HASHED, "Glaucoma|Healthy")
    | left_out("{c}/Average_masks/N-{i}-L-Cup-Avg.png", "Glaucoma|Healthy"),
    "ISIC 2016": images("ISBI2016_ISIC_Part1_Training_Data/ISIC_000{i}.jpg", "train")
    | images("ISBI2016_ISIC_Part1_Test_Data/ISIC_001{i}.jpg", "test")
    | left_out("ISBI2016_ISIC_Part1_Training_GroundTruth/ISIC_000{i}_Segmentation.png"),
    "ISIC 2017": images("ISIC-2017_Training_Data/ISIC_000{i}.jpg", "train")
    | images("ISIC-2017_Validation_Data/ISIC_001{i}.jpg", "val")
    | images("ISIC-2017_Test_v2_Data/ISIC_002{i}.jpg", "test")
    | left_out("ISIC-2017_Training_Data/ISIC_000{i}_superpixels.png")
    | left_out("ISIC-2017_Training_Part1_GroundTruth/ISIC_000{i}_segmentation.png"),
    "ISIC 2018": in_splits(
        "{s}/ISIC_{i}.jpg",
        {
            "ISIC2018_Task3_Training_Input": "train",
            "ISIC2018_Task3_Validation_Input": "val",
            "ISIC2018_Task3_Test_Input": "test",
        },
    ),
    "Data Science Bowl 2018": images("stage1_train/f{i}/images/f{i}.png", "train", count=30)
    | images("stage1_test/e{i}/images/e{i}.png", "test")
    | left_out("stage1_train/f{i}/masks/0a{i}.png", count=30)
    | left_out("stage1_train/f{i}/masks/1b{i}.png", count=30),
    "Carvana": images("train/a{i}.jpg", "train")
    | images("test/b{i}.jpg", "test")
    | left_out("train_masks/a{i}_mask.gif"),
    "SIIM pneumothorax": images("png_images/{i}_train_1_.png", "train") | left_out("png_masks/{i}_train_1_.png"),
    "nnU-Net, two-dimensional": images("imagesTr/c_{i}_0000.png", "train")
    | images("imagesTs/d_{i}_0000.png", "test")
    | left_out("labelsTr/c_{i}.png"),
    "PASCAL VOC": images("JPEGImages/2007_0{i}.jpg", "train")
    | left_out("SegmentationClass/2007_0{i}.png", count=2)
    | left_out("SegmentationObject/2007_0{i}.png", count=2),
    "YOLO": in_splits("images/{s}/{i}.jpg", THREE) | left_out("labels/train/{i}.txt"),
    "Roboflow": in_splits("{s}/images/{i}.jpg", {"train": "train", "valid": "val"}) | left_out("train/labels/{i}.txt"),
    "dogs against cats": images("train/train/cat.{i}.jpg", "train") | images("test1/test1/{i}.jpg", "test"),
    "MVTec": images("bottle/train/good/{i}.png", "train", "good")
    | images("bottle/test/{c}/{i}.png", "test", "broken|good")
    | left_out("bottle/ground_truth/broken/{i}_mask.png"),
    "GlaS": images("train_{i}.bmp", "train")
    | images("testA_{i}.bmp", "train")
    | left_out("train_{i}_anno.bmp")
    | left_out("testA_{i}_anno.bmp"),
    "malaria, with the copy of itself inside": images("cell_images/{c}/C{i}.png", HASHED, "Parasitized|Uninfected")
    | left_out("cell_images/cell_images/{c}/C{i}.png", "Parasitized|Uninfected"),
    "brain MRI, with the copy of itself inside": images("{c}/{c}{i}.JPG", HASHED, "no|yes")
    | left_out("brain_tumor_dataset/{c}/{c}{i}.JPG", "no|yes"),
    "fetal heads": images("training_set/{i}_HC.png", "train")
    | images("test_set/{i}_HC.png", "test")
    | left_out("training_set/{i}_HC_Annotation.png"),
    "Drishti-GS": images("Training/Images/{c}/d_{i}.png", "train", "GLAUCOMA|NORMAL")
    | {
        path: ("test", name.upper())
        for path, (_, name) in images("Test/Images/{c}/e_{i}.png", "", "glaucoma|normal").items()
    }
    | left_out("Training/GT/d_{i}/SoftMap/d_{i}_ODsegSoftmap.png")
    | left_out("Test/Test_GT/e_{i}/SoftMap/e_{i}_cupsegSoftmap.png"),
    "LGG": images("kaggle_3m/{c}/{c}_{i}.tif", HASHED, "TCGA_CS_4941|TCGA_CS_4942")
    | left_out("kaggle_3m/{c}/{c}_{i}_mask.tif", "TCGA_CS_4941|TCGA_CS_4942"),
    "Medical Segmentation Decathlon": images("imagesTr/la_00{i}.nii.gz", "train")
    | images("imagesTs/la_01{i}.nii.gz", "test")
    | left_out("labelsTr/la_00{i}.nii.gz")
    | left_out("imagesTr/._la_00{i}.nii.gz")
    | left_out("dataset.json", count=1),
    "nnU-Net": volumes("imagesTr/c_00{i}_000{c}.nii.gz", "0|1")
    | images("imagesTs/d_00{i}_0000.nii.gz", "test")
    | left_out("labelsTr/c_00{i}.nii.gz")
    | left_out("labelsTs/d_00{i}.nii.gz"),
    "AMOS": images("imagesTr/amos_000{i}.nii.gz", "train")
    | images("imagesVa/amos_001{i}.nii.gz", "val")
    | images("imagesTs/amos_002{i}.nii.gz", "test")
    | left_out("labelsTr/amos_000{i}.nii.gz")
    | left_out("labelsVa/amos_001{i}.nii.gz"),
    "BraTS": volumes("MICCAI/BraTS20_Training_00{i}/BraTS20_Training_00{i}_{c}.nii.gz", "flair|t1|t1ce|t2")
    | left_out("MICCAI/BraTS20_Training_00{i}/BraTS20_Training_00{i}_seg.nii.gz"),
    "KiTS": volumes("case_0000{i}/imaging.nii.gz") | left_out("case_0000{i}/segmentation.nii.gz"),
    "LiTS": volumes("volume-{i}.nii") | left_out("segmentation-{i}.nii"),
    "ACDC": volumes("patient00{i}/patient00{i}_{c}.nii.gz", "4d|frame01|frame12")
    | left_out("patient00{i}/patient00{i}_{c}_gt.nii.gz", "frame01|frame12")
    | left_out("patient00{i}/Info.cfg"),
    "TotalSegmentator": volumes("s000{i}/ct.nii.gz") | left_out("s000{i}/segmentations/{c}.nii.gz", "liver|spleen"),
    "BIDS": volumes("sub-0{i}/anat/sub-0{i}_{c}.nii.gz", "T1w|T2w")
    | volumes("sub-0{i}/func/sub-0{i}_task-rest_bold.nii.gz")
    | left_out("participants.tsv", count=1),
    "PROMISE12": volumes("Case0{i}.mhd") | left_out("Case0{i}.raw") | left_out("Case0{i}_segmentation.{c}", "mhd|raw"),
    "classes of volumes": images("{c}/p{i}.nrrd", HASHED, "benign|malignant"),
    "classes of volumes with numbers": images("{c}/{c}_000{i}.nii.gz", HASHED, "benign|malignant"),
}

REFUSED = {
    "NCT-CRC, both folders": (
        [*images("NCT-CRC-HE-100K/{c}/{i}.tif", "", "ADI|BACK"), *images("CRC-VAL-HE-7K/{c}/{i}.tif", "", "ADI|BACK")],
        "CRC-VAL-HE-7K could be a split, but NCT-CRC-HE-100K next to it could not",
    ),
    "COVID-QU-Ex, both parts": (
        [
            *in_splits("Lung Segmentation Data/{s}/{c}/images/{i}.png", THREE, "COVID-19|Normal"),
            *in_splits("Infection Segmentation Data/{s}/{c}/images/{i}.png", THREE, "COVID-19|Normal"),
        ],
        "the classes could be Infection Segmentation Data, Lung Segmentation Data, or COVID-19, Normal",
    ),
    "PH2": (
        [
            *images("IMD00{i}/IMD00{i}_Dermoscopic_Image/IMD00{i}.bmp", ""),
            *images("IMD00{i}/IMD00{i}_lesion/IMD00{i}_lesion.bmp", ""),
        ],
        "4 files, such as IMD000/IMD000_lesion/IMD000_lesion.bmp, could be masks of images in other folders",
    ),
    "chest X-ray with masks and a test folder": (
        [*images("CXR_png/C_{i}.png", ""), *images("masks/C_{i}_mask.png", ""), *images("test/C_9{i}.png", "")],
        "test could be a split, but CXR_png next to it could not",
    ),
    "original and augmented": (
        list(images("{c}/benign/{i}.jpg", "", "Original|Augmented")),
        "Augmented, Original could be versions of one set",
    ),
    "positive and negative tests": (
        list(images("{c}/{i}.jpg", "", "test positive|test negative")),
        "has test negative, test positive but no train folder",
    ),
    "blood cells": (
        list(images("{c}/EOSINOPHIL/{i}.jpeg", "", "TRAIN|TEST|TEST_SIMPLE")),
        "TEST, TEST_SIMPLE could all be test",
    ),
    "PlantVillage": (
        [*images("{c}/Apple/a{i}.JPG", "", "color|grayscale"), *images("segmented/Apple/a{i}_final_masked.jpg", "")],
        "the files in segmented could be masks, but images of their names are in several folders",
    ),
    "CycleGAN": (list(images("{c}/{i}.jpg", "", "trainA|trainB|testA|testB")), "trainA, trainB could all be train"),
}


@pytest.mark.parametrize("name", SETS)
def test_a_public_set_is_read_as_its_publishers_mean_it(touch, name):
    root = touch(*SETS[name])
    layout = read_layout(root)
    found = {}
    for path, split, label in zip(layout.files, layout.splits, layout.labels.tolist(), strict=True):
        class_name = NO_CLASS if label == UNLABELLED else layout.class_names[label]
        found[(layout.root / path).relative_to(root).as_posix()] = (split, class_name)
    expected = {path: row for path, row in SETS[name].items() if row is not None}
    hashed = {path for path, (split, _) in expected.items() if split == HASHED}
    assert {path: (HASHED, row[1]) if path in hashed else row for path, row in found.items()} == expected
    if hashed:
        assert set(layout.splits) == {"train", "val", "test"}


@pytest.mark.parametrize("name", REFUSED)
def test_a_public_set_that_is_half_clear_is_refused_in_one_line(touch, name):
    paths, words = REFUSED[name]
    with pytest.raises(DataError) as caught:
        read_layout(touch(*paths))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
