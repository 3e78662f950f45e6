"""A run is built in one way: the same however often, nothing automatic left in it, its encoder as asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fastssl.config.train import TrainingSettings
from fastssl.data import Source
from fastssl.data.source import Split
from fastssl.errors import CheckpointError, ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.stages.registry import STAGES, stage_entry, train_config
from fastssl.training.build import TrainingRun, build_run

CPU = resolve_runtime("cpu", amp=False)
ON_GPU = Runtime(device=torch.device("cuda", 0), precision="fp32", compile=False)
"""Building reads the device and moves nothing to it."""

LEFT_OPEN = {
    *("data_root", "init", "epochs", "minutes", "stop_after", "out", "checkpoint_every", "recipe"),
    *("labels", "path_column", "split_column", "group", "axis"),
}
"""Settings that may well be None: they name nothing, or say nothing about what is computed."""
OF_RUNTIME = {"amp", "compile", "threads", "device", "precision", "pipeline"}
"""Settings that the runtime and the loader resolve."""
each_stage = pytest.mark.parametrize("stage", STAGES)


def source(channels: int = 3, size: int = 32, count: int = 20) -> Source:
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    return Source(name="noise", splits={"train": Split(images=images)})


def built(data: Source | None = None, runtime: Runtime = CPU, **settings: Any) -> TrainingRun:
    options = {name: settings.pop(name) for name in ("init_weights", "follows") if name in settings}
    given = {"encoder": "test_resnet", "batch_size": 8, "steps": 4} | settings
    init = options.get("init_weights", True)
    return build_run(train_config(given), data or source(), runtime, init=init, follows=options.get("follows"))


def weights(run: TrainingRun) -> dict[str, Tensor]:
    return dict(run.stage.state_dict())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def saved_encoder(path: Path, *, seed: int = 7, name: str = "test_resnet", channels: int = 3) -> Path:
    save_encoder(
        path, create_encoder(name, channels, 32, seed=seed), EncoderSpec(name=name, in_channels=channels, size=32)
    )
    return path


@each_stage
def test_the_same_run_comes_out_however_often_it_is_built(stage: str) -> None:
    before = torch.get_rng_state()
    first = built(stage=stage, seed=3)
    torch.rand(5)  # weights come from the run's seed alone
    again, other = built(stage=stage, seed=3), built(stage=stage, seed=4)
    assert equal(weights(first), weights(again))
    assert not equal(weights(first), weights(other))
    for run, seed in ((first, 3), (other, 4)):
        expected = create_encoder("test_resnet", 3, 32, seed=seed).parameters()
        assert all(map(torch.equal, run.stage.encoder.parameters(), expected))
    assert (first.settings, first.reasons, first.info, first.spec, first.view) == (
        again.settings,
        again.reasons,
        again.info,
        again.spec,
        again.view,
    )
    torch.set_rng_state(before)
    built(stage=stage)
    assert torch.equal(torch.get_rng_state(), before)


@each_stage
def test_a_run_is_built_again_from_its_own_settings(stage: str) -> None:
    run = built(stage=stage)
    again = build_run(run.settings, run.source, run.runtime, init=False)
    assert again.settings == run.settings
    assert equal(weights(again), weights(run))
    assert again.view == run.view


@each_stage
def test_nothing_automatic_is_left_in_the_settings(stage: str) -> None:
    run = built(stage=stage)
    kind = stage_entry(stage).settings
    assert type(run.settings) is kind
    assert issubclass(kind, TrainingSettings)
    open_still = {name for name in kind.model_fields if getattr(run.settings, name) in (None, "auto")}
    assert open_still <= LEFT_OPEN | OF_RUNTIME
    assert (run.settings.size, run.settings.encoder, run.settings.steps) == (32, "test_resnet", 4)


@each_stage
def test_every_setting_that_was_chosen_is_told_with_its_value(stage: str) -> None:
    run = built(stage=stage)
    told = {setting.name: setting.value for setting in run.reasons}
    assert told.pop("length") == "4 steps"
    for name, text in told.items():
        value = getattr(run.settings, name)
        assert text == (f"{value:g}" if isinstance(value, float) else str(value))
    asked = {name for name, value in train_config({"stage": stage}) if value in (None, "auto")}
    assert asked - LEFT_OPEN - OF_RUNTIME - {"steps"} <= told.keys()


def test_the_encoder_has_the_weights_of_init_unless_the_run_goes_on(tmp_path: Path) -> None:
    path = saved_encoder(tmp_path / "start.safetensors")
    start = create_encoder("test_resnet", 3, 32, seed=7).state_dict()
    run = built(stage="tower", init=path)
    assert equal(dict(run.stage.encoder.state_dict()), start)
    path.unlink()
    going_on = built(stage="tower", init=path, init_weights=False)
    assert equal(weights(going_on), weights(built(stage="tower")))
    with pytest.raises(CheckpointError, match=r"start\.safetensors"):
        built(stage="tower", init=path)


def test_an_encoder_that_is_left_open_is_that_of_the_weights(tmp_path: Path) -> None:
    path = saved_encoder(tmp_path / "start.safetensors", name="test_efficientnet")
    run = built(stage="tower", init=path, encoder="auto")
    assert run.settings.encoder == run.spec.name == "test_efficientnet"
    assert f"that of {path}" in {setting.reason for setting in run.reasons if setting.name == "encoder"}
    with pytest.raises(CheckpointError):
        built(stage="tower", init=path, encoder="test_resnet")


def test_a_run_that_follows_has_the_encoder_and_stem_of_the_one_before_and_its_weights_later(tmp_path: Path) -> None:
    before = EncoderSpec(name="resnet18", in_channels=3, size=32, stem="small")
    run = built(stage="pretext", encoder="auto", init=tmp_path / "not-there-yet", follows=before)
    assert run.spec == before
    assert run.stage.encoder.conv1.stride == (1, 1)
    encoder = create_encoder("resnet18", 3, 32, "small", seed=9)
    assert not equal(dict(run.stage.encoder.state_dict()), dict(encoder.state_dict()))
    save_encoder(tmp_path / "encoder.safetensors", encoder, before)
    run.load_encoder(tmp_path / "encoder.safetensors")
    assert equal(dict(run.stage.encoder.state_dict()), dict(encoder.state_dict()))


@pytest.mark.parametrize(
    ("runtime", "size", "asked", "stem"),
    [
        (CPU, 28, "auto", "standard"),
        (CPU, 28, "small", "small"),
        (ON_GPU, 28, "auto", "small"),
        (ON_GPU, 28, "standard", "standard"),
        (ON_GPU, 64, "auto", "standard"),
    ],
)
def test_a_small_stem_is_built_as_it_is_resolved(runtime: Runtime, size: int, asked: str, stem: str) -> None:
    run = built(source(size=size), runtime, stage="moco", encoder="resnet18", stem=asked)
    assert run.settings.stem == run.spec.stem == stem
    reference = create_encoder("resnet18", 3, size, stem, seed=0)  # type: ignore[arg-type]
    assert run.stage.encoder.conv1.weight.shape == reference.conv1.weight.shape
    assert torch.equal(run.stage.encoder.conv1.weight, reference.conv1.weight)


def test_what_does_not_fit_the_data_is_all_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        built(batch_size=21, bn_splits=2)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["batch_size=21", "bn_splits=2"]


def test_an_opened_run_is_at_its_first_step_and_gives_random_numbers_back() -> None:
    run = built(stage="moco")
    before = torch.get_rng_state()
    with run.open() as engine:
        assert (engine.step, engine.schedule.total_steps) == (0, 4)
        with pytest.raises(ValueError, match="made without checkpoints"):
            engine.resume(print)
        assert engine.schedule.peak == run.settings.lr
        seeded = torch.get_rng_state()
        batch = next(iter(engine.loader))
    assert batch["query"].shape == (8, 3, 32, 32)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(run.settings.seed)
    assert torch.equal(torch.get_rng_state(), seeded)
    torch.set_rng_state(before)
