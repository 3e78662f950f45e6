"""How every network of a comparison is trained and predicts: TOWER's fine-tuning for segmentation, and where we depart.

Covers: what "auto" becomes, each value with its reason, which is printed and saved. Does not cover: carrying it out
(`trial.py`), what each augmentation does (`augmentation.py`).

TOWER (Neural Networks 167, 2023) minimises pixel-wise cross-entropy with Adam at 1e-3 under a cosine, on batches of 32,
for 200 epochs or until 30 have brought nothing better, and augments by modality. All that is the default. Ours, where
it states nothing: patches of 64 px, an epoch of as many patches as would tile the images, the strengths of the
augmentations, and "better" by the Dice of validation images (by their AUC while that is 0).

A CPU rarely has time for 200 epochs: --epochs or --steps shorten them and the cosine. Short runs want another loss, for
cross-entropy keeps rare foreground below 0.5 for long: on CHASE_DB1 at 240 px (timm's test_resnet, 8 patches per step,
lr 3e-3, one seed) Dice after 80 and 300 steps is 0.31 and 0.64, and 0.51 and 0.66 by --objective bce+dice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fastssl.config import SegmentConfig
from fastssl.errors import ConfigError
from fastssl.runtime import ResolvedSetting

from .augmentation import AUGMENTATIONS, Augment
from .data import Sample, SegmentationData
from .objective import Objective
from .patches import covering_patch

PATCH = 64
EPOCHS = 200

_AS_ASKED = "as asked"
_TOWERS = {
    "objective": ("bce", "TOWER's pixel-wise cross-entropy; in short runs bce+dice finds rare foreground sooner"),
    "batch_size": (32, "TOWER's"),
    "lr": (1e-3, "TOWER's for segmentation, with Adam and a cosine"),
    "patience": (30, "TOWER's, in epochs; judged by validation Dice"),
}
"""Setting -> (the paper's value, the reason for it)."""


@dataclass(frozen=True, kw_only=True)
class SegmentRecipe:
    """How every network of a comparison is trained and predicts; nothing automatic is left in it.

    Attributes:
        patch: (height, width) of training patches, in pixels.
        window: (height, width) of windows of prediction, in pixels; None for whole images.
        batch_size: patches per step, and windows per forward pass.
        epochs: length of the schedule, where it is given in epochs.
        steps: length of the schedule, where it is given in steps.
        lr: peak learning rate of Adam.
        objective: what is minimised.
        augment: name of the list of augmentations.
        patience: epochs without a better validation score before a training stops.
        overlap: share of a window that the next one covers again, in [0, 1).
        freeze_encoder: the decoder alone is trained.
        choices: the values that matter, with their reasons.
    """

    patch: tuple[int, int]
    window: tuple[int, int] | None
    batch_size: int
    epochs: int | None
    steps: int | None
    lr: float
    objective: Objective
    augment: Augment
    patience: int
    overlap: float
    freeze_encoder: bool = False
    choices: tuple[ResolvedSetting, ...] = ()

    def settings(self) -> dict[str, Any]:
        """Return the values by name, for writing down, without their reasons.

        `freeze_encoder` is there where it is on: trials that were finished before there was such a setting stay valid.
        """
        values = asdict(self)
        del values["choices"]
        if not self.freeze_encoder:
            del values["freeze_encoder"]
        return values

    def reasons(self) -> dict[str, str]:
        """Return the reasons of the choices, by name."""
        return {choice.name: choice.reason for choice in self.choices}

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return the length of the schedule in steps.

        Args:
            steps_per_epoch: batches per epoch.
        """
        return self.steps or (self.epochs or 1) * steps_per_epoch


def choose_recipe(config: SegmentConfig, data: SegmentationData) -> SegmentRecipe:
    """Resolve what is asked for into a recipe.

    Args:
        config: the settings.
        data: what the networks are trained on.

    Raises:
        ConfigError: a patch that is larger than an image.
    """
    side = PATCH if config.patch is None and data.smallest_side >= PATCH else config.patch
    if side and side > data.smallest_side:
        raise ConfigError(
            [f"patch={side}: the smallest image has a side of {data.smallest_side} px; give less or whole"]
        )
    patch = (side, side) if side else covering_patch(data.splits["train"])
    windows = config.predict == "windows" or (config.predict == "auto" and bool(side))
    augment, why = auto_augment(config, data) if config.augment == "auto" else (config.augment, _AS_ASKED)
    choices = [
        ResolvedSetting(
            name=name,
            value=f"{value:g}" if isinstance(value, float) else str(value),
            reason=reason if value == own else _AS_ASKED,
        )
        for name, (own, reason) in _TOWERS.items()
        for value in (getattr(config, name),)
    ]
    augmentation = ResolvedSetting(name="augment", value=augment, reason=f"{why}: {AUGMENTATIONS[augment].describe()}")
    return SegmentRecipe(
        patch=patch,
        window=patch if windows else None,
        batch_size=config.batch_size,
        epochs=config.epochs if config.epochs or config.steps else EPOCHS,
        steps=config.steps,
        lr=config.lr,
        objective=config.objective,
        augment=augment,
        patience=config.patience,
        overlap=config.overlap,
        freeze_encoder=config.freeze_encoder,
        choices=(*choices, _length(config), augmentation, *_frozen(config)),
    )


def auto_augment(config: SegmentConfig, data: SegmentationData) -> tuple[Augment, str]:
    """Choose a list of augmentations by what can be told of the modality, which folders of images do not state.

    Args:
        config: the settings.
        data: the images.

    Returns:
        The list's name, and why it was chosen.
    """
    if data.fundus_like:
        return "fundus", "TOWER's for fundus photographs, which these resemble"
    if config.channel in ("red", "green", "blue") or any(map(_is_coloured, data.splits["train"])):
        return "fundus", "TOWER's for fundus photographs, of its modalities the one with colour"
    return "upright", "what TOWER's for X-ray and for CT share (--augment xray or ct has the rest)"


def _is_coloured(sample: Sample) -> bool:
    """Whether the channels of any pixel differ."""
    image = sample.image
    return image.shape[2] == 3 and bool((image != image[..., :1]).any())


def _frozen(config: SegmentConfig) -> list[ResolvedSetting]:
    """What is said of a frozen encoder; nothing where encoders are trained, as in the paper."""
    reason = f"{_AS_ASKED}: the decoder alone is trained"
    return [ResolvedSetting(name="encoder", value="frozen", reason=reason)] if config.freeze_encoder else []


def _length(config: SegmentConfig) -> ResolvedSetting:
    """The length of the schedule, with its reason."""
    if config.steps:
        return ResolvedSetting(name="length", value=f"{config.steps} steps", reason=_AS_ASKED)
    reason = _AS_ASKED if config.epochs else "TOWER's"
    return ResolvedSetting(name="length", value=f"{config.epochs or EPOCHS} epochs", reason=reason)
