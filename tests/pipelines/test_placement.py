"""Batches for an Apple GPU: rendered on the CPU, with its bits, and fit to be moved. No such GPU is needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.pipelines import Loader, TwoCrops, View
from fastssl.pipelines.executors.executor import choose, create
from fastssl.pipelines.order import WholeOrder
from fastssl.pipelines.placement import for_apple, hand_over, rendering_device
from fastssl.pipelines.producer import Producer, Share
from fastssl.stages.registry import STAGES, stage_defaults, train_config
from fastssl.stages.stage_defaults import RunInfo
from fastssl.training.resolve import resolve

CPU, MPS = torch.device("cpu"), torch.device("mps")
LACKING = {torch.float64, torch.uint16, torch.uint32, torch.uint64}
LAYOUT: dict[str, int | bool] = {"seed": 0, "samples": 8, "global_batch": 4, "shuffle": True}
ORDER = WholeOrder(0, 8, shuffle=True)


def images(dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (8, 32, 32, 3), dtype=dtype)


def view_of(stage: str) -> View:
    config = train_config({"stage": stage, "size": 32, "batch_size": 4, "steps": 2, "encoder": "test_resnet"})
    info = RunInfo(images=8, channels=3, size=32, modality="", batch_norm=True, compute_dtype=torch.float32)
    defaults = stage_defaults(stage)
    shared = {"size": (32, ""), "stem": ("standard", ""), "encoder": ("test_resnet", ""), "value_range": ("full", "")}
    shared["monitor"] = ("off", "")
    return defaults.view(resolve(config, defaults, info, name="noise", shared=shared).settings, info)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_has_the_bits_of_the_cpu_and_no_dtype_that_the_gpu_lacks(stage: str, dtype: type) -> None:
    view = view_of(stage)
    executors = {part: create("torch", part, rendering_device(MPS), torch.float32, 4) for part in view.parts}
    labels = np.arange(8, dtype=np.float64)
    producer = Producer(images(dtype), labels, view, executors, MPS, LAYOUT, Share(0, 1), ORDER, None)
    rendered = producer.produce(0, 0).batch
    moved = hand_over(rendered, CPU)
    with Loader(images(dtype), view, batch_size=4, labels=labels, prefetch=0) as loader:
        expected = next(iter(loader))
    assert moved.keys() == expected.keys()
    for name, values in moved.items():
        assert values.dtype not in LACKING
        assert values.is_contiguous()
        torch.testing.assert_close(values, expected[name].to(values.dtype), rtol=0, atol=0)


def test_other_devices_render_in_place() -> None:
    assert rendering_device(CPU) == CPU
    assert rendering_device(torch.device("cuda", 1)) == torch.device("cuda", 1)
    assert rendering_device(MPS) == CPU


def test_a_loader_for_it_says_where_images_are_augmented() -> None:
    with Loader(images(), TwoCrops(size=32, channels=3), batch_size=4, device="mps") as loader:
        assert loader.executor == "torch"
        assert "on the CPU" in loader.reason
    assert choose("torch", MPS).reason == "asked for"


@pytest.mark.parametrize(
    ("dtype", "narrower"),
    [
        (torch.float64, torch.float32),
        (torch.uint16, torch.int32),
        (torch.uint32, torch.int64),
        (torch.uint64, torch.int64),
        (torch.bfloat16, torch.bfloat16),
        (torch.int64, torch.int64),
        (torch.bool, torch.bool),
    ],
)
def test_a_dtype_that_it_lacks_becomes_one_that_holds_the_same_values(
    dtype: torch.dtype, narrower: torch.dtype
) -> None:
    values = torch.tensor([[0, 1], [1, 0]]).to(dtype)
    fit = for_apple(values)
    assert fit.dtype is narrower
    assert fit.tolist() == values.tolist()
    assert for_apple(torch.tensor([65535], dtype=torch.uint16)).item() == 65535


def test_channels_last_images_become_row_major() -> None:
    values = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert for_apple(values).is_contiguous()
    assert torch.equal(for_apple(values), values)
