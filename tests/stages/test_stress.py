"""Every stage on images that say nothing and in batches as small as can be: defined, finite, or refused in one line.

Covers: black, white and identical images in fp32 and fp16, collapsed embeddings against closed forms, temperatures out
of range, batches of one and two, masks of almost nothing and almost all. Does not cover: the losses by themselves
(tests/kernels/test_stress.py).
"""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn

import fastssl
from fastssl.errors import ConfigError
from fastssl.pipelines import Jigsaw
from fastssl.stages.moco.objective import MoCo
from fastssl.stages.pretext.objective import Pretext
from fastssl.stages.simclr.objective import SimCLR
from fastssl.stages.stage import Stage
from fastssl.stages.tower.objective import Tower

STAGES = ("moco", "simclr", "tower", "vae", "pretext")
IMAGES = {
    "black": lambda shape: np.zeros(shape, np.uint8),
    "white": lambda shape: np.full(shape, 255, np.uint8),
    "identical": lambda shape: np.broadcast_to(np.random.default_rng(0).integers(0, 256, shape[1:], np.uint8), shape),
}


def train(folder: Path, images: np.ndarray, stage: str, **settings: Any) -> list[float]:
    """The losses of a short run, whose encoder must be finite."""
    np.savez(folder / "images.npz", train_images=images)
    small = {"encoder": "test_resnet", "batch_size": 4, "steps": 3, "device": "cpu"}
    console = Console(file=io.StringIO())
    run = folder / "run"
    fastssl.train(**small | settings, stage=stage, data=str(folder / "images.npz"), out=run, console=console)
    assert all(t.isfinite().all() for t in load_file(run / "encoder.safetensors").values())
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("precision", "kind"), [("fp32", "black"), ("fp32", "white"), ("fp32", "identical"), ("fp16", "identical")]
)
def test_images_that_say_nothing_are_trained_on(tmp_path: Path, stage: str, precision: str, kind: str) -> None:
    losses = train(
        tmp_path, IMAGES[kind]((9, 16, 16, 3)), stage, precision=precision, size=16 if precision == "fp32" else 8
    )
    assert len(losses) == 3
    assert all(map(math.isfinite, losses))


@pytest.mark.parametrize("stage", STAGES)
def test_two_images_in_a_batch_are_enough_and_one_is_refused(tmp_path: Path, stage: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    assert all(map(math.isfinite, train(tmp_path, images, stage, batch_size=2)))
    with pytest.raises(ConfigError, match="batch_size=1: ") as caught:
        train(tmp_path, images, stage, batch_size=1, overwrite=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ratio", [1e-6, 1 - 1e-6])
def test_tower_masks_of_nothing_and_of_everything_are_trained_with(tmp_path: Path, ratio: float) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 1), dtype=np.uint8)
    assert all(map(math.isfinite, train(tmp_path, images, "tower", mask="stripe", mask_ratio=ratio)))


@pytest.mark.parametrize("stage", ["moco", "simclr", "tower"])
@pytest.mark.parametrize("temperature", [1e-9, 1e9])
def test_a_temperature_that_float32_cannot_follow_is_refused(tmp_path: Path, stage: str, temperature: float) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"temperature={temperature:g}: must be from 1e-06 to 1e+06")):
        train(tmp_path, IMAGES["black"]((9, 16, 16, 1)), stage, temperature=temperature)


@pytest.mark.parametrize("stage", ["moco", "simclr", "tower"])
@pytest.mark.parametrize("temperature", [1e-4, 1e4, np.float32(0.2)])
def test_extreme_temperatures_and_those_of_numpy_are_trained_with(
    tmp_path: Path, stage: str, temperature: float
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 1), dtype=np.uint8)
    assert all(map(math.isfinite, train(tmp_path, images, stage, temperature=temperature)))


def encoder() -> nn.Module:
    """Sees every pixel, and has no batch norm, which would spread rounding errors of identical images."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6))


def collapsed() -> dict[str, tuple[Stage, dict[str, Tensor], float]]:
    """A stage, a batch of one image again and again, and the loss of a guess."""
    moco = MoCo(encoder(), 6, queue_size=7, bn_splits=1)
    views = {
        name: torch.linspace(-1, 1, 64).view(8, 8).repeat(4, 1, 1, 1) for name in ("query", "key", "image", "target")
    }
    keys = moco.loss(views).carry["key"]
    moco.after_step({"key": keys})
    moco.after_step({"key": keys})
    jigsaw = Jigsaw(8, 1, with_target=False)
    pretext = Pretext(encoder(), {"jigsaw": jigsaw})
    nn.init.zeros_(pretext.tasks["jigsaw"].head.weight)
    nn.init.zeros_(pretext.tasks["jigsaw"].head.bias)
    order = {"jigsaw/image": views["image"], "jigsaw/permutation": torch.tensor([0, 5, 3, 2])}
    return {
        "moco": (moco, views, math.log(8)),
        "simclr": (SimCLR(encoder(), 6, batch_size=4), views, math.log(7)),
        "tower": (Tower(encoder(), 1, 8, terms=["contrastive"]), views, math.log(7)),
        "pretext": (pretext, order, math.log(24)),
    }


@pytest.mark.parametrize("name", ["moco", "simclr", "tower", "pretext"])
def test_a_collapsed_encoder_has_the_loss_of_a_guess_and_finite_gradients(name: str) -> None:
    stage, batch, guess = collapsed()[name]
    loss = stage.loss(batch).loss
    loss.backward()
    assert loss.item() == pytest.approx(guess, abs=1e-5)
    gradients = [p.grad for p in stage.trained_parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("name", ["moco", "simclr", "tower"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_image_that_is_not_finite_is_seen_in_the_loss(name: str, bad: float) -> None:
    stage, batch, _ = collapsed()[name]
    for view in batch.values():
        view[1, 0, 2, 2] = bad
    assert stage.loss(batch).loss.isnan()
