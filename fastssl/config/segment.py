"""Settings of `fastssl segment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, model_validator

from .base import DATA, EVALUATION, LENGTH, MODEL, RUN, SPEED, Auto, AutoSwitch, Count, DataConfig

WHOLE = 0
"""The patch that is a whole image."""
SMALLEST_PATCH = 16

Init = Literal["run", "random"]

_Patch = BeforeValidator(lambda value: {"auto": None, "whole": WHOLE}.get(value, value))
_Several = Parameter(consume_multiple=True, negative="", show_default=False)

_OF_FOLDERS = ("image_suffix", "mask_suffix", "fov", "test_images", "val_images", "patient", "split")


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, (str, Path)) else value


_Listed = BeforeValidator(_listed)


class SegmentConfig(DataConfig):
    """Settings of `fastssl segment RUN ...` and `fastssl.segment(runs, ...)`."""

    data: Annotated[tuple[str, ...], _Listed, _Several, Parameter(group=DATA)] = ("demo",)  # type: ignore[assignment]
    """A folder of images and one of masks (default: demo; or demo-colour)."""
    data_root: Annotated[Path | None, Parameter(group=DATA)] = None
    """Folder that relative paths are looked for in as well."""
    image_suffix: Annotated[str, Parameter(group=DATA, show_default=False)] = ""
    """What image names end in that mask names lack (DRIVE: _training)."""
    mask_suffix: Annotated[str, Parameter(group=DATA, show_default=False)] = ""
    """What mask names end in, where several fit (CHASE: _1stHO)."""
    fov: Annotated[Path | None, Parameter(group=DATA)] = None
    """Folder of field-of-view masks: loss and metrics inside only."""
    size: Annotated[Annotated[int, Field(ge=8, le=4096)] | None, Auto, Parameter(group=DATA)] = None
    """Resize to this short side first (auto: as the data has it)."""
    channel: Annotated[Literal["auto", "rgb", "grey", "red", "green", "blue"], Parameter(group=DATA)] = "auto"
    """Give the encoder this alone (rgb: grey thrice)."""

    test_images: Annotated[str | None, Parameter(group=DATA)] = None
    """How many of the last names, or names with commas (auto: 30 %)."""
    val_images: Annotated[str | None, Parameter(group=DATA)] = None
    """Likewise, of the rest (auto: 20 % of it)."""
    patient: Annotated[str | None, Parameter(group=DATA)] = None
    """Pattern for the part of a name that is the patient's."""
    split: Annotated[Path | None, Parameter(group=DATA)] = None
    """File of lines NAME,train|val|test, instead of all these."""

    encoder: Annotated[str, Parameter(group=MODEL)] = "auto"
    """timm model for RUN random (auto: the runs', or resnet18)."""
    encoder_init: Annotated[tuple[Init, ...], _Listed, _Several, Parameter(group=MODEL)] = ("run",)
    """Where encoders start (default: run); both: a row each."""
    decoder_init: Annotated[tuple[Init, ...], _Listed, _Several, Parameter(group=MODEL)] = ("run",)
    """Where decoders start, if a run has one (default: run)."""

    patch: Annotated[Annotated[int, Field(ge=0)] | None, _Patch, Parameter(group=LENGTH)] = None
    """Side of training patches, or whole (auto: 64 or whole)."""
    batch_size: Annotated[int, Field(ge=2), Parameter(group=LENGTH)] = 32
    """Patches a step."""
    epochs: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Each as many patches as would tile all images (200)."""
    steps: Annotated[Count | None, Parameter(group=LENGTH)] = None
    """Length in steps, instead of epochs."""
    lr: Annotated[float, Field(gt=0), Parameter(group=LENGTH)] = 1e-3
    """Peak learning rate of Adam."""
    objective: Annotated[Literal["bce", "bce+dice", "dice"], Parameter(group=LENGTH)] = "bce"
    """What is minimised: pixel-wise cross-entropy, 1 - soft Dice, or both."""
    augment: Annotated[Literal["auto", "xray", "fundus", "ct", "upright", "flips", "none"], Parameter(group=LENGTH)] = (
        "auto"
    )
    """By modality, as TOWER (auto: fundus in colour, else upright)."""
    patience: Annotated[Count, Parameter(group=LENGTH)] = 30
    """Epochs without a better validation Dice before stopping."""

    predict: Annotated[Literal["auto", "windows", "whole"], Parameter(group=EVALUATION)] = "auto"
    """Overlapping windows of the patch's side, or whole images."""
    overlap: Annotated[float, Field(ge=0, lt=1), Parameter(group=EVALUATION)] = 0.5
    """Share of a window that the next one covers again."""
    trials: Annotated[Count, Parameter(group=EVALUATION)] = 1
    """Trainings of each row, seeded SEED, SEED+1, ..."""

    compile: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """torch.compile the step (auto: off, trainings are short)."""
    out: Annotated[Path | None, Parameter(group=RUN)] = None
    """Folder of report/ (auto: the first run's, or runs/segment-DATA)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> SegmentConfig:
        wrong = []
        if self.epochs and self.steps:
            wrong.append("epochs and steps both given: give one")
        drawn = [name for name in ("test_images", "val_images", "patient") if getattr(self, name) is not None]
        if self.split is not None and drawn:
            wrong.append(f"split and {drawn[0]} both given: give one")
        if len(self.data) != 2 and self.data not in (("demo",), ("demo-colour",)):
            wrong.append(
                f"data={' '.join(self.data)}: give a folder of images and one of masks, demo or demo-colour "
                "(and runs before --data)"
            )
        if len(self.data) == 1:
            wrong += [f"{name} is for folders; the demo set has its own" for name in _OF_FOLDERS if getattr(self, name)]
        if self.patch is not None and WHOLE < self.patch < SMALLEST_PATCH:
            wrong.append(f"patch={self.patch}: at least {SMALLEST_PATCH} pixels, or whole")
        if self.patch == WHOLE and self.predict == "windows":
            wrong.append("predict=windows: windows have the patch's side; give a patch")
        if "overlap" in self.model_fields_set and (self.predict == "whole" or self.patch == WHOLE):
            wrong.append("overlap is of windows; whole images have none")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
