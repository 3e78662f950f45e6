"""Settings of `fastssl segment`.

Covers: names, types, ranges, what goes together. Does not cover: what "auto" becomes
(`fastssl.evaluation.segment.recipe`).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, model_validator

from .base import DATA, EVALUATION, LENGTH, MODEL, RUN, SEVERAL, SPEED, Alternatives, Auto, AutoSwitch, Count, ListOf
from .baselines import Baselines, parse_baseline
from .data import ComputeConfig, PatientsConfig
from .masked_images import WHOLE, MaskedImagesConfig, PatchSide
from .paths import PathSetting

SMALLEST_PATCH = 16

Init = Literal["run", "random"]

_OF_FOLDERS = ("image_suffix", "mask_suffix", "foreground", "fov", "test_images", "val_images", "patient", "split")


def _split_names(value: Any) -> Any:
    """Split a count or names of files at commas alone, for such names may have spaces."""
    if value is None or value == "auto":
        return None
    items = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(part.strip() for item in items for part in str(item).split(","))


_Names = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1)] | None,
    BeforeValidator(_split_names),
    SEVERAL,
    Parameter(group=DATA, show_default=False),
]


class SegmentConfig(MaskedImagesConfig, ComputeConfig, PatientsConfig):
    """Settings of `fastssl segment RUN ...` and `fastssl.segment(runs, ...)`."""

    alternatives: ClassVar[Alternatives] = (
        *ComputeConfig.alternatives,
        ("epochs", "steps"),
        ("data", "images"),
        ("data", "masks"),
        ("split", "test_images"),
        ("split", "val_images"),
        ("split", "patient"),
    )

    data: Annotated[Literal["demo", "demo-colour"], Parameter(group=DATA)] = "demo"
    """Built-in images with masks, where no folders are given."""
    data_root: Annotated[PathSetting | None, Parameter(group=DATA)] = None
    """Folder where relative paths are looked for as well."""
    size: Annotated[Annotated[int, Field(ge=8, le=4096)] | None, Auto, Parameter(group=DATA)] = None
    """Resize images to this short side in pixels (auto: as the data has it)."""

    test_images: _Names = None
    """How many of the last names are test images, or their names (auto: 30 %)."""
    val_images: _Names = None
    """How many of the rest validate, or their names (auto: 20 % of the rest)."""
    patient: Annotated[str | None, Parameter(group=DATA)] = None
    """Regular expression that finds the patient in a name; no patient is split."""

    encoder: Annotated[str, Parameter(group=MODEL)] = "auto"
    """timm model of the run random (auto: the runs' own, or resnet18)."""
    encoder_init: Annotated[ListOf[Init], Field(min_length=1), Parameter(group=MODEL)] = ("run",)
    """Where encoders start; both words make a row each."""
    decoder_init: Annotated[ListOf[Init], Field(min_length=1), Parameter(group=MODEL)] = ("run",)
    """Where decoders start; a run without a decoder starts from random."""
    freeze_encoder: Annotated[bool, Parameter(group=MODEL, negative="", show_default=False)] = False
    """Train the decoder only; encoders keep their weights and statistics."""

    patch: Annotated[PatchSide, Parameter(group=LENGTH)] = None
    """Side of training patches in pixels, or whole (auto: 64, if images hold it)."""
    batch_size: Annotated[int, Field(ge=2), Parameter(group=LENGTH)] = 32
    """Patches per step."""
    epochs: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length in epochs of as many patches as tile all images (auto: 200)."""
    steps: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length in steps, instead of epochs."""
    lr: Annotated[float, Field(gt=0), Parameter(group=LENGTH)] = 1e-3
    """Peak learning rate of Adam."""
    objective: Annotated[Literal["bce", "bce+dice", "dice"], Parameter(group=LENGTH)] = "bce"
    """Loss: pixel-wise cross-entropy, 1 - soft Dice, or their sum."""
    augment: Annotated[Literal["auto", "xray", "fundus", "ct", "upright", "flips", "none"], Parameter(group=LENGTH)] = (
        "auto"
    )
    """Augmentations of TOWER for a modality (auto: fundus in colour, else upright)."""
    patience: Annotated[Count, Parameter(group=LENGTH)] = 30
    """Epochs without a better validation Dice before stopping."""

    predict: Annotated[Literal["auto", "windows", "whole"], Parameter(group=EVALUATION)] = "auto"
    """Predict overlapping windows of the patch's side, or images (auto: as trained)."""
    overlap: Annotated[float, Field(ge=0, lt=1), Parameter(group=EVALUATION)] = 0.5
    """Share of a window that the next one covers again."""
    baseline: Baselines = ()
    """Compare with encoders of timm's weights: timm:NAME, timm:NAME=FILE."""
    trials: Annotated[Count, Parameter(group=EVALUATION)] = 1
    """Trainings of each row, seeded SEED, SEED+1, ..."""

    compile: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """Compile the step by torch.compile (auto: off, trainings are short)."""
    out: Annotated[PathSetting | None, Parameter(group=RUN)] = None
    """Folder of report/ (auto: the first run's, or runs/segment-DATA)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> SegmentConfig:
        wrong = self._wrong_data()
        if self.epochs and self.steps:
            wrong.append("epochs and steps both given: give one")
        drawn = [name for name in ("test_images", "val_images", "patient") if getattr(self, name) is not None]
        if self.split is not None and drawn:
            wrong.append(f"split and {drawn[0]} both given: give one")
        if self.group is not None and self.patient is not None:
            wrong.append("group and patient both given: give one")
        if self.group == "dicom":
            wrong.append("group=dicom: images with masks are told apart by their paths; give a pattern or folder")
        if self.patch is not None and WHOLE < self.patch < SMALLEST_PATCH:
            wrong.append(f"patch={self.patch}: at least {SMALLEST_PATCH} pixels, or whole")
        if self.patch == WHOLE and self.predict == "windows":
            wrong.append("predict=windows: windows have the patch's side; give a patch")
        if "overlap" in self.model_fields_set and (self.predict == "whole" or self.patch == WHOLE):
            wrong.append("overlap is of windows; whole images have none")
        if any(parse_baseline(one).size is not None for one in self.baseline):
            wrong.append("baseline: a U-Net sees patches, whose side is --patch; leave @SIZE out")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _wrong_data(self) -> list[str]:
        """What is wrong with how images and masks are given."""
        folders = {"images": self.images, "masks": self.masks}
        given = [name for name, folder in folders.items() if folder is not None]
        if not given:
            of_folders = [name for name in _OF_FOLDERS if getattr(self, name)]
            of_folders += ["group"] if self.group not in (None, "none") else []
            return [f"{name} is for folders; the demo set has its own" for name in of_folders]
        wrong = [f"{name} missing: images and masks are given together" for name in folders if name not in given]
        if "data" in self.model_fields_set:
            wrong.append(f"data and {given[0]} both given: give one")
        return wrong
