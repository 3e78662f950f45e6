"""How the multi-pretext stage is put together: which tasks, whose encoder they start from, AdamW.

Covers: what the source leaves open, chosen here ("Multi-Task Continued Pre-training", MeDA Challenge 2025, gives the
encoder, the three tasks and one of them a step at random, and no more):
- jigsaw: 2 x 2 without gaps, all 24 orders, one linear layer on the pooled features;
- inpaint: the central square of half the side, at the mean; the squared error counts inside it alone;
- colorize: luma to RGB, the squared error of every pixel; both decoders start from the encoder's last map;
- the decoders' last layers start at zero, so that the first prediction is the mean. From random ones AdamW's first
  steps removed what the decoders made of the image along with the noise, and left no gradient to bring it back: after
  200 steps on the demo set (28 px, ResNet-18, batch 128, one task alone) the squared error was 1.01 (colorize) and 0.97
  (inpaint) times that of the mean colour, with zeros 0.72 and 0.57 (fp32, one seed, one core of an AMD EPYC);
- crops of 60 to 100 % of the area and mirroring for every task, no jitter and no blur;
- tasks are drawn equally often; summed, they have equal weights;
- batch norm follows the batches, as in MoCo (--freeze-bn keeps what MoCo found);
- AdamW, which evens out the tasks' unlike gradients and lets heads that were not drawn lie still (torch's fused SGD
  with momentum cannot step where some parameters have had gradients before and others not yet), and a cosine from its
  usual 1e-3. From random weights on the demo set, 500 steps of jigsaw and inpainting in turn came to 7.5 % right and
  an error of 0.100 with it, to 16 % and 0.112 with 3e-3 (before last layers started at zero; not yet compared from a
  trained encoder).
Does not cover: the objective (`fastssl.stages.pretext.objective`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from fastssl.config import TrainConfig
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec, read_spec
from fastssl.pipelines import PretextTasks
from fastssl.stages.pretext.objective import Pretext
from fastssl.stages.pretext.tasks import TASKS, RestorationTask
from fastssl.stages.stage_defaults import Automatic, MakeOptimizer, RunInfo, StageDefaults, filled
from fastssl.training.run_folder import CONFIG, ENCODER, default_folder, read_settings

LR = 1e-3


class PretextDefaults(StageDefaults):
    """Jigsaw, inpainting and colorization on one encoder, after MoCo."""

    def start(self, config: TrainConfig, folder: Path) -> tuple[Path | None, str]:
        if config.init is not None:
            return config.init, f"starts from {config.init}"
        refused = []
        for run in moco_runs(config, folder):
            reason = why_not(run, config)
            if reason is None:
                return run, f"starts from the MoCo run in {run}"
            refused.append(f"{run} is a MoCo run {reason}; ")
        return None, f"starts from random weights: {''.join(refused)}give a trained encoder with --init RUN"

    def automatic(self, config: TrainConfig, facts: RunInfo, steps: int) -> Automatic:
        return {"lr": (LR, "AdamW's usual: heads start from nothing, and tasks differ in the size of their gradients")}

    def problems(self, config: TrainConfig, facts: RunInfo) -> list[str]:
        found = []
        if not tasks_for(config, facts.channels):
            found.append(f"tasks={config.tasks}: needs RGB images, and these have {facts.channels} channel(s)")
        foreign = sorted(weights_by_task(config).keys() - set(config.tasks.split(",")))
        if foreign:
            found.append(f"task_weights={config.task_weights}: {', '.join(foreign)} not among --tasks {config.tasks}")
        if config.freeze_bn and not facts.batch_norm:
            found.append("freeze_bn=True: the encoder has no batch norm")
        return found

    def notices(self, config: TrainConfig, facts: RunInfo) -> list[str]:
        left_out = [name for name in config.tasks.split(",") if name not in tasks_for(config, facts.channels)]
        lines = [
            f"{name} is left out: it needs RGB images, and these have {facts.channels} channel(s)" for name in left_out
        ]
        if config.freeze_bn and config.init is None:
            lines.append(
                "freeze_bn keeps the statistics that batch norms start with, and random weights have none worth it"
            )
        return lines

    def view(self, config: TrainConfig, facts: RunInfo) -> PretextTasks:
        """What each task sees.

        Raises:
            ConfigError: a task cannot be set at this size.
        """
        size = filled(config.size)
        names, weights = tasks_for(config, facts.channels), weights_by_task(config)
        try:
            return PretextTasks(
                size,
                facts.channels,
                tasks={name: TASKS[name].view(size, facts.channels, config.patch) for name in names},
                weights=tuple(weights.get(name, 1.0) for name in names),
                one_a_batch=config.task_mode == "one",
            )
        except ValueError as error:
            raise ConfigError([str(error)]) from None

    def stage(self, config: TrainConfig, encoder: nn.Module, spec: EncoderSpec, facts: RunInfo) -> Pretext:
        made = Pretext(
            encoder,
            dict(self.view(config, facts).tasks),
            weights=weights_by_task(config) if config.task_mode == "all" else {},
            freeze_bn=config.freeze_bn,
            seed=config.seed,
        )
        for task in made.tasks.values():
            if isinstance(task, RestorationTask):
                for parameter in task.decoder.head.parameters():
                    nn.init.zeros_(parameter)
        return made

    def optimizer(self, config: TrainConfig) -> MakeOptimizer:
        def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            return torch.optim.AdamW(
                parameters, lr=filled(config.lr), weight_decay=filled(config.weight_decay), fused=True
            )

        return make


def tasks_for(config: TrainConfig, channels: int) -> list[str]:
    """The names of the tasks asked for that images of so many channels allow."""
    return [name for name in config.tasks.split(",") if name != "colorize" or channels == 3]


def weights_by_task(config: TrainConfig) -> dict[str, float]:
    """The weights that were given, by task."""
    pairs = (pair.split("=") for pair in config.task_weights.split(",") if pair)
    return {name: float(weight) for name, weight in pairs}


def moco_runs(config: TrainConfig, folder: Path) -> Iterator[Path]:
    """MoCo runs that a pretext run in `folder` belongs to: around it, beside it, or the default one of its data."""
    places = [folder.parent, folder.parent / "moco"]
    if folder == default_folder(config):
        places.append(default_folder(config.model_copy(update={"stage": "moco"})))
        if "data" not in config.model_fields_set:  # MoCo's default is the grey demo set: why that run does not serve
            places.append(default_folder(TrainConfig()))
    for place in places:
        if (place / CONFIG).is_file() and read_settings(place).get("stage") == "moco":
            yield place


def why_not(run: Path, config: TrainConfig) -> str | None:
    """Why the encoder of a MoCo run cannot be gone on with; None if it can."""
    settings = read_settings(run)
    spec = read_spec(run) if (run / ENCODER).is_file() else None
    if spec is None:
        return "without an encoder yet"
    if settings.get("data") != config.data:
        return f"on other data ({settings.get('data')})"
    for name, value in (("encoder", spec.name), ("stem", spec.stem)):
        if getattr(config, name) not in ("auto", value):
            return f"with another {name} ({value})"
    return None
