"""What is exported computes the encoder's features in the program that it is for, by the lines that are printed."""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from rich.console import Console
from torch import nn

import fastssl
from fastssl.data.report import DataReport
from fastssl.errors import CheckpointError, ConfigError
from fastssl.exports import needed as packages
from fastssl.exports import to_timm
from fastssl.exports.result import ExportResult
from fastssl.models.encoder import EncoderSpec, Stem, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.models.spec_text import TrainedSteps

SIZE = 32


def saved(
    folder: Path, name: str = "test_resnet", size: int = SIZE, channels: int = 1, stem: Stem = "standard"
) -> Path:
    """A run folder, its encoder with statistics and weights that no initialisation has."""
    folder.mkdir(exist_ok=True)
    spec = EncoderSpec(name=name, in_channels=channels, size=size, stem=stem, mean=0.3, std=0.2, value_range="0,4095")
    encoder, random = create_encoder(name, channels, size, stem, seed=1), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in (*encoder.parameters(), *(one for one in encoder.buffers() if one.is_floating_point())):
            noise = torch.randn(value.shape, generator=random)
            value.mul_(1 + 0.05 * noise).add_(0.01 * noise)
    save_encoder(folder / "encoder.safetensors", encoder, spec, TrainedSteps(step=70, total_steps=100))
    return folder


def exported(run: Path, format: str, **settings: Any) -> ExportResult:
    return fastssl.export(run, format=format, console=Console(file=io.StringIO()), **settings)


def loaded(result: ExportResult) -> nn.Module:
    """By the lines that are printed, and nothing else."""
    names: dict[str, Any] = {}
    exec("\n".join(result.load), names)
    return names["encoder"]


def _places() -> list[bytes]:
    """Where packages lie on this machine."""
    return [str(Path(str(module.__file__)).parent).encode() for module in (fastssl, torch, timm)]


def images(run: Path, count: int = 2) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Images from 0 to 1, the same normalised, and the encoder's features of them."""
    encoder, spec = fastssl.load_encoder(run)
    raw = torch.rand(count, spec.in_channels, spec.size, spec.size, generator=torch.Generator().manual_seed(9))
    normalised = (raw - 0.3) / 0.2
    with torch.no_grad():
        return raw, normalised, encoder(normalised).numpy()


@pytest.mark.parametrize(
    ("format", "name", "size", "channels", "stem", "file"),
    [
        ("timm", "resnet18", 28, 1, "small", "a.safetensors"),
        ("timm", "test_vit", 28, 3, "standard", "a.pth"),
        ("torchvision", "resnet18", 28, 1, "small", "a.safetensors"),
    ],
)
def test_weights_load_by_the_lines_that_are_printed(
    tmp_path: Path, format: str, name: str, size: int, channels: int, stem: Stem, file: str
) -> None:
    pytest.importorskip(format)
    run = saved(tmp_path / "run", name, size, channels, stem)
    result = exported(run, format, out=tmp_path / file)
    _, normalised, wanted = images(run)
    with torch.no_grad():
        np.testing.assert_allclose(loaded(result)(normalised), wanted, atol=1e-5)
    assert result.width == wanted.shape[1]
    assert {path.name for path in tmp_path.iterdir()} == {"run", file}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("resnet18", 40), ("resnext50_32x4d", 64), ("densenet121", 64)),
        *(("convnext_tiny", 28), ("convnext_tiny", 64), ("vit_base_patch32_224", 64)),
    ],
)
def test_other_families_load_in_torchvision(tmp_path: Path, name: str, size: int) -> None:
    pytest.importorskip("torchvision")
    run = saved(tmp_path / "run", name, size)
    result = exported(run, "torchvision", out=tmp_path / "a.pth")
    _, normalised, wanted = images(run)
    with torch.no_grad():
        np.testing.assert_allclose(loaded(result)(normalised), wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("normalization", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_onnx_computes_the_features_of_any_number_of_images(tmp_path: Path, normalization: bool) -> None:
    runtime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    run = saved(tmp_path / "run")
    result = exported(run, "onnx", normalization=normalization)
    session = runtime.InferenceSession(result.path, providers=["CPUExecutionProvider"])
    for count in (1, 4):
        raw, normalised, wanted = images(run, count)
        (features,) = session.run(["features"], {"image": (raw if normalization else normalised).numpy()})
        np.testing.assert_allclose(features, wanted, atol=1e-4)
    content = (run / "exports" / "encoder.onnx").read_bytes()
    told = {one.key: one.value for one in onnx.load_from_string(content).metadata_props}
    assert told["fastssl.normalization"] == ("inside" if normalization else "outside")
    assert told["fastssl.value_range"] == "0,4095"
    assert [place for place in _places() if place in content] == []


@pytest.mark.filterwarnings("ignore:.*torch.jit.load:FutureWarning")
def test_torchscript_computes_the_features_and_says_no_place_of_this_machine(tmp_path: Path) -> None:
    run = saved(tmp_path / "run")
    result = exported(run, "torchscript")
    raw, _, wanted = images(run, 5)
    with torch.no_grad():
        np.testing.assert_allclose(loaded(result)(raw), wanted, atol=1e-4)
    with zipfile.ZipFile(result.path) as file:
        whole = b"".join(map(file.read, file.namelist()))
    assert [place for place in _places() if place in whole] == []


def test_hf_is_a_folder_for_timm_and_transformers_with_a_card_of_facts(tmp_path: Path) -> None:
    run = saved(tmp_path / "run", "test_vit", 28)
    (run / "config.yaml").write_text("{data: chest, stage: moco, batch_size: 64}")
    DataReport(origin="chest, /home/somebody/chest", path="/home/somebody/chest", counts={"train": 640}).write(run)
    result = exported(run, "hf", out=tmp_path / "model")
    _, normalised, wanted = images(run)
    model = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True).eval()
    with torch.no_grad():
        np.testing.assert_allclose(model(normalised), wanted, atol=1e-5)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| data | chest |" in card
    assert "| training images | 640 |" in card
    assert "| steps | 70 |" in card
    assert "somebody" not in "".join(path.read_text("utf-8", "replace") for path in (tmp_path / "model").iterdir())
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert "license" not in config["pretrained_cfg"]
    transformers = pytest.importorskip("transformers")
    own = transformers.AutoModel.from_pretrained(str(tmp_path / "model")).eval()
    with torch.no_grad():
        np.testing.assert_allclose(own(normalised).pooler_output, wanted, atol=1e-5)
    assert result.checked_by[1].startswith("transformers")


@pytest.mark.parametrize(
    ("format", "name", "stem", "told"),
    [
        ("hf", "resnet18", "small", "resnet18 with a small stem cannot be described in timm's hub format"),
        ("torchvision", "test_resnet", "standard", "torchvision has no model that computes what test_resnet does"),
    ],
)
def test_a_format_that_cannot_have_an_encoder_is_one_line(
    tmp_path: Path, format: str, name: str, stem: Stem, told: str
) -> None:
    run = saved(tmp_path / "run", name, 28, 1, stem)
    with pytest.raises(ConfigError, match=told):
        exported(run, format, out=tmp_path / "out.pth" if format == "torchvision" else tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("format", ["timm", "torchscript", "hf"])
def test_one_that_computes_other_features_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    run = saved(tmp_path / "run")
    before = exported(run, format).path
    kept = {path: path.read_bytes() for path in Path(before).parent.rglob("*") if path.is_file()}

    create, trace, build = timm.create_model, torch.jit.trace, to_timm.build_by_timm
    patches: dict[str, tuple[Any, str, Any]] = {
        "timm": (to_timm, "build_by_timm", lambda spec: _changed(build(spec))),
        "torchscript": (torch.jit, "trace", lambda model, *rest, **options: trace(_changed(model), *rest, **options)),
        "hf": (timm, "create_model", lambda name, **o: (_changed if ":" in name else nn.Identity())(create(name, **o))),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*patches[format])
        with pytest.raises(ConfigError, match=r"other features|another encoder"):
            exported(run, format, overwrite=True)
    assert {path: path.read_bytes() for path in Path(before).parent.rglob("*") if path.is_file()} == kept
    assert [path.name for path in (run / "exports").iterdir()] == [Path(before).name]


def _changed(model: nn.Module) -> nn.Module:
    """The same but for 1 % of its features."""
    model.register_forward_hook(lambda _, __, features: features * 1.01)
    return model


def test_mistakes_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = saved(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"a file of onnx ends in .onnx"):
        exported(run, "onnx", out=tmp_path / "a.pt")
    with pytest.raises(ConfigError, match="normalization: timm holds weights alone"):
        exported(run, "timm", normalization=True)
    with pytest.raises(ConfigError, match="is the encoder itself"):
        exported(run, "timm", out=run / "encoder.safetensors", overwrite=True)
    with pytest.raises(ConfigError, match="is a folder; give another --out"):
        exported(run, "timm", out=_made(tmp_path / "folder.pth"))
    with pytest.raises(CheckpointError, match="no such run folder"):
        exported(tmp_path / "nowhere", "timm")
    monkeypatch.setattr(packages, "importlib", _Without("onnxruntime"))
    with pytest.raises(ConfigError, match="format: onnx needs onnxruntime; pip install onnxruntime"):
        exported(run, "onnx")
    assert not (run / "exports" / "encoder.onnx").exists()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class _Without:
    """importlib of a machine that lacks a package."""

    def __init__(self, name: str) -> None:
        self._name = name

    def import_module(self, name: str) -> Any:
        if name == self._name:
            raise ImportError(name)
        return importlib.import_module(name)
