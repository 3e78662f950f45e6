"""Which volumes are of one case."""

from __future__ import annotations

import pytest

from fastssl.data.layout import read_layout
from fastssl.data.layout.cases import case_of


@pytest.mark.parametrize(
    ("path", "case"),
    [
        ("imagesTr/case_007_0000.nii.gz", "imagesTr/case_007"),
        ("imagesTr/case_007_0001.nii.gz", "imagesTr/case_007"),
        ("imagesTr/amos_0001.nii.gz", "imagesTr/amos_0001"),
        ("imagesTr/amos_0001_0000.nii.gz", "imagesTr/amos_0001"),
        ("BraTS20_001/BraTS20_001_t1ce.nii.gz", "BraTS20_001/BraTS20_001"),
        ("BraTS-GLI-00000-000/BraTS-GLI-00000-000-t2f.nii.gz", "BraTS-GLI-00000-000/BraTS-GLI-00000-000"),
        ("sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "sub-01"),
        ("sub-01/func/sub-01_task-rest_bold.nii.gz", "sub-01"),
        ("ds1/sub-01/anat/sub-01_T1w.nii.gz", "ds1/sub-01"),
        ("patient001/patient001_frame12.nii.gz", "patient001/patient001"),
        ("train/024/t2.nii.gz", "train/024"),
        ("train/024/adc.nii.gz", "train/024"),
        ("t1.nii.gz", "t1"),
        ("IXI012-HH-1211-T1.nii.gz", "IXI012-HH-1211"),
        ("scan.v2.mha", "scan.v2"),
        ("stack_003_0001.tif", "stack_003"),
    ],
)
def test_the_case_of_a_path(path, case):
    assert case_of(path) == case


def test_one_folder_of_volumes_called_like_it_may_be_a_class(touch):
    assert read_layout(touch("a/a_t1.nii", "a/a_t2.nii", "b/1.nii", "b/2.nii")).class_names == ("a", "b")


def test_folders_of_pictures_called_like_them_are_classes(touch):
    assert read_layout(touch("a/a_t1.png", "a/a_t2.png", "b/b_t1.png", "b/b_t2.png")).class_names == ("a", "b")
