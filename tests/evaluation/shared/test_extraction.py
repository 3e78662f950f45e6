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
from fastssl.embeddings.extract import extract
from fastssl.evaluation.shared.candidates import Candidate, NamedEncoder
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.features import FeatureCache, FeatureKey
from fastssl.evaluation.shared.partition import partition
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import Runtime, resolve_runtime

CPU = resolve_runtime("cpu", amp=False, compile=False)
SPEC = EncoderSpec(name="watching", in_channels=1, size=12)


class Watching(nn.Flatten):
    """Flattens, and notes which threads live meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: set[threading.Thread] = set()

    def forward(self, images: Tensor) -> Tensor:
        self.alive.update(threading.enumerate())
        return super().forward(images)


def made(runtime: Runtime, **settings: Any) -> Extraction:
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 1), dtype=np.uint8)
    source = Source(name="cells", splits={"train": Split(images=images, labels=np.arange(40) % 2)}, task="binary-class")
    parts = partition(source)
    return Extraction(
        source=source, parts=parts, runtime=runtime, batch_size=8, console=Console(quiet=True), **settings
    )


def watching(encoder: nn.Module, folder: Path) -> Candidate:
    return Candidate.of(NamedEncoder(label="watching", encoder=encoder, spec=SPEC), "run", 12, folder)


def test_on_a_cpu_no_thread_makes_batches_ahead(tmp_path: Path) -> None:
    """A second thread that uses OpenMP slows every parallel region of the encoder (`Runtime.prefetch`)."""
    before, encoder = set(threading.enumerate()), Watching()
    assert made(CPU).of_all(watching(encoder, tmp_path)).train.shape == (26, 144)
    assert encoder.alive <= before


def test_on_a_gpu_as_many_are_made_ahead_as_in_training(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def instead(*_: Any, **settings: Any) -> Tensor:
        seen.append(settings)
        return torch.zeros(40, 144)

    cuda = replace(CPU, device=torch.device("cuda"))
    made(cuda, run=instead).of_all(watching(Watching(), tmp_path))
    assert [one["prefetch"] for one in seen] == [cuda.prefetch]
    assert cuda.prefetch > 0


def test_parts_are_the_rows_of_their_split_and_extracted_once(tmp_path: Path) -> None:
    """All three parts are of train here; Flatten's features are the pixels, less 0.5, by 0.5."""
    calls: list[int] = []

    def counted(*given: Any, **settings: Any) -> Tensor:
        calls.append(1)
        return extract(*given, **settings)

    extraction, candidate = made(CPU, run=counted), watching(nn.Flatten(), tmp_path)
    found = extraction.of_all(candidate)
    images = torch.from_numpy(extraction.source.splits["train"].images).float().flatten(1) / 127.5 - 1
    for part, features in zip(extraction.parts.all, found, strict=True):
        torch.testing.assert_close(features, images[torch.from_numpy(part.rows)], rtol=1e-5, atol=1e-6)
    assert torch.equal(extraction.of_part(candidate, extraction.parts.test), found.test)
    assert len(calls) == 1
    assert len(list((tmp_path / "features").iterdir())) == 1


def test_kept_features_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be gigabytes, of which the checksum is taken."""
    extraction, candidate = made(CPU), watching(nn.Flatten(), tmp_path)
    expected = extraction.of_all(candidate)
    reads: list[FeatureKey] = []

    def counted(cache: FeatureCache, key: FeatureKey) -> Tensor | None:
        reads.append(key)
        return find(cache, key)

    find = FeatureCache.find
    monkeypatch.setattr(FeatureCache, "find", counted)
    found = extraction.of_all(candidate)
    assert all(map(torch.equal, found, expected))
    assert len(reads) == 1
