"""An encoder's file: how it was built and how long trained, from the header alone; hostile files are one line."""

from __future__ import annotations

import copy
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file
from torch import nn

import fastssl
from fastssl.errors import CheckpointError
from fastssl.models.encoder import EncoderSpec, create_encoder, encoder_shapes
from fastssl.models.encoder_file import load_encoder, read_spec, read_steps, save_encoder
from fastssl.models.spec_text import TrainedSteps, parse_spec, write_spec

SPEC = EncoderSpec(name="test_resnet", in_channels=1, size=20, mean=(0.4,), std=0.2, value_range="0,4095")
KEY = "fastssl.encoder"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "encoder.safetensors"
    save_encoder(path, create_encoder("test_resnet", 1, 20, seed=3), SPEC, TrainedSteps(step=27, total_steps=100_000))
    return path


def rewrite(path: Path, text: str) -> None:
    """The same file with other metadata."""
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), KEY: text}
    save_file(load_file(path), path, metadata=metadata)


def fields(**changed: Any) -> str:
    return json.dumps({**json.loads(write_spec(SPEC)), **changed})


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        EncoderSpec(
            name="resnet18.a1_in1k", in_channels=3, size=8, stem="small", mean=(0.1, 0.2, 0.3), std=(1, 2.5, 3)
        ),
        EncoderSpec(name="test_vit", in_channels=4, size=1024, value_range="full"),
        EncoderSpec(name="test_vit", in_channels=1, size=28, value_range="-1000,3000.5"),
    ],
)
def test_a_spec_comes_back_from_its_text(spec: EncoderSpec) -> None:
    assert parse_spec(write_spec(spec), "file") == spec


def test_how_it_was_built_and_trained_is_read_from_the_header_alone(exported: Path) -> None:
    """The tensors are overwritten with what no loader could take."""
    content = bytearray(exported.read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    content[begin:] = b"\xff" * (len(content) - begin)
    exported.write_bytes(content)
    assert read_spec(exported) == read_spec(exported.parent) == SPEC
    steps = read_steps(exported)
    assert steps == read_steps(exported.parent) == TrainedSteps(step=27, total_steps=100_000)
    assert steps is not None
    assert (str(steps), steps.finished) == ("step 27 of 100000", False)
    with pytest.raises(CheckpointError, match="holds numbers that are not finite"):
        load_encoder(exported)


def test_a_file_that_does_not_say_has_no_steps(tmp_path: Path) -> None:
    save_encoder(tmp_path / "encoder.safetensors", create_encoder("test_resnet", 1, 20), SPEC)
    assert read_steps(tmp_path) is None
    assert TrainedSteps(step=10, total_steps=10).finished
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    assert read_spec(tmp_path / "other.safetensors") is None
    assert read_steps(tmp_path / "other.safetensors") is None


IMPOSSIBLE: dict[str, str] = {
    "not JSON": "{",
    "a list": "[]",
    "very long": '{"name": "' + "a" * 20_000 + '"}',
    "very deep": "[" * 9_000,
    "nothing": "{}",
    "a field more": fields(command="rm"),
    "a field less": json.dumps({"name": "test_resnet", "in_channels": 1}),
    "a name that is none": fields(name="resnet19"),
    "a name that is a place on the hub": fields(name="hf-hub:someone/model"),
    "a name that is a folder": fields(name="local-dir:/tmp"),
    "a name that is a path": fields(name="../../etc/passwd"),
    "an empty name": fields(name=""),
    "a number for a name": fields(name=7),
    "a size of 7": fields(size=7),
    "a size of 1025": fields(size=1025),
    "an endless size": fields(size=10**400),
    "a broken size": fields(size=20.0),
    "a true size": fields(size=True),
    "text for a size": fields(size="20"),
    "no channels": fields(in_channels=0, mean=0.5),
    "a million channels": fields(in_channels=10**6, mean=0.5),
    "another stem": fields(stem="large"),
    "a list for a stem": fields(stem=[]),
    "a mean of text": fields(mean="0.5"),
    "a mean that is no number": fields(mean=float("nan")),
    "an endless mean": fields(mean=float("inf")),
    "an integer mean of 400 digits": fields(mean=10**400),
    "means of other channels": fields(mean=[0.1, 0.2]),
    "a standard deviation of zero": fields(std=0),
    "a negative standard deviation": fields(std=[-1.0]),
    "a range of text": fields(value_range="low,high"),
    "a range backwards": fields(value_range="9,1"),
    "an endless range": fields(value_range="0,inf"),
    "a number for a range": fields(value_range=255),
    "a small stem on a transformer": fields(name="test_vit", stem="small"),
    "another encoder": fields(name="test_efficientnet"),
    "an encoder of a billion weights": fields(name="vit_gigantic_patch14_clip_224", size=224),
    "a size that the encoder cannot take": fields(name="levit_128s", size=40),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_metadata_that_nobody_should_have_written_is_one_line(exported: Path, what: str) -> None:
    rewrite(exported, IMPOSSIBLE[what])
    with pytest.raises(CheckpointError) as caught:
        load_encoder(exported)
    assert str(caught.value).startswith(f"{exported}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("steps", [{"step": 1}, {"step": -1, "total_steps": 5}, {"step": "1", "total_steps": [5]}])
def test_steps_that_nobody_should_have_written_are_one_line(exported: Path, steps: dict[str, Any]) -> None:
    rewrite(exported, json.dumps({**json.loads(write_spec(SPEC)), **steps}))
    with pytest.raises(CheckpointError, match=r"damaged: what it says of its training is not two numbers of steps"):
        read_steps(exported)


def test_equal_encoders_give_equal_files(exported: Path) -> None:
    """safetensors writes several metadata in random order."""
    for _ in range(4):
        again = exported.with_name("again.safetensors")
        steps = TrainedSteps(step=27, total_steps=100_000)
        save_encoder(again, create_encoder("test_resnet", 1, 20, seed=3), SPEC, steps)
        assert again.read_bytes() == exported.read_bytes()


@given(data=st.data())
@settings(max_examples=60, deadline=1000)
def test_a_mutated_export_is_loaded_or_refused(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    small = nn.Linear(2, 2)
    path = tmp_path_factory.getbasetemp() / f"export-{os.getpid()}.safetensors"
    content = bytearray(save(small.state_dict(), metadata={KEY: write_spec(SPEC)}))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, 300))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"\A[^\n]*\Z"):  # whatever else: two tensors are no ResNet
        load_encoder(path)
    for read in (read_spec, read_steps):
        one_line_at_most(read, path)


def one_line_at_most(read: Callable[[Path], object], path: Path) -> None:
    try:
        read(path)
    except CheckpointError as error:
        if "\n" in str(error):
            pytest.fail(f"more than one line: {error}")


@pytest.mark.parametrize("change", ["missing", "unexpected", "other shape"])
def test_tensors_of_another_encoder_are_refused_before_any_is_read(exported: Path, change: str) -> None:
    tensors = load_file(exported)
    if change == "missing":
        del tensors["conv1.0.weight"]
    elif change == "unexpected":
        tensors["layer9.weight"] = torch.ones(1)
    else:
        tensors["conv1.0.weight"] = torch.ones(1, 2)
    save_file(tensors, exported, metadata={KEY: write_spec(SPEC)})
    says = {
        "missing": "missing conv1.0.weight",
        "unexpected": "unexpected layer9.weight",
        "other shape": r"conv1.0.weight is \[1, 2\] and should be \[",
    }
    with pytest.raises(CheckpointError, match=says[change]):
        load_encoder(exported)


def test_shapes_without_memory_are_those_of_the_encoder() -> None:
    for name, size in (("test_resnet", 20), ("vit_tiny_patch16_224", 28), ("test_convnext", 28), ("coat_tiny", 32)):
        encoder = create_encoder(name, 1, size)
        expected = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
        assert encoder_shapes(EncoderSpec(name=name, in_channels=1, size=size)) == expected


def tied(module: nn.Module) -> list[set[str]]:
    """Names of parameters that are one."""
    names: dict[int, set[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).add(name)
    return sorted((group for group in names.values() if len(group) > 1), key=sorted)


@pytest.mark.parametrize("name", ["coat_tiny", "coat_lite_tiny", pytest.param("coat_mini", marks=pytest.mark.slow)])
def test_tied_parameters_are_exported_and_come_back_tied(tmp_path: Path, name: str) -> None:
    """Of timm's 1323 models those of CoaT alone have such."""
    encoder = create_encoder(name, 1, 32, seed=5).eval()
    assert tied(encoder)
    spec = EncoderSpec(name=name, in_channels=1, size=32)
    averaged = copy.deepcopy(encoder)
    for file, module in (("encoder", encoder), ("averaged", averaged)):
        save_encoder(tmp_path / f"{file}.safetensors", module, spec)
        loaded = load_encoder(tmp_path / f"{file}.safetensors").module
        assert tied(loaded) == tied(module) == tied(timm.create_model(name, in_chans=1, num_classes=0))
        images = torch.randn(1, 1, 32, 32)
        with torch.no_grad():
            torch.testing.assert_close(loaded(images), module(images), rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["moco", "simclr", "vae", "tower"])
def test_a_run_with_tied_parameters_is_saved_goes_on_and_exports(tmp_path: Path, stage: str) -> None:
    """Stopped in its middle, it ends with the weights of one that was not, bit for bit."""
    images = np.random.default_rng(0).integers(0, 256, (24, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "grey.npz", train_images=images)
    asked: dict[str, Any] = {"stage": stage, "encoder": "coat_lite_tiny", "data": str(tmp_path / "grey.npz")}
    asked |= {"batch_size": 8, "steps": 2, "device": "cpu", "console": Console(file=io.StringIO())}
    fastssl.train(**asked, out=tmp_path / "whole")
    fastssl.train(**asked, out=tmp_path / "stopped", stop_after=1)
    steps = read_steps(tmp_path / "stopped")
    assert steps is not None
    assert str(steps) == "step 1 of 2"
    fastssl.train(stage=stage, out=tmp_path / "stopped", resume=True, console=asked["console"])
    whole, stopped = (load_encoder(tmp_path / name).module for name in ("whole", "stopped"))
    assert tied(stopped) == tied(whole) != []
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), stopped.state_dict().values(), strict=True)
    )
