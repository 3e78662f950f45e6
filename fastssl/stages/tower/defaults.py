"""How TOWER is put together: curves and masks by the data's modality, Adam, both terms or either.

Covers: TOWER's automatic values, each with its reason. Does not cover: the objective (`objective.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import torch
from torch import nn

from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import BlockMask, Mask, RayMask, StripeMask, TowerPairs
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults
from fastssl.stages.temperature import temperature_problems
from fastssl.stages.tower.objective import Term, Tower
from fastssl.stages.tower.settings import TowerConfig, TowerSettings

LR = 1e-3
"""The paper's for sets that are then classified; for those that are then segmented it has 1e-2. What an encoder will be
used for is not known here, so the default is 1e-3, and its reason names the other."""
LR_REASON = "TOWER's for classification, with Adam; for segmentation it has 0.01"
ADAM_BETAS = (0.9, 0.99)
TEMPERATURE = 0.1

TERMS: tuple[Term, ...] = ("contrastive", "generative")

MASKS: dict[str, type[Mask]] = {"ray": RayMask, "stripe": StripeMask, "block": BlockMask}

RATIOS = {
    "ray": (0.6, "what TOWER's best, 80 rays, cover from an optic disc"),
    "stripe": (0.5, "TOWER's best share"),
    "block": (0.5, "TOWER's best share"),
}

# Words of a modality, and the mask TOWER chose for it; the first that fits counts.
_CHOSEN = (
    (r"fundus", "ray", "as TOWER masks fundus photographs"),
    (r"\bct\b", "block", "as TOWER masks CT"),
    (r"x-?ray|radiograph", "stripe", "as TOWER masks X-ray images"),
)


class TowerDefaults(StageDefaults[TowerConfig, TowerSettings]):
    """An image through a curve and a mask, restored, and contrasted with the clean images of its batch.

    Images are normalised as in every stage, to [-1, 1], so that an encoder can go from one stage into another;
    masked pixels are 0, the middle grey, as in the published model's own script for MedMNIST.
    """

    def encoder(self, *, on_cuda: bool) -> tuple[str, str]:
        if on_cuda:
            return "resnet50", "TOWER's own"
        return "resnet18", "TOWER's own, resnet50, takes nearly three times as long on a CPU"

    def automatic(self, config: TowerConfig, info: RunInfo, steps: int) -> Automatic:
        chosen: Automatic = {"lr": (LR, LR_REASON), "weight_decay": (0.0, "TOWER has none")}
        if "contrastive" in config.terms:
            chosen["temperature"] = (TEMPERATURE, "TOWER's")
        if "mask" in config.transforms:
            kind, reason = auto_mask(info.modality)
            chosen["mask"] = (kind, reason)
            chosen["mask_ratio"] = RATIOS[kind if config.mask == "auto" else config.mask]
        return chosen

    def problems(self, config: TowerConfig, info: RunInfo) -> list[str]:
        found = temperature_problems(config.temperature)
        if config.temperature is not None and "contrastive" not in config.terms:
            found.append(f"temperature={config.temperature:g}: --terms {_listed(config.terms)} has no contrast")
        if "mask" not in config.transforms:
            asked = {"mask": config.mask, "mask_ratio": config.mask_ratio}
            without = f"--transforms {_listed(config.transforms)} has no mask"
            found += [f"{name}={value}: {without}" for name, value in asked.items() if value not in (None, "auto")]
        if config.curves == "random" and "bezier" not in config.transforms:
            found.append(f"curves=random: --transforms {_listed(config.transforms)} has no curve")
        return found

    def messages(self, settings: TowerSettings, info: RunInfo) -> list[str]:
        if "contrastive" not in settings.terms:
            return []
        others = 2 * settings.batch_size - 1
        return [f"ln(2B-1) = {math.log(others):.2f} is the contrastive loss of a guess among {others} pictures."]

    def view(self, settings: TowerSettings, info: RunInfo) -> TowerPairs:
        return TowerPairs(
            settings.size,
            info.channels,
            curves="tower" if settings.curves == "fixed" else "random",
            probability=float("bezier" in settings.transforms),
            mask=_mask(settings) if "mask" in settings.transforms else None,
        )

    def stage(self, settings: TowerSettings, encoder: nn.Module, spec: EncoderSpec, info: RunInfo) -> Tower:
        return Tower(
            encoder,
            spec.in_channels,
            spec.size,
            terms=[term for term in TERMS if term in settings.terms],
            temperature=settings.temperature or TEMPERATURE,
            seed=settings.seed,
        )

    def optimizer(self, settings: TowerSettings) -> MakeOptimizer:
        def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            return torch.optim.Adam(
                parameters, lr=settings.lr, betas=ADAM_BETAS, weight_decay=settings.weight_decay, fused=True
            )

        return make


def auto_mask(modality: str) -> tuple[str, str]:
    """Choose TOWER's mask for the modality; stripes where it states none, as its own script has for all of MedMNIST.

    Args:
        modality: of the images, in the data set's own words.

    Returns:
        "ray", "stripe" or "block", and why.
    """
    for words, kind, reason in _CHOSEN:
        if re.search(words, modality.lower()):
            return kind, reason
    return "stripe", f"as TOWER's script masks MedMNIST; rays are for fundus, blocks for CT, and this is {modality}"


def _mask(settings: TowerSettings) -> Mask:
    ratio = RATIOS[settings.mask][0] if settings.mask_ratio is None else settings.mask_ratio
    return MASKS[settings.mask](ratio)


def _listed(names: Sequence[str]) -> str:
    return ",".join(names)
