"""`fastssl export`: an encoder for other programs.

Covers: from a run and settings to a file or folder, whole or not at all, that was loaded again and compared. Does not
cover: what a format is (`to_timm.py` and the modules beside it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import ExportConfig, coerce_config
from fastssl.config.export import ExportFormat
from fastssl.config.paths import run_path
from fastssl.console import say
from fastssl.distributed.leader import by_leader
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.together import together
from fastssl.outputs import check_output, made_beside
from fastssl.runtime import usual_torch_state

from .record import Exported
from .result import ExportResult
from .subject import ExportSubject, open_subject
from .to_hf import to_hf
from .to_onnx import to_onnx
from .to_timm import to_timm
from .to_torchscript import to_torchscript
from .to_torchvision import to_torchvision
from .weights import ENDINGS

FOLDER = "exports"
"""In the run's folder, where no other place is asked for."""

NAMES: Mapping[ExportFormat, str] = {
    "timm": "timm.safetensors",
    "torchvision": "torchvision.pth",
    "onnx": "encoder.onnx",
    "torchscript": "torchscript.pt",
    "hf": "hf",
}
"""Format -> name in that folder."""

_ENDINGS: Mapping[ExportFormat, tuple[str, ...]] = {
    "timm": ENDINGS,
    "torchvision": ENDINGS,
    "onnx": (".onnx",),
    "torchscript": (".pt", ".pth", ".ts"),
}
"""Of files; hf is a folder."""

_WEIGHTS: Mapping[str, Callable[[ExportSubject, Path, Path], Exported]] = {
    "timm": to_timm,
    "torchvision": to_torchvision,
    "hf": to_hf,
}
_PROGRAMS: Mapping[str, Callable[[ExportSubject, Path, Path, bool], Exported]] = {
    "onnx": to_onnx,
    "torchscript": to_torchscript,
}
"""Formats that can hold the normalisation as well."""


@usual_torch_state()
def export(
    run: str | Path, config: ExportConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> ExportResult:
    """Write an encoder for timm, torchvision, ONNX runtimes, TorchScript, or timm and transformers by a folder.

    What was written is loaded as its user would, and its features of random images are compared with the encoder's;
    where they differ by more than rounding, nothing is left.

    Args:
        run: a run folder or an encoder file.
        config: what to do; or give its fields as `settings`.
        console: where messages go; standard output by default.
        **settings: the fields of `ExportConfig`, in place of `config`.

    Returns:
        What was written, and how to load it.

    Raises:
        CheckpointError: there is no encoder, or not a sound one.
        ConfigError: settings that cannot be used, a format that cannot have this encoder, a package that is not
            installed, or a place where something is already.
        DataError: the place cannot be written.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(ExportConfig, config, settings)
    path = run_path(run)
    with together("cpu", console) as own_console:
        told: dict[str, Any] = by_leader(lambda: asdict(_export(path, config)))
        fields: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
        result = ExportResult(**fields)
        say(own_console, *result.lines())
        return result


def _export(run: Path, config: ExportConfig) -> ExportResult:
    """Do what `export` does, in one process."""
    if "normalization" in config.model_fields_set and config.format not in _PROGRAMS:
        raise ConfigError(
            [f"normalization: {config.format} holds weights alone; only {' and '.join(_PROGRAMS)} can have it"]
        )
    subject = open_subject(run)
    out = config.out or subject.folder / FOLDER / NAMES[config.format]
    endings = _ENDINGS.get(config.format, ())
    if endings and out.suffix not in endings:
        raise ConfigError([f"out={str(out)!r}: a file of {config.format} ends in {' or '.join(endings)}"])
    if out.resolve() == subject.file.resolve():
        raise ConfigError([f"out={str(out)!r}: is the encoder itself; give another --out"])
    check_output(out, overwrite=config.overwrite, folder=config.format == "hf")
    with made_beside(out) as made:
        if config.format in _PROGRAMS:
            exported = _PROGRAMS[config.format](subject, made, out, config.normalization)
        else:
            exported = _WEIGHTS[config.format](subject, made, out)
    return ExportResult(
        format=config.format,
        path=str(out),
        encoder=subject.spec.name,
        width=subject.features(subject.normalised(subject.images(1))).shape[1],
        **asdict(exported),
    )
