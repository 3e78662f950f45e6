"""The one way to build a training run: from settings, data and device to stage, view, loader and engine.

Covers: the same run however often it is built: to train, to resume, for a recipe, a preview, a benchmark or another
trainer. Does not cover: its folder and what is printed (`train.py`), what "auto" becomes (`resolve.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from fastssl.config.data import FULL_RANGE
from fastssl.config.initial import IMAGENET
from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.data import Source
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder, has_resnet_stem
from fastssl.models.normalization import has_batch_norm
from fastssl.models.starting_weights import load_start, starting_encoder
from fastssl.models.synced_norm import sync_batch_norm
from fastssl.pipelines import Loader, View
from fastssl.runtime import ResolvedSetting, Runtime
from fastssl.stages.registry import stage_defaults
from fastssl.stages.stage import Stage
from fastssl.stages.stage_defaults import MakeOptimizer, RunInfo, StageDefaults
from fastssl.training.beginning import beginning
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.data_parallel import GradientSettings
from fastssl.training.engine import Engine
from fastssl.training.layer_rates import decayed_by_layer
from fastssl.training.monitor import kind_of_monitor
from fastssl.training.random_state import seeded
from fastssl.training.resolve import auto_stem, resolve
from fastssl.training.schedule import CosineSchedule


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """A run that is put together; nothing about it is automatic, and no step is done.

    Args:
        settings: resolved, of the stage's own class.
        reasons: of those settings that can be automatic.
        info: what automatic values were chosen by.
        spec: what the encoder was built as.
        source: the data.
        runtime: device, precision, compilation.
        defaults: of the stage.
        view: what the loader renders.
        stage: the objective, on the CPU until an engine takes it to its device.
    """

    settings: TrainingSettings
    reasons: tuple[ResolvedSetting, ...]
    info: RunInfo
    spec: EncoderSpec
    source: Source
    runtime: Runtime
    defaults: StageDefaults[Any, Any]
    view: View
    stage: Stage

    def load_encoder(self, path: Path) -> None:
        """Give the stage's encoder other weights, before the first step.

        Args:
            path: a run folder or a file of weights.

        Raises:
            CheckpointError: they cannot be read, or are another encoder's.
        """
        load_start(self.stage.encoder, self.spec, path)

    @property
    def optimizer(self) -> MakeOptimizer:
        """A function that makes the optimiser of the stage's trained parameters."""
        made: MakeOptimizer = self.defaults.optimizer(self.settings)
        decay = self.settings.lr_decay
        return made if decay == 1 else decayed_by_layer(made, self.stage, decay)

    @property
    def schedule(self) -> CosineSchedule:
        """The learning rate of every step."""
        return CosineSchedule(
            peak=self.settings.lr,
            total_steps=self.settings.steps,
            warm_up_steps=self.defaults.warm_up_steps(self.settings),
        )

    def messages(self) -> list[str]:
        """Tell what a user should read before training.

        Returns:
            Lines.
        """
        return [*self.defaults.messages(self.settings, self.info), *self.stage.messages()]

    def loader(self) -> Loader:
        """Open the loader of the training images; of several processes each has its part of every batch.

        Returns:
            The loader, at the beginning of its first epoch; close it when done.
        """
        here = world()
        return Loader(
            self.source.splits["train"].images,
            self.view,
            batch_size=self.settings.batch_size // here.size,
            rank=here.rank,
            world_size=here.size,
            device=self.runtime.device,
            executor=self.settings.pipeline,
            seed=self.settings.seed,
            dtype=self.runtime.compute_dtype,
            prefetch=self.runtime.prefetch,
        )

    def engine(self, loader: Loader, checkpoints: CheckpointPolicy | None = None) -> Engine[Loader]:
        """Make the engine that steps the stage; takes the stage to its device.

        Args:
            loader: of this run.
            checkpoints: where they go, and how often; None keeps none.

        Returns:
            The engine, at the run's first step.
        """
        gradients = GradientSettings(accumulate=self.settings.accumulate, compress=self.settings.compress_gradients)
        return Engine(self.stage, loader, self.runtime, self.optimizer, self.schedule, checkpoints, gradients=gradients)

    @contextmanager
    def open(self, checkpoints: CheckpointPolicy | None = None) -> Iterator[Engine[Loader]]:
        """Open loader and engine; inside the block the global random generators are the run's.

        Args:
            checkpoints: where they go, and how often; None keeps none.

        Yields:
            The engine, at the run's first step.
        """
        with seeded(self.settings.seed, self.runtime.device), self.loader() as loader:
            yield self.engine(loader, checkpoints)


def build_run(
    config: TrainConfig, source: Source, runtime: Runtime, *, init: bool = True, follows: EncoderSpec | None = None
) -> TrainingRun:
    """Put a run together on the CPU.

    Args:
        config: what was asked for, or the resolved settings of a run that goes on.
        source: the data.
        runtime: device, precision, compilation.
        init: load the weights that `config.init` names. A run that goes on does not: its checkpoint holds every weight,
            and the file may be gone.
        follows: the encoder whose weights come later, by `load_encoder`, where `config.init` is not there yet.

    Returns:
        The run; the same one, to the bit, whenever it is built from the same arguments.

    Raises:
        ConfigError: listing every setting that does not fit the data.
        CheckpointError: `config.init` cannot be read, or is another encoder's.
    """
    defaults = stage_defaults(config.stage)
    start = config.init if init and follows is None else None
    size = config.size or min(source.image_shape[:2])
    name, why = defaults.encoder(on_cuda=runtime.device.type == "cuda")
    asked = None if config.encoder == "auto" else config.encoder
    known = follows if start is None else starting_encoder(start, asked, name)
    if known is not None and start != IMAGENET:
        name, why = known.name, f"that of {config.init}"
    name = asked or name
    encoder = create_encoder(name, source.image_shape[2], size, seed=config.seed)
    info = _info(source, runtime, encoder, size)
    kind, why_kind = kind_of_monitor(config, source)
    stem = auto_stem(size, on_cuda=info.on_cuda, resnet_stem=has_resnet_stem(encoder))
    shared: Mapping[str, tuple[object, str]] = {
        "encoder": (name, why),
        "size": (size, "as the data has it"),
        "value_range": (source.value_range or FULL_RANGE, source.report.value_range or "as the data has it"),
        "monitor": (kind, why_kind),
        "stem": (known.stem, f"that of {config.init}") if known and known.name == name else stem,
    }
    resolved = resolve(config, defaults, info, name=source.name, shared=shared)
    settings = resolved.settings
    spec = EncoderSpec(
        name=settings.encoder,
        in_channels=info.channels,
        size=settings.size,
        stem=settings.stem,
        value_range=source.value_range,
    )
    if spec.stem != "standard":  # known only now
        encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=settings.seed)
    check_shares(settings.batch_size, world().size, settings.accumulate)
    loaded = "" if start is None else load_start(encoder, spec, start)
    begins = beginning(settings, encoder, loaded, later=follows is not None)
    stage = defaults.stage(settings, encoder, spec, info)
    if settings.sync_bn:
        sync_batch_norm(stage)
    return TrainingRun(
        settings=settings,
        reasons=(*resolved.reasons, *begins),
        info=info,
        spec=spec,
        source=source,
        runtime=runtime,
        defaults=defaults,
        view=defaults.view(settings, info),
        stage=stage,
    )


def check_shares(batch_size: int, processes: int, accumulate: int = 1) -> None:
    """Refuse a batch that cannot be shared evenly.

    Args:
        batch_size: images per step of all processes.
        processes: that share them.
        accumulate: parts in which each computes its own.

    Raises:
        ConfigError: it cannot.
    """
    parts = processes * accumulate
    if batch_size % parts:
        shared = f"{processes} processes" if processes > 1 else "parts"
        whose = f"{shared} with accumulate={accumulate}" if accumulate > 1 else shared
        near = max(1, batch_size // parts) * parts
        raise ConfigError([f"batch_size={batch_size}: cannot be shared evenly by {whose}; give {near}"])


def _info(source: Source, runtime: Runtime, encoder: nn.Module, size: int) -> RunInfo:
    return RunInfo(
        images=len(source.splits["train"]),
        channels=source.image_shape[2],
        size=size,
        modality=source.modality,
        rgb=source.rgb,
        on_cuda=runtime.device.type == "cuda",
        batch_norm=has_batch_norm(encoder),
        compute_dtype=runtime.compute_dtype,
    )
