"""Names that columns have in public sets, by what they mean.

Covers: the words, without case, spaces and signs, the likeliest first. Does not cover: looking at what a column holds
(`find_path.py`, `label_columns.py`, `splits.py`).
"""

from __future__ import annotations

PATHS = (
    *("path", "filepath", "imagepath", "imgpath", "relativepath", "dicompath", "dcmpath", "file", "filename", "fname"),
    *("imagefile", "imagefilename", "imagefilepath", "image", "img", "imagename", "imgname", "imageid", "imgid"),
    *("imageindex", "idcode", "isicid", "dicomid", "dicom", "dicomfile", "sopinstanceuid", "instanceuid", "scan"),
    *("volume", "slice", "id", "uid", "name", "seriesinstanceuid", "seriesuid", "seriesid", "series"),
    *("studyinstanceuid", "studyid", "study", "patientid", "subjectid"),
)

LABELS = (
    *("label", "labels", "class", "classes", "classname", "classlabel", "category", "target", "diagnosis", "dx"),
    *("finding", "findings", "findinglabel", "findinglabels", "pathology", "disease", "grade", "level"),
    *("retinopathygrade", "drgrade", "klgrade", "biradsgrade", "classid", "labelname", "labelid"),
)

SPLITS = ("split", "subset", "partition", "set", "datasplit", "dataset", "usage", "phase", "fold", "group", "mode")
FIRM_SPLITS = ("split", "subset", "partition", "datasplit")
"""Of them, those that mean nothing else."""

FOLDS = ("fold", "folds", "kfold", "cvfold", "foldid")
"""Their numbers are no splits."""

PATIENTS = (
    *("patientid", "patient", "patientnumber", "patientno", "patientname", "patientkey", "pid", "patid"),
    *("subjectid", "subject", "subjectno", "participantid", "participant", "personid", "person", "caseid", "case"),
)
LESIONS = ("lesionid", "lesion")
"""Images of a lesion are of one patient; images of a patient may be of several lesions."""

NO_FINDINGS = frozenset(
    (
        *("sex", "gender", "male", "female", "ismale", "isfemale", "smoker", "smoking", "age", "frontal", "lateral"),
        *("view", "projection", "ap", "pa", "appa", "frontallateral", "laterality", "left", "right", "eye", "side"),
        *("train", "test", "val", "istrain", "istest", "isval", "valid", "isvalid", "validation", "holdout", "dev"),
        *("index", "id", "no", "number", "row", "followup", "pregnant", "alive", "dead", "deceased", "mortality"),
        *("portable", "contrast", "cropped", "augmented", "duplicate", "synthetic", "color", "colour", "invert"),
        *("scanner", "device", "site", "hospital", "center", "centre", "manufacturer", "batch", "year", "flag"),
        *(*PATHS, *LABELS, *SPLITS, *PATIENTS, *LESIONS),
    )
)
"""Columns that hold 0 and 1 in many tables and are no findings."""

NOTHING_FOUND = frozenset(("nofinding", "nofindings"))
"""A label that says that there is none of the others."""
