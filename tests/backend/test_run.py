"""A run of images at hand: the one that `fastssl train` makes, and one line for what cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fastssl
from fastssl import backend
from fastssl.data.source import Source, Split
from fastssl.errors import ConfigError, DataError
from fastssl.models.encoder_file import save_encoder
from fastssl.stages.registry import STAGES

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
TINY: dict[str, Any] = {"encoder": "test_resnet", "batch_size": 8, "steps": 4, "device": "cpu"}


def test_importing_the_adapters_loads_no_library() -> None:
    script = "import sys, fastssl.backend as b; dir(b); print([n for n in ('torch', 'lightning') if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
    with pytest.raises(AttributeError, match=r"module 'fastssl\.backend' has no attribute 'Stepp'"):
        backend.Stepp  # noqa: B018


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_takes_an_array_and_a_loader_renders_what_it_reads(stage: str) -> None:
    run = backend.open_run(IMAGES, stage=stage, **TINY)
    with run.loader() as loader:
        batch = next(iter(loader))
    with run.runtime.autocast():
        output = run.stage.loss(batch)
    assert output.loss.isfinite()
    assert run.optimizer(list(run.stage.trained_parameters())).param_groups[0]["lr"] == run.settings.lr
    assert run.schedule.total_steps == 4


def test_a_stepped_run_is_the_one_that_train_makes_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, train_images=IMAGES)
    fastssl.train(stage="simclr", data=str(path), out=tmp_path / "run", quiet=True, **TINY)
    sources = [IMAGES, str(path), path, fastssl.open_source(path)]
    run = backend.open_run(sources.pop(0), stage="simclr", **TINY)
    step = backend.Step(run.stage, run.optimizer, runtime=run.runtime, schedule=run.schedule.lr)
    with run.loader() as loader:
        for batch, _ in zip(loader, range(4), strict=False):
            step(batch)
    trained, _ = fastssl.load_encoder(tmp_path / "run")
    own = run.stage.encoder.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in trained.state_dict().items())
    for source in sources:
        other = backend.open_run(source, stage="simclr", **TINY)
        assert other.settings.model_dump(exclude={"value_range"}) == run.settings.model_dump(exclude={"value_range"})


def test_labels_go_with_the_images_and_a_source_comes_as_it_is() -> None:
    labels = np.arange(40)
    assert backend.open_run(IMAGES, labels=labels, **TINY).source.splits["train"].labels is labels
    source = Source(name="own", splits={"train": Split(images=IMAGES)})
    assert backend.open_run(source, **TINY).source is source


def test_weights_to_start_from_are_loaded(tmp_path: Path) -> None:
    first = backend.open_run(IMAGES, seed=3, stage="simclr", **TINY)
    save_encoder(tmp_path / "encoder.safetensors", first.stage.encoder, first.spec)
    second = backend.open_run(IMAGES, stage="moco", init=tmp_path, **TINY)
    weights = (run.stage.encoder.state_dict()["conv1.0.weight"] for run in (first, second))
    assert torch.equal(*weights)


@pytest.mark.parametrize(
    ("images", "settings", "kind", "message"),
    [
        (IMAGES, {"queue_sice": 8}, ConfigError, "unknown setting 'queue_sice', did you mean 'queue_size'?"),
        (IMAGES, {"stage": "mocco"}, ConfigError, "stage='mocco': no such stage, did you mean 'moco'?"),
        (IMAGES, {"stage": "vae", "queue_size": 8}, ConfigError, "queue_size is a setting of --stage moco"),
        (IMAGES, {"minutes": 1, "out": "x"}, ConfigError, "minutes: give steps or epochs; out: nothing is written"),
        (IMAGES, {"value_range": "0,9"}, ConfigError, "value_range: for data that are opened by name or path"),
        (IMAGES, {"batch_size": 64}, ConfigError, "batch_size=64: images has only 40 training images"),
        (IMAGES / 255, {}, DataError, "images: they are float64; give uint8 or uint16"),
        (IMAGES[0], {}, DataError, r"images: their shape is \[20, 20, 3\]; give \[N, H, W, C\]"),
        (IMAGES[:0], {}, DataError, "images: there are none"),
        (IMAGES, {"labels": np.zeros(3)}, DataError, "images: 40 images with 3 labels"),
        ("demo", {"labels": np.zeros(3)}, DataError, "labels: only an array"),
        ("nowhere.npz", {}, DataError, "no data at 'nowhere.npz'"),
        (3, {}, DataError, "images are a int; give a NumPy array"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_one_line(images: Any, settings: dict[str, Any], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        backend.open_run(images, **{**TINY, **settings})
    assert "\n" not in str(caught.value)
