"""Count the terms of one device with the real networks and losses: `python -m bench.scaling.measure`.

Covers: parameters by layer, FLOPs by torch's counter, bytes kept for the backward pass by torch's saved-tensor hooks;
writes `bench/results/scaling/terms.json`. Does not cover: time, the formulae.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bench.harness.machine import environment
from bench.program import leave
from bench.scaling.terms import Layer, StepTerms, to_json, write_figures
from fastssl.models.encoder import create_encoder, feature_dim
from fastssl.models.normalization import has_batch_norm
from fastssl.stages.moco.objective import MoCo
from fastssl.stages.simclr.objective import SimCLR
from fastssl.stages.stage import Batch, Stage

NETWORKS = ("resnet50", "vit_base_patch16_224")
STAGES = ("moco", "simclr")
SIZE = 224
BATCHES = (4, 8)
"""Two sizes: what grows from one to the other is per image, the rest is fixed."""
COUNTED = 4
"""Images of which FLOPs are counted."""
QUEUE = 65536


def make_stage(name: str, network: str, size: int, *, queue_size: int = QUEUE) -> Stage:
    """Make a stage as `fastssl train` does, with random weights.

    Args:
        name: "moco" or "simclr".
        network: timm's name.
        size: side of the images, of three channels.
        queue_size: of MoCo.

    Returns:
        The stage, on the CPU, in training mode.
    """
    encoder = create_encoder(network, 3, size, seed=0)
    length = feature_dim(encoder, 3, size)
    if name == "simclr":
        return SimCLR(encoder, length, batch_size=BATCHES[0]).train()
    splits = 2 if has_batch_norm(encoder) else 1
    return MoCo(encoder, length, queue_size=queue_size, bn_splits=splits).train()


def count(name: str, network: str, size: int = SIZE, batches: tuple[int, int] = BATCHES) -> StepTerms:
    """Count all terms.

    Args:
        name: "moco" or "simclr".
        network: timm's name.
        size: side of the images, in pixels.
        batches: two sizes of the batch, of which each step is run once per precision.

    Returns:
        The terms.
    """
    stage = make_stage(name, network, size)
    forward, backward, by_module = _flops(stage, size)
    small, large = batches
    kept = {
        precision: [kept_bytes(stage, size, batch, precision) for batch in batches] for precision in ("fp32", "bf16")
    }
    per_image = {precision: (last - first) / (large - small) for precision, (first, last) in kept.items()}
    averaged = sum(parameter.numel() for parameter in stage.parameters() if not parameter.requires_grad)
    return StepTerms(
        stage=name,
        network=network,
        size=size,
        layers=tuple(_layers(stage, by_module)),
        passes=1 if name == "moco" else 2,
        key_passes=1 if name == "moco" else 0,
        forward_flops=forward,
        backward_flops=backward,
        activation_bytes=per_image,
        fixed_bytes={precision: kept[precision][0] - small * per_image[precision] for precision in kept},
        averaged_parameters=averaged,
    )


def _trained(stage: Stage) -> nn.Sequential:
    """Encoder and head as one network, under the names that they have in the stage."""
    trained = nn.Sequential()
    trained.add_module("encoder", stage.encoder)
    trained.add_module("head", stage.head)  # type: ignore[arg-type]
    return trained


def _flops(stage: Stage, size: int) -> tuple[float, float, dict[str, float]]:
    """Of one image: forward, backward, and forward by the module's name. Four images go through, for split batch norm.

    Attention goes by plain products: torch's counter takes its fused form on a CPU for nothing (torch 2.14.1).
    """
    network, images = _trained(stage), torch.zeros(COUNTED, 3, size, size)
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward, torch.no_grad():
            network(images)
        with FlopCounterMode(display=False) as both:
            network(images).sum().backward()
    network.zero_grad()
    counts = forward.get_flop_counts()
    by_module = {module.partition(".")[2]: sum(ops.values()) / COUNTED for module, ops in counts.items()}
    total = forward.get_total_flops() / COUNTED
    return total, both.get_total_flops() / COUNTED - total, by_module


def _layers(stage: Stage, by_module: dict[str, float]) -> Iterator[Layer]:
    for name, module in _trained(stage).named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False) if p.requires_grad)
        if own:
            channels = module.num_features if isinstance(module, nn.BatchNorm2d) else 0
            leaf = next(module.children(), None) is None  # a parent's count holds its children's
            flops = by_module.get(name, 0.0) if leaf else 0.0
            yield Layer(name=name, parameters=own, flops=flops, batch_norm_channels=channels)


def kept_bytes(stage: Stage, size: int, batch_size: int, precision: str) -> float:
    """Bytes of all memory that autograd keeps from the loss's forward pass, but for parameters and buffers."""
    known = {_memory(tensor) for tensor in (*stage.parameters(), *stage.buffers())}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if _memory(tensor) not in known:
            kept[_memory(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), _autocast(precision):
        output = stage.loss(noise(size, batch_size))
    total = float(sum(kept.values()))
    del output  # only now may memory be used twice
    return total


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def noise(size: int, batch_size: int) -> Batch:
    """Make a batch of noise as both stages take it."""
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(batch_size, 3, size, size, generator=generator) for _ in range(2)]
    return {"query": views[0], "key": views[1], "index": torch.arange(batch_size)}


@contextmanager
def _autocast(precision: str) -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext():
        yield


def main() -> int:
    """Count every stage and network, and write the file; the exit status."""
    argparse.ArgumentParser(prog="python -m bench.scaling.measure", description=__doc__).parse_args()
    records = []
    for network in NETWORKS:
        for name in STAGES:
            terms = count(name, network)
            records.append(to_json(terms))
            print(f"{name} {network}: {terms.step_flops:.4g} FLOPs per image of the batch", flush=True)
    machine = {name: value for name, value in environment().items() if name != "load_average"}  # no times are in it
    write_figures({"environment": machine, "records": records})
    return 0


if __name__ == "__main__":
    leave(main)
