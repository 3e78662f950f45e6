"""Extraction runs an encoder as the device wants it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from fastssl.data.source import Source, Split
from fastssl.evaluation.shared import extraction as module
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.features import FeatureCache
from fastssl.evaluation.shared.partition import partition
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import Plain
from fastssl.runtime import Runtime, resolve_runtime

CPU = resolve_runtime("cpu", amp=False, compile=False)
SPEC = EncoderSpec("watching", 1, 12)


class Watching(nn.Flatten):
    """Flattens, and notes which threads live meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: set[threading.Thread] = set()

    def forward(self, images: Tensor) -> Tensor:
        self.alive.update(threading.enumerate())
        return super().forward(images)


def made(runtime: Runtime, folder: Path) -> Extraction:
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 1), dtype=np.uint8)
    source = Source("cells", {"train": Split(images, np.arange(40) % 2)}, "binary-class")
    return Extraction(source, partition(source), Plain(12, 1), runtime, 8, Console(quiet=True), FeatureCache(folder))


def test_on_a_cpu_no_thread_makes_batches_ahead(tmp_path: Path) -> None:
    """A second thread that uses OpenMP slows every parallel region of the encoder (`Runtime.prefetch`)."""
    before, encoder = set(threading.enumerate()), Watching()
    assert made(CPU, tmp_path).of_split(encoder, SPEC, "watching", "train").shape == (40, 144)
    assert encoder.alive <= before


def test_on_a_gpu_as_many_are_made_ahead_as_in_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    def instead(*_: Any, **settings: Any) -> Tensor:
        seen.append(settings)
        return torch.zeros(40, 144)

    monkeypatch.setattr(module, "extract", instead)
    cuda = replace(CPU, device=torch.device("cuda"))
    made(cuda, tmp_path).of_split(Watching(), SPEC, "watching", "train")
    assert [one["prefetch"] for one in seen] == [cuda.prefetch]
    assert cuda.prefetch > 0
