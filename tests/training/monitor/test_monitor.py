"""A monitor looks when that is due, keeps the best encoder, and names a collapse once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from fastssl.data.source import Source, Split
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, read_steps
from fastssl.runtime import resolve_runtime
from fastssl.training.monitor import Look, Monitor, Watched
from fastssl.training.monitor.monitor import FIRST_STEPS

STEP = 2.0
"""Seconds of a step, and a fourth of those of a look."""


@dataclass
class Scene:
    """A monitor with a clock of its own, and looks that find what they are told to."""

    folder: Path
    values: list[float]
    share: float = 0.1
    keep_best: bool = False
    began: int = 0
    collapse: str = ""
    time: float = 0.0
    told: list[str] = field(default_factory=list)
    looks: list[tuple[int, float]] = field(default_factory=list)

    def monitor(self) -> Monitor:
        images = np.zeros((900, 12, 12, 1), np.uint8)
        watched = Watched(
            source=Source(name="set", splits={"train": Split(images=images, labels=np.arange(900) % 2)}),
            kind="knn",
            share=self.share,
            spec=EncoderSpec(name="test_resnet", in_channels=1, size=12),
            runtime=resolve_runtime("cpu", amp=False, compile=False),
            folder=self.folder,
            total_steps=1000,
            batch_size=100,
            keep_best=self.keep_best,
        )
        encoder: nn.Module = create_encoder("test_resnet", 1, 12, seed=0)
        return Monitor(watched, encoder, self.began, self._heard, self.told.append, lambda: self.time, self._look)

    def run(self, monitor: Monitor, steps: int) -> None:
        for step in range(self.began + 1, self.began + steps + 1):
            self.time += STEP
            monitor.between_steps(step)

    def _look(self, encoder: nn.Module, watched: Any, spec: Any, runtime: Any, step: int) -> Look:
        self.time += 4 * STEP
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        return Look(step=step, score="knn_acc", values={"knn_acc": value}, collapse=self.collapse, dim=8)  # type: ignore[arg-type]

    def _heard(self, look: Look, seconds: float) -> None:
        self.looks.append((look.step, seconds))


def test_looks_take_no_more_than_their_share_and_none_of_the_first_steps(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [0.5])
    scene.run(scene.monitor(), 1000)
    assert len(scene.looks) > 15
    assert sum(seconds for _, seconds in scene.looks) <= 0.1 * scene.time
    assert min(step for step, _ in scene.looks) > FIRST_STEPS


def test_a_run_of_a_few_steps_is_not_looked_at(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [0.5], share=0.5)
    monitor = scene.monitor()
    scene.run(monitor, FIRST_STEPS)
    monitor.at_the_end(FIRST_STEPS)
    assert not scene.looks
    assert monitor.last is None


def test_the_end_is_looked_at_unless_it_just_was(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [0.5])
    monitor = scene.monitor()
    scene.run(monitor, 150)
    before = list(scene.looks)
    scene.time += 100.0
    monitor.at_the_end(150)
    monitor.at_the_end(150)
    assert [step for step, _ in scene.looks] == [*(step for step, _ in before), 150]


def test_the_best_encoder_is_kept_with_the_step_that_it_had(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [0.4, 0.7, 0.6, 0.7, float("nan")], keep_best=True)
    monitor = scene.monitor()
    scene.run(monitor, 400)
    second = scene.looks[1][0]
    assert monitor.best is not None
    assert (monitor.best.step, monitor.best.value) == (second, 0.7)
    steps = read_steps(tmp_path / "encoder-best.safetensors")
    assert steps is not None
    assert (steps.step, steps.total_steps) == (second, 1000)
    assert load_encoder(tmp_path / "encoder-best.safetensors").spec.name == "test_resnet"


@pytest.mark.parametrize("keep_best", [False, True])
def test_a_resumed_run_knows_the_best_so_far(tmp_path: Path, keep_best: bool) -> None:
    log = [{"step": 20, "monitor/knn_acc": 0.9}, {"step": 21, "loss": 1.0}, {"step": 30, "monitor/knn_acc": None}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log) + '{"step": 4, "moni')
    scene = Scene(tmp_path, [0.6], began=50, keep_best=keep_best)
    monitor = scene.monitor()
    scene.run(monitor, 300)
    assert monitor.best is not None
    # An encoder that was never kept cannot be the best one that is kept.
    assert monitor.best.value == (0.6 if keep_best else 0.9)


def test_a_collapse_is_named_once_with_what_to_do(tmp_path: Path) -> None:
    scene = Scene(tmp_path, [0.5], collapse="complete collapse")
    scene.run(scene.monitor(), 400)
    assert len(scene.looks) > 2
    assert len(scene.told) == 1
    assert scene.told[0].startswith(f"warning: complete collapse at step {scene.looks[0][0]} (kNN 50.0 %): all images")
