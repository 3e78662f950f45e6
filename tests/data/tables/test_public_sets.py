"""The tables of well-known data sets, with the names of their columns: what each file is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

MULTI = "multi-label, binary-class"


def test_nih_chest_x_ray_14(match: Callable) -> None:
    table = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
        "00000001_000.png,Cardiomegaly,000,1,057Y,M,PA,2682,2749,0.143,0.143,\n"
        "00000001_001.png,Cardiomegaly|Emphysema,001,1,058Y,M,PA,2894,2729,0.143,0.143,\n"
        "00000002_000.png,No Finding,000,2,080Y,M,PA,2500,2048,0.171,0.171,\n"
    )
    files = [f"images_001/images/{name}.png" for name in ("00000002_000", "00000001_001", "00000001_000")]
    found = match(table, files)
    assert (found.task, found.class_names) == (MULTI, ("Cardiomegaly", "Emphysema"))
    assert found.labels.tolist() == [[0, 0], [1, 1], [1, 0]]
    assert found.groups == ("2", "1", "1")
    assert "No Finding means none of the 2 labels" in found.notes


CHEXPERT = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Support Devices\n"
    "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,0.0\n"
    "CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg,Male,80,Frontal,PA,,-1.0,1.0\n"
    "CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Male,80,Frontal,PA,,,\n"
)
CHEXPERT_FILES = [
    f"train/{study}/view1_frontal.jpg"
    for study in ("patient00001/study1", "patient00002/study1", "patient00002/study2")
]


@pytest.mark.parametrize(("uncertain", "edema"), [("leave-out", -1), ("zeros", 0), ("ones", 1)])
def test_chexpert(match: Callable, uncertain: str, edema: int) -> None:
    found = match(CHEXPERT, CHEXPERT_FILES, root="CheXpert-v1.0-small", uncertain=uncertain)
    assert (found.task, found.class_names) == (MULTI, ("No Finding", "Edema", "Support Devices"))
    assert found.labels.tolist() == [[1, 0, 0], [0, edema, 1], [-1, -1, -1]]
    assert found.splits is None
    taken = "left out of evaluations" if edema < 0 else f"taken as {edema}"
    assert f"uncertain: Edema 1; {taken} (--uncertain {uncertain})" in found.notes
    assert "2 empty cells of findings taken as 0" in found.notes
    assert "1 row with no finding filled in, taken as unlabelled" in found.notes


def test_one_finding_of_chexpert_has_the_blanks_and_the_policy_of_all(match: Callable) -> None:
    found = match(CHEXPERT, CHEXPERT_FILES, label_columns=("Edema",), uncertain="ones")
    assert (found.task, found.class_names) == ("binary-class", ("no Edema", "Edema"))
    assert found.labels.tolist() == [0, 1, -1]


MIMIC_FILES = ["p10/p10000032/s50414267/02aa804e.jpg", "p10/p10000032/s53189527/2a2277a9.jpg"]


def test_mimic_cxr_labels_are_of_studies(match: Callable) -> None:
    table = "subject_id,study_id,Atelectasis,Edema\n10000032,50414267,1.0,\n10000032,53189527,,1.0\n"
    found = match(table, MIMIC_FILES, name="mimic-cxr-2.0.0-chexpert.csv")
    assert found.labels.tolist() == [[1, 0], [0, 1]]
    assert found.groups == ("10000032", "10000032")


def test_mimic_cxr_splits_are_of_images(match: Callable) -> None:
    table = (
        "dicom_id,study_id,subject_id,split\n02aa804e,50414267,10000032,train\n2a2277a9,53189527,10000032,validate\n"
    )
    found = match(table, MIMIC_FILES, label_columns=("none",))
    assert found.splits == ("train", "val")
    assert (found.labels, found.label_problem) == (None, "")


def test_isic_has_a_column_for_each_class(match: Callable) -> None:
    table = "image,MEL,NV,BCC,UNK\nISIC_0000000,0.0,1.0,0.0,0.0\nISIC_0000001,1.0,0.0,0.0,0.0\nISIC_2,0.0,0.0,1.0,0.0\n"
    found = match(table, ["ISIC_0000000.jpg", "ISIC_0000001.jpg", "ISIC_2.jpg"])
    assert (found.task, found.class_names) == ("multi-class", ("MEL", "NV", "BCC"))
    assert found.labels.tolist() == [1, 0, 2]
    assert "no image is of UNK: no class" in found.notes


def test_ham10000_keeps_lesions_together(match: Callable) -> None:
    table = (
        "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
        "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp\nHAM_0000118,ISIC_0025030,bkl,histo,80.0,male,scalp\n"
        "HAM_0002730,ISIC_0026769,nv,follow_up,50.0,female,back\n"
    )
    files = [f"HAM10000_images_part_1/ISIC_{number}.jpg" for number in ("0027419", "0025030", "0026769")]
    found = match(table, files, name="HAM10000_metadata")
    assert (found.class_names, found.labels.tolist()) == (("bkl", "nv"), [0, 0, 1])
    assert found.groups == ("HAM_0000118", "HAM_0000118", "HAM_0002730")
    assert "HAM10000_metadata: files by image_id, labels by dx, lesions by lesion_id" in found.notes


def test_rsna_pneumonia_has_a_row_for_each_box(match: Callable) -> None:
    table = (
        "patientId,x,y,width,height,Target\n0004cfab,,,,,0\n00436515,264,152,213,379,1\n00436515,562,152,256,453,1\n"
    )
    found = match(table, ["stage_2_train_images/0004cfab.dcm", "stage_2_train_images/00436515.dcm"])
    assert (found.labels.tolist(), found.class_names) == ([0, 1], ("0", "1"))


def test_aptos_names_files_without_an_ending(match: Callable) -> None:
    found = match("id_code,diagnosis\n000c1434d8d7,2\n001639a390f0,4\n0024cdab0c1e,0\n", ["000c1434d8d7.png", "x.png"])
    assert found.label_problem == "labels.csv: every label is 2: there is nothing to tell apart"
    found = match("id_code,diagnosis\nc,2\na,4\nb,0\nd,10\ne,2\nf,4\n", [f"{name}.png" for name in "abcdef"])
    assert found.class_names == ("0", "2", "4", "10")
    assert found.labels.tolist() == [2, 0, 1, 3, 1, 2]


def test_padchest_lists_labels_in_a_cell(match: Callable) -> None:
    table = (
        ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Labels\n"
        "0,216840111366964012283393834152009033102258826_00-059-154.png,0,20140915,204,839860,1930.0,M,PA,"
        "\"['pulmonary fibrosis', 'nodule']\"\n"
        "1,216840111366964012283393834152009033140208626_00-059-087.png,0,20140911,202,313572,1938.0,F,PA,['nodule']\n"
    )
    files = [
        "0/216840111366964012283393834152009033102258826_00-059-154.png",
        "0/216840111366964012283393834152009033140208626_00-059-087.png",
    ]
    found = match(table, files)
    assert found.class_names == ("nodule", "pulmonary fibrosis")
    assert found.labels.tolist() == [[1, 1], [1, 0]]
    assert found.groups == ("839860", "313572")


def test_vindr_cxr_test_labels(match: Callable) -> None:
    table = "image_id,Aortic enlargement,Cardiomegaly,No finding\n9a5094b2,0.0,1.0,0.0\n051132a7,1.0,1.0,0.0\n"
    found = match(table, ["test/9a5094b2.dicom", "test/051132a7.dicom"])
    assert (found.task, found.labels.tolist()) == (MULTI, [[0, 1, 0], [1, 1, 0]])


def test_bids_participants_are_folders(match: Callable) -> None:
    table = "participant_id\tage\tgroup\tdiagnosis\nsub-01\t30\tcontrol\thealthy\nsub-02\t41\tpatient\tMS\n"
    files = ["sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T2w.nii.gz", "sub-02/anat/sub-02_T1w.nii.gz"]
    found = match(table, files, name="participants.tsv")
    assert (found.class_names, found.labels.tolist()) == (("MS", "healthy"), [1, 1, 0])
    assert found.groups == ("sub-01", "sub-01", "sub-02")
    assert found.splits is None
