"""Pre-trained encoders that runs are compared with: any timm model, by --imagenet or --baseline.

Covers: which are asked for, their names, the size at which each sees images, why one is missing. Does not cover:
loading weights (`fastssl.models.imagenet`), baselines without pre-training (`baselines.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fastssl.config import FewshotConfig, FinetuneConfig, ProbeConfig
from fastssl.config.baselines import parse_baseline
from fastssl.errors import ConfigError
from fastssl.models.imagenet import LITE0, MISSING, is_at_hand, is_self_supervised, pretrained_encoder
from fastssl.models.pretrained_option import IMAGENET_OPTION, PretrainedOption, baseline_option
from fastssl.models.timm_fit import whole_patches

from .candidates import Candidate, Kind, NamedEncoder

PRETRAINED: tuple[Kind, ...] = ("ImageNet", "timm")
"""Kinds of candidates whose weights are published, by --imagenet and by --baseline."""


@dataclass(frozen=True, kw_only=True)
class PretrainedModel:
    """A pre-trained encoder that is asked for.

    Attributes:
        label: names it in tables and plots.
        kind: "ImageNet" or "timm".
        name: of the timm model.
        size: side in pixels that it sees images at; None for the evaluation's own.
        weights: a file of them; None for an installed package, else the hub.
        option: how it was asked for.
    """

    label: str
    kind: Kind
    name: str
    size: int | None
    weights: Path | None
    option: PretrainedOption

    def load(self, in_channels: int, size: int) -> NamedEncoder:
        """Load it.

        Args:
            in_channels: of the images that it sees.
            size: side in pixels that it sees them at.

        Raises:
            ConfigError: there is no such model, or its weights cannot be had here.
            CheckpointError: the file's weights are another model's.
        """
        notes: list[str] = []
        encoder, spec = pretrained_encoder(self.name, in_channels, size, self.weights, notes.append, self.option)
        return NamedEncoder(label=self.label, encoder=encoder, spec=spec, notes=tuple(notes))


def models_asked_for(config: ProbeConfig | FewshotConfig | FinetuneConfig) -> tuple[list[PretrainedModel], list[str]]:
    """Return the pre-trained encoders that settings ask for, and a line on one that is not on this machine.

    Args:
        config: its `imagenet` is a name, "auto" (EfficientNet-Lite0 if its weights are at hand), "none" or None.

    Raises:
        ConfigError: one is given twice.
    """
    found: list[PretrainedModel] = []
    notes: list[str] = []
    imagenet = config.imagenet
    if imagenet == "auto":
        imagenet = LITE0 if is_at_hand(LITE0) else None
        notes += [] if imagenet else [MISSING]
    if imagenet not in (None, "none"):
        found.append(
            PretrainedModel(
                label=f"{'timm' if is_self_supervised(imagenet) else 'ImageNet'} {imagenet}",
                kind="ImageNet",
                name=imagenet,
                size=config.imagenet_size,
                weights=config.imagenet_weights,
                option=IMAGENET_OPTION,
            )
        )
    return _told_apart([*found, *_baselines(config.baseline)]), notes


def baselines_asked_for(baseline: Sequence[str]) -> list[PretrainedModel]:
    """Return the pre-trained encoders of --baseline alone.

    Args:
        baseline: as a setting of that type has it.

    Raises:
        ConfigError: one is given twice.
    """
    return _told_apart(_baselines(baseline))


def pretrained_candidates(models: Sequence[PretrainedModel], first: Candidate, size: int) -> list[Candidate]:
    """Return models as candidates, each on the CPU with its weights.

    Args:
        models: as `models_asked_for` returns them.
        first: the first run, whose channels they see and whose folder keeps their features.
        size: side in pixels of those that are not given one; more where their patches do not divide it.

    Raises:
        ConfigError: there is no such model, or its weights cannot be had here.
        CheckpointError: a file's weights are another model's.
    """
    found = []
    for model in models:
        side = model.size or whole_patches(model.name, size)
        encoder = model.load(first.spec.in_channels, side)
        found.append(Candidate.of(encoder, model.kind, side, first.folder))
    return found


def resized_notes(candidates: Sequence[Candidate], size: int) -> list[str]:
    """Return a line for every candidate that sees images at another side than the runs.

    Args:
        candidates: of the comparison.
        size: side in pixels that the runs see images at.
    """
    return [f"{one.label} sees the same images, resized to {one.size} px" for one in candidates if one.size != size]


def _baselines(baseline: Sequence[str]) -> list[PretrainedModel]:
    return [
        PretrainedModel(label=f"timm {one.name}", kind="timm", **vars(one), option=baseline_option(one.name))
        for one in map(parse_baseline, baseline)
    ]


def _told_apart(models: Sequence[PretrainedModel]) -> list[PretrainedModel]:
    """With the file or the side in the label where two are alike."""
    alike = {label for label, count in Counter(model.label for model in models).items() if count > 1}
    found = [replace(model, label=_longer(model)) if model.label in alike else model for model in models]
    repeated = [label for label, count in Counter(model.label for model in found).items() if count > 1]
    if repeated:
        raise ConfigError([f"baseline: {repeated[0]} is given twice"])
    return found


def _longer(model: PretrainedModel) -> str:
    own = [model.weights.name] if model.weights else []
    own += [f"{model.size} px"] if model.size else []
    return f"{model.label} ({', '.join(own)})" if own else model.label
