"""How MoCo is put together: queue, batch-norm groups, learning rate, two crops, SGD.

Covers: MoCo's automatic values, each with its reason. Does not cover: the objective (`objective.py`).
"""

from __future__ import annotations

import torch
from torch import nn

from fastssl.config.train import TrainingSettings
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec, feature_dim
from fastssl.pipelines import TwoCrops
from fastssl.stages.moco.objective import MoCo
from fastssl.stages.moco.settings import MoCoConfig, MoCoSettings
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults
from fastssl.stages.temperature import temperature_problems

TEMPERATURE = 0.2
SGD_MOMENTUM = 0.9
MAX_QUEUE = 65536
SHORT_STEPS = 20_000
"""Below it a run is short, by the standard of MoCo's million steps."""
PAPER_LR, SHORT_LR = 0.03, 0.12
PAPER_MOMENTUM, SHORT_MOMENTUM = 0.999, 0.99
BN_GROUP = 64
"""Images whose statistics are taken together: 512 in 8 splits in MoCo's own recipe for one device."""
MTCP_ROTATION = 15.0
"""Degrees either way. The MeDA Challenge's paper names rotation with cropping and colour jitter, without an angle. Ours
is 15: anatomy stays upright, and a box that is turned by it reaches beyond itself by 11 % of its side."""


class MoCoDefaults(StageDefaults[MoCoConfig, MoCoSettings]):
    """Momentum contrast on two crops of every image."""

    def automatic(self, config: MoCoConfig, info: RunInfo, steps: int) -> Automatic:
        return {
            "lr": auto_lr(config.batch_size, steps),
            "temperature": (TEMPERATURE, "MoCo v2's"),
            "momentum": auto_momentum(steps),
            "queue_size": auto_queue_size(info.images, config.batch_size),
            "bn_splits": auto_bn_splits(
                config.batch_size // config.accumulate,
                batch_norm=info.batch_norm,
                processes=world().size,
                synced=config.sync_bn,
            ),
            "rotation": auto_rotation(config.recipe),
        }

    def problems(self, config: MoCoConfig, info: RunInfo) -> list[str]:
        return [*temperature_problems(config.temperature), *_problems_of_splits(config, info)]

    def view(self, settings: MoCoSettings, info: RunInfo) -> TwoCrops:
        return TwoCrops(settings.size, info.channels, rotation=settings.rotation, rgb=info.rgb)

    def stage(self, settings: MoCoSettings, encoder: nn.Module, spec: EncoderSpec, info: RunInfo) -> MoCo:
        wrong = problems_of_sharing(settings.bn_splits, world().size, synced=settings.sync_bn)
        if wrong:  # also of a run that goes on with another number of processes
            raise ConfigError(wrong)
        return MoCo(
            encoder,
            feature_dim(encoder, spec.in_channels, spec.size),
            queue_size=settings.queue_size,
            momentum=settings.momentum,
            temperature=settings.temperature,
            bn_splits=settings.bn_splits,
            fill_queue=settings.queue_init == "keys",
            queue_dtype=info.compute_dtype,
            epoch_images=info.images // settings.batch_size * settings.batch_size,
            seed=settings.seed,
        )

    def optimizer(self, settings: MoCoSettings) -> MakeOptimizer:
        return sgd(settings)


def _problems_of_splits(config: MoCoConfig, info: RunInfo) -> list[str]:
    splits = config.bn_splits
    if splits is None or splits == 1:
        return []
    if not info.batch_norm:
        return [f"bn_splits={splits}: the encoder has no batch norm"]
    part = config.batch_size // config.accumulate
    whose = f"batch_size={config.batch_size}" + (" / accumulate" if config.accumulate > 1 else "")
    if part % splits:
        return [f"bn_splits={splits}: must divide {whose}"]
    if splits * 2 > part:
        return [f"bn_splits={splits}: leaves one image per group; give at most {whose.partition('=')[0]} / 2"]
    return []


def problems_of_sharing(splits: int, processes: int, *, synced: bool) -> list[str]:
    """Find out why groups of a batch cannot be shared by processes.

    Args:
        splits: number of groups; 1: the batch is not divided.
        processes: that train together.
        synced: batch norm may take its statistics over several processes.

    Returns:
        One short phrase, or none.
    """
    if splits == 1 or splits % processes == 0 or (processes % splits == 0 and synced):
        return []
    also = " or a divisor of it" if synced else ", or --sync-bn"
    return [f"bn_splits={splits}: cannot be shared by {processes} processes; give a multiple of {processes}{also}"]


def sgd(settings: TrainingSettings) -> MakeOptimizer:
    """Choose SGD with momentum 0.9.

    Args:
        settings: with lr and weight decay.

    Returns:
        A function that makes it.
    """

    def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters,
            lr=settings.lr,
            momentum=SGD_MOMENTUM,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    return make


def auto_lr(batch_size: int, steps: int) -> tuple[float, str]:
    """Choose the learning rate by MoCo's linear rule, 0.03 for 256 images.

    Short runs have four times that: in them 0.03 has not moved the weights much.

    Args:
        batch_size: images per step.
        steps: of the run.

    Returns:
        The peak rate, and why.
    """
    per_256 = SHORT_LR if steps < SHORT_STEPS else PAPER_LR
    return per_256 * batch_size / 256, f"{per_256:g} x batch / 256, for {_length(steps)}"


def auto_momentum(steps: int) -> tuple[float, str]:
    """Choose the momentum of the key encoder.

    MoCo's 0.999 averages over a thousand steps, which may be all that a short run has; 0.99 over a hundred.

    Args:
        steps: of the run.

    Returns:
        The momentum, and why.
    """
    return SHORT_MOMENTUM if steps < SHORT_STEPS else PAPER_MOMENTUM, f"for {_length(steps)}"


def _length(steps: int) -> str:
    return f"{'under' if steps < SHORT_STEPS else 'at least'} {SHORT_STEPS} steps"


def auto_queue_size(images: int, batch_size: int) -> tuple[int, str]:
    """Choose the length of the queue: the paper's K, or half the data; at least one batch.

    A queue as long as the data would hold an older key of every query, which is left out of that query's negatives; up
    to half the data most queries lose none.

    Args:
        images: in the training split.
        batch_size: images per step.

    Returns:
        The number of keys, a multiple of `batch_size`, and why.
    """
    whole = min(MAX_QUEUE, images // 2) // batch_size * batch_size
    if whole == 0:
        return batch_size, f"one batch, the least there can be: half the images are {images // 2}"
    return whole, f"min({MAX_QUEUE}, half the images), in whole batches"


def auto_bn_splits(batch_size: int, *, batch_norm: bool, processes: int = 1, synced: bool = True) -> tuple[int, str]:
    """Choose into how many groups batch norm splits a batch: of about 64 images, and two if that can be.

    With one group, batch norm leaks which key is whose (He et al., section 3.3).

    Args:
        batch_size: images that go through the network together, on all processes.
        batch_norm: the encoder has batch norms.
        processes: that share them. Their number changes nothing where it is a power of two, as the groups' mostly is.
        synced: batch norm may take its statistics over several processes.

    Returns:
        A number that divides `batch_size`, and why.
    """
    if not batch_norm:
        return 1, "the encoder has no batch norm to split"
    wanted = max(2, batch_size // BN_GROUP) if batch_size >= BN_GROUP // 2 else 1
    possible = [
        n
        for n in (*range(wanted, 0, -1), *(range(wanted + 1, batch_size // 2 + 1) if processes > 1 else ()))
        if batch_size % n == 0 and not problems_of_sharing(n, processes, synced=synced)
    ]
    splits = next((n for n in possible if n > 1), 1) if wanted > 1 else 1
    over = f", each on {processes // splits} processes" if 1 < splits < processes else ""
    return splits, f"groups of {batch_size // splits} images{over}"


def auto_rotation(recipe: str | None) -> tuple[float, str]:
    """Choose the largest rotation of a crop: none in MoCo v2; MTCP names rotation for its contrastive stage.

    Args:
        recipe: that the stage belongs to.

    Returns:
        Degrees either way, and why.
    """
    if recipe == "mtcp":
        return MTCP_ROTATION, "degrees either way: MTCP rotates and states no angle, this one is ours"
    return 0.0, "MoCo v2 has none"
