"""What a run is put together from, once nothing about it is automatic any more.

Covers: from settings, data and device to resolved settings, encoder and stage.
Does not cover: batches and the loop (`run.py`), or a trained stage's weights (`restore.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from fastssl.config import TrainConfig
from fastssl.data import Source
from fastssl.models.encoder import (
    EncoderSpec,
    Stem,
    create_encoder,
    has_resnet_stem,
    load_weights,
    read_spec,
    read_weights,
)
from fastssl.models.normalization import has_batch_norm
from fastssl.runtime import Runtime
from fastssl.stages.registry import RunInfo, StageDefaults, filled
from fastssl.stages.stage import Stage
from fastssl.training.resolve import Resolved, auto_stem, resolve


@dataclass(frozen=True)
class Parts:
    """A stage and all that it was made from."""

    resolved: Resolved
    facts: RunInfo
    spec: EncoderSpec
    stage: Stage


def assemble(config: TrainConfig, plan: StageDefaults, source: Source, runtime: Runtime) -> Parts:
    """Resolve `config` for this data and device, and make its stage on the CPU, from `config.init` if there is any.

    A resumed run's stage is made without `config.init`, which may be gone by then: its checkpoint holds every weight.
    """
    on_cuda = runtime.device.type == "cuda"
    channels = source.image_shape[2]
    size = config.size or min(source.image_shape[:2])
    init = None if config.resume else config.init
    known = read_spec(init) if init is not None else None
    name, name_reason = (known.name, f"that of {init}") if known else plan.encoder(on_cuda=on_cuda)
    name = name if config.encoder == "auto" else config.encoder
    draft = create_encoder(name, channels, size, seed=config.seed)
    facts = facts_of(source, runtime, draft)
    stem = auto_stem(size, on_cuda=on_cuda, resnet_stem=has_resnet_stem(draft))
    shared = {
        "encoder": (name, name_reason),
        "size": (size, "as the data has it"),
        "stem": (known.stem, f"that of {init}") if known and known.name == name else stem,
    }
    resolved = resolve(config, plan, facts, name=source.name, shared=shared)
    final = resolved.config
    spec = spec_of(final, channels)
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=final.seed)
    if init is not None:
        load_weights(encoder, read_weights(init), str(init))
    return Parts(resolved, facts, spec, plan.stage(final, encoder, spec, facts))


def spec_of(config: TrainConfig, channels: int) -> EncoderSpec:
    """The encoder of a resolved configuration, for images of so many channels."""
    stem: Stem | None = None if config.stem == "auto" else config.stem
    return EncoderSpec(config.encoder, channels, filled(config.size), filled(stem))


def facts_of(source: Source, runtime: Runtime, encoder: nn.Module) -> RunInfo:
    """What plans are told of the data, the device and the encoder."""
    return RunInfo(
        len(source.splits["train"]),
        source.image_shape[2],
        source.modality,
        runtime.device.type == "cuda",
        has_batch_norm(encoder),
        runtime.compute_dtype,
    )
