"""How TOWER is put together: curves and masks by the data's modality, Adam, both terms or either.

Covers: TOWER's automatic values, each with its reason. Does not cover: the objective (`fastssl.stages.tower.objective`).
"""

from __future__ import annotations

import math
import re

import torch
from torch import nn

from fastssl.config import TrainConfig
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import BlockMask, Mask, RayMask, StripeMask, TowerPairs
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults, filled
from fastssl.stages.tower.objective import Term, Tower

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


class TowerDefaults(StageDefaults):
    """A picture through a curve and a mask, restored, and contrasted with the clean pictures of its batch.

    Pictures are normalised as in every stage, to [-1, 1], so that an encoder can go from one stage into another;
    masked pixels are 0, the middle grey, as in the published model's own script for MedMNIST.
    """

    def encoder(self, *, on_cuda: bool) -> tuple[str, str]:
        if on_cuda:
            return "resnet50", "TOWER's own"
        return "resnet18", "TOWER's own, resnet50, takes nearly three times as long on a CPU"

    def automatic(self, config: TrainConfig, facts: RunInfo, steps: int) -> Automatic:
        chosen: Automatic = {"lr": (LR, LR_REASON), "weight_decay": (0.0, "TOWER has none")}
        if "contrastive" in _parts(config.terms):
            chosen["temperature"] = (TEMPERATURE, "TOWER's")
        if "mask" in _parts(config.transforms):
            kind, reason = auto_mask(facts.modality)
            chosen["mask"] = (kind, reason)
            chosen["mask_ratio"] = RATIOS[kind if config.mask == "auto" else config.mask]
        return chosen

    def problems(self, config: TrainConfig, facts: RunInfo) -> list[str]:
        found = []
        if config.temperature is not None and "contrastive" not in _parts(config.terms):
            found.append(f"temperature={config.temperature:g}: --terms {config.terms} has no contrast")
        if "mask" not in _parts(config.transforms):
            asked = {"mask": config.mask, "mask_ratio": config.mask_ratio}
            without = f"--transforms {config.transforms} has no mask"
            found += [f"{name}={value}: {without}" for name, value in asked.items() if value not in (None, "auto")]
        if config.curves == "random" and "bezier" not in _parts(config.transforms):
            found.append(f"curves=random: --transforms {config.transforms} has no curve")
        return found

    def notices(self, config: TrainConfig, facts: RunInfo) -> list[str]:
        if "contrastive" not in _parts(config.terms):
            return []
        others = 2 * config.batch_size - 1
        return [f"ln(2B-1) = {math.log(others):.2f} is the contrastive loss of a guess among {others} pictures."]

    def view(self, config: TrainConfig, facts: RunInfo) -> TowerPairs:
        transforms = _parts(config.transforms)
        return TowerPairs(
            filled(config.size),
            facts.channels,
            curves="tower" if config.curves == "fixed" else "random",
            probability=float("bezier" in transforms),
            mask=MASKS[config.mask](filled(config.mask_ratio)) if "mask" in transforms else None,
        )

    def stage(self, config: TrainConfig, encoder: nn.Module, spec: EncoderSpec, facts: RunInfo) -> Tower:
        return Tower(
            encoder,
            spec.in_channels,
            spec.size,
            terms=[term for term in TERMS if term in _parts(config.terms)],
            temperature=config.temperature or TEMPERATURE,
            seed=config.seed,
        )

    def optimizer(self, config: TrainConfig) -> MakeOptimizer:
        def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            return torch.optim.Adam(
                parameters, lr=filled(config.lr), betas=ADAM_BETAS, weight_decay=filled(config.weight_decay), fused=True
            )

        return make


def auto_mask(modality: str) -> tuple[str, str]:
    """TOWER's mask for the modality; stripes where it states none, as its own script has them for all of MedMNIST."""
    for words, kind, reason in _CHOSEN:
        if re.search(words, modality.lower()):
            return kind, reason
    return "stripe", f"as TOWER's script masks MedMNIST; rays are for fundus, blocks for CT, and this is {modality}"


def _parts(setting: str) -> list[str]:
    return setting.split(",")
