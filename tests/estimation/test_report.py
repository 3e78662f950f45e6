"""The lines of an estimate: what is said where it differs, and nothing that does not hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fastssl.estimation.report import estimate_lines
from fastssl.estimation.result import DiskUse, Estimate, LargestBatch, PeakMemory, Speed, StageEstimate
from fastssl.runtime import ResolvedSetting

STAGE = StageEstimate(
    stage="moco",
    encoder="resnet18",
    batch_size=128,
    steps=1000,
    steps_per_epoch=36,
    speed=Speed(
        images_per_second=1280.0,
        slow=1200.0,
        fast=1300.0,
        step_seconds=0.1,
        timed=20,
        data_wait=0.035,
        loader_images_per_second=50_000.0,
        limit="step",
    ),
    setup_seconds=5.0,
    checkpoint_seconds=2.0,
    monitor_seconds=2.08,
    seconds=107.0,
    memory=PeakMemory(host=10**9, before=7 * 10**8, snapshot=2 * 10**8, device=None, reserved=None),
    disk=DiskUse(checkpoint=2 * 10**8, checkpoint_seconds=0.5, checkpoints=4, folder=4 * 10**8),
    largest_batch=None,
    reasons=(
        ResolvedSetting(name="device", value="cpu", reason="no CUDA device found"),
        ResolvedSetting(name="length", value="1000 steps", reason="as asked"),
        ResolvedSetting(name="temperature", value="0.2", reason="MoCo v2's"),
    ),
)


def lines(*stages: StageEstimate, processes: int = 1) -> list[str]:
    estimate = Estimate(
        data="pneumoniamnist",
        images=4708,
        recipe="mtcp" if len(stages) > 1 else None,
        folder=Path("runs/moco"),
        processes=processes,
        opening_seconds=3.0,
        stages=stages,
    )
    return estimate_lines(estimate)


def line(name: str, told: list[str]) -> str:
    (found,) = (one for one in told if one.startswith(f"  {name} "))
    return " ".join(found.split())


def test_a_stage_is_told_in_aligned_lines() -> None:
    told = lines(STAGE)
    assert told[0] == "moco on pneumoniamnist: resnet18, 128 images per step"
    assert line("speed", told) == "speed 1,280 images/s median of 20 steps, half of them 1,200 to 1,300; 100 ms a step"
    assert (
        line("time", told)
        == "time 1 min 50 s set-up 8.0 s, 1,000 steps 1 min 40 s, 4 checkpoints 2.0 s, the monitor at most 2.1 s"
    )
    assert line("memory", told).startswith("memory 1.2 GB peak; 700 MB before the data are opened; 200 MB while")
    assert line("limit", told).startswith("limit the step waiting for batches takes 3.5% of the time; batches alone")
    assert not any("temperature" in one or "GPU memory" in one or "batch " in one[:9] for one in told)
    assert told[-1] == "nothing was written to runs/moco"
    assert len({len(one) - len(one[17:].lstrip()) for one in told[1:-1]}) == 1  # reasons begin below each other


def test_a_mean_that_is_not_the_median_is_told() -> None:
    uneven = replace(STAGE, speed=replace(STAGE.speed, step_seconds=0.2))
    assert "the mean, by which the time is computed, 640" in line("speed", lines(uneven))


def test_a_gpu_and_its_limit_are_told() -> None:
    memory = replace(STAGE.memory, device=3 * 10**9, reserved=4 * 10**9)
    told = lines(replace(STAGE, memory=memory, speed=replace(STAGE.speed, limit="loader")), processes=2)
    assert line("GPU memory", told) == "GPU memory 4.0 GB peak of rank 0, of which tensors 3.0 GB"
    assert line("limit", told).startswith("limit the loader")


@pytest.mark.parametrize(("images", "shown"), [(2048, "up to 2,048"), (None, "-")])
def test_the_largest_batch_comes_with_what_it_changes(images: int | None, shown: str) -> None:
    found = LargestBatch(images=images, limit="memory", method="tried", reason="tried")
    told = lines(replace(STAGE, largest_batch=found))
    assert line("batch", told) == f"batch {shown} tried"
    assert any("another batch is another training" in one for one in told) == (images is not None)


def test_a_recipe_ends_with_the_sum_and_tells_the_machine_once() -> None:
    told = lines(STAGE, replace(STAGE, stage="pretext", seconds=200.0))
    assert [one for one in told if not one.startswith("  ")] == [
        "1/2 moco on pneumoniamnist: resnet18, 128 images per step",
        "2/2 pretext on pneumoniamnist: resnet18, 128 images per step",
        "mtcp, all stages",
        "nothing was written to runs/moco",
    ]
    assert sum(one.startswith("  device ") for one in told) == 1
    assert " ".join(told[-3].split()).startswith("time 5 min 10 s data 3.0 s, moco 1 min 47 s, pretext 3 min 20 s")
    assert " ".join(told[-2].split()) == "disk 800 MB the folders of all stages"
