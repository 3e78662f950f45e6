"""How the multi-pretext stage is put together: which tasks, whose encoder they start from, AdamW.

Covers: what the source leaves open, chosen here ("Multi-Task Continued Pre-training", MeDA Challenge 2025, gives the
encoder, the three tasks and one of them per step at random, and no more):
- jigsaw: 2 x 2 tiles without gaps, all 24 orders, one linear layer on the pooled features;
- inpaint: the central square of half the side is set to the mean; the squared error counts inside it alone;
- colorize: luma to RGB, the squared error of every pixel; both decoders start from the encoder's last map;
- crops of 60 to 100 % of the area and mirroring for every task, no jitter and no blur;
- tasks are drawn equally often; summed, they have equal weights;
- batch norm follows the batches, as in MoCo (--freeze-bn keeps what MoCo found);
- AdamW, which evens out the tasks' unlike gradients and lets heads that were not drawn lie still (torch's fused SGD
  with momentum cannot step where some parameters have had gradients before and others not yet), and a cosine from its
  usual 1e-3. From random weights on the demo set, 500 steps of jigsaw and inpainting in turn reached 7.5 % right and an
  error of 0.100 with it, 16 % and 0.112 with 3e-3 (before last layers started at zero; not yet compared from a trained
  encoder).
Does not cover: the objective (`objective.py`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from fastssl.config.base import parse_weights
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import PretextTasks, View
from fastssl.stages.pretext.objective import Pretext
from fastssl.stages.pretext.settings import PretextConfig, PretextSettings
from fastssl.stages.pretext.tasks import TASKS
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults

LR = 1e-3
PATCH_SHARE = 0.5
"""Side of the missing centre over the image's, as in Context Encoders (Pathak et al., CVPR 2016)."""


class PretextDefaults(StageDefaults[PretextConfig, PretextSettings]):
    """Jigsaw, inpainting and colorization on one encoder, after MoCo."""

    def automatic(self, config: PretextConfig, info: RunInfo, steps: int) -> Automatic:
        share = config.patch if _is_share(config) else None
        side = round((share or PATCH_SHARE) * info.size)
        return {
            "lr": (LR, "AdamW's usual: heads start from nothing, and tasks differ in the size of their gradients"),
            "patch": (
                side,
                f"pixels, {share:g} of the side; give pixels, as shares go in 0.3"
                if share
                else "pixels, half the side",
            ),
        }

    def is_automatic(self, config: PretextConfig, name: str) -> bool:
        """A share of the side, as older versions took and stored it, becomes pixels."""
        return super().is_automatic(config, name) or (name == "patch" and _is_share(config))

    def problems(self, config: PretextConfig, info: RunInfo) -> list[str]:
        found = []
        if not tasks_for(config, info):
            found.append(f"tasks={','.join(config.tasks)}: needs RGB images, and these {_have(info)}")
        foreign = sorted(parse_weights(config.task_weights).keys() - set(config.tasks))
        if foreign:
            given, tasks = ",".join(config.task_weights), ",".join(config.tasks)
            found.append(f"task_weights={given}: {', '.join(foreign)} not among --tasks {tasks}")
        if config.freeze_bn and not info.batch_norm:
            found.append("freeze_bn=True: the encoder has no batch norm")
        return found

    def messages(self, settings: PretextSettings, info: RunInfo) -> list[str]:
        left_out = [name for name in settings.tasks if name not in tasks_for(settings, info)]
        lines = [f"{name} is left out: it needs RGB images, and these {_have(info)}" for name in left_out]
        if settings.freeze_bn and settings.init is None:
            lines.append(
                "freeze_bn keeps the statistics that batch norms start with, and random weights have none worth it"
            )
        return lines

    def view(self, settings: PretextSettings, info: RunInfo) -> PretextTasks:
        size = settings.size
        names, weights = tasks_for(settings, info), parse_weights(settings.task_weights)
        try:
            return PretextTasks(
                size,
                info.channels,
                tasks={name: TASKS[name].view(size, info.channels, settings.patch / size) for name in names},
                weights=tuple(weights.get(name, 1.0) for name in names),
                one_per_batch=settings.task_mode == "one",
            )
        except ValueError as error:
            raise ConfigError([str(error)]) from None

    def stage(self, settings: PretextSettings, encoder: nn.Module, spec: EncoderSpec, info: RunInfo) -> Pretext:
        return Pretext(
            encoder,
            dict(self.view(settings, info).tasks),
            weights=parse_weights(settings.task_weights) if settings.task_mode == "all" else {},
            freeze_bn=settings.freeze_bn,
            seed=settings.seed,
        )

    def optimizer(self, settings: PretextSettings) -> MakeOptimizer:
        def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            return torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)

        return make

    def scoring_view(self, view: View) -> View | None:
        """Return a view by which every task gets every image."""
        return replace(view, one_per_batch=False) if isinstance(view, PretextTasks) else None


def tasks_for(config: PretextConfig, info: RunInfo) -> list[str]:
    """List the tasks asked for that the images allow: colorization needs colours.

    Args:
        config: what was asked for, or resolved settings.
        info: on the images.

    Returns:
        Their names.
    """
    return [name for name in config.tasks if name != "colorize" or info.coloured]


def _have(info: RunInfo) -> str:
    if info.channels == 3:
        return "have windows or slices as channels"
    return f"have {info.channels} channel(s)"


def _is_share(config: PretextConfig) -> bool:
    return config.patch is not None and config.patch < 1
