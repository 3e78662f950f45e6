"""What is exported: an encoder, how its input is made, and what is known of its training.

Covers: reading it from a run folder or an encoder file; random images to compare by. Does not cover: formats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fastssl.config.data import FULL_RANGE
from fastssl.data.report import REPORT_FILE
from fastssl.embeddings.extract import evaluating
from fastssl.errors import CheckpointError
from fastssl.evaluation.shared.candidates import name_of, open_runs, run_folder_of
from fastssl.models.encoder import EncoderSpec
from fastssl.models.spec_text import TrainedSteps
from fastssl.training.run_folder import ENCODER
from fastssl.training.stored_settings import CONFIG, read_settings

IMAGES = 3
"""Random images that features are compared on."""


@dataclass(frozen=True, kw_only=True)
class ExportSubject:
    """An encoder to export.

    Attributes:
        encoder: in eval mode, on the CPU.
        spec: how it was built, and how its input is normalised.
        file: the encoder's file.
        run: name of its run.
        folder: of its run.
        steps: how long it was trained; None where that is not known.
    """

    encoder: nn.Module
    spec: EncoderSpec
    file: Path
    run: str
    folder: Path
    steps: TrainedSteps | None

    def features(self, images: Tensor) -> Tensor:
        """Return the encoder's own features of normalised images, `[B, D]`."""
        with evaluating(self.encoder), torch.no_grad():
            features: Tensor = self.encoder(images)
        if not bool(features.isfinite().all()):
            raise CheckpointError(f"{self.file}: features are not finite numbers; it is damaged or has diverged")
        return features

    def images(self, count: int = IMAGES) -> Tensor:
        """Draw random images from 0 to 1, `[count, C, S, S]`, the same ones at every call."""
        shape = (count, self.spec.in_channels, self.spec.size, self.spec.size)
        return torch.rand(shape, generator=torch.Generator().manual_seed(count))

    def normalised(self, images: Tensor) -> Tensor:
        """Return images from 0 to 1 as the encoder takes them: (image - mean) / std."""
        mean, std = (torch.tensor(one).view(-1, 1, 1) for one in (self.spec.channel_mean, self.spec.channel_std))
        return (images - mean) / std

    @property
    def range_text(self) -> str:
        """Which values of files are 0 and 1, in words."""
        given = self.spec.value_range
        whole = "0 and the largest value of the file's type"
        return whole if given in (None, FULL_RANGE) else " and ".join(str(given).split(","))

    def input_text(self, normalised: bool) -> str:
        """Say what a file takes.

        Args:
            normalised: images that were normalised already.
        """
        spec = self.spec
        shape = f"float32 [batch, {spec.in_channels}, {spec.size}, {spec.size}]"
        what = (
            f"(image - {listed(spec.channel_mean)}) / {listed(spec.channel_std)} of images" if normalised else "images"
        )
        return f"{shape}: {what} from 0 to 1, which are {self.range_text}"

    def facts(self) -> Mapping[str, Any]:
        """Return what is known of the training, by name, without places on this machine."""
        settings = read_settings(self.folder) if (self.folder / CONFIG).is_file() else {}
        report = _json(self.folder / REPORT_FILE)
        origin, counts = report.get("origin"), report.get("counts")
        found = {
            "method": settings.get("stage"),
            "data": str(origin).partition(",")[0] if origin else None,
            "training images": counts.get("train") if isinstance(counts, dict) else None,
            "steps": None if self.steps is None else self.steps.step,
            "batch size": settings.get("batch_size"),
        }
        return {name: value for name, value in found.items() if value is not None}


def open_subject(path: Path) -> ExportSubject:
    """Read an encoder to export.

    Args:
        path: a run folder or an encoder file.

    Raises:
        CheckpointError: there is none, or it is not sound.
    """
    (found,) = open_runs([path])
    return ExportSubject(
        encoder=found.encoder,
        spec=found.spec,
        file=path / ENCODER if path.is_dir() else path,
        run=name_of(path),
        folder=run_folder_of(path),
        steps=found.steps,
    )


def listed(numbers: tuple[float, ...]) -> str:
    """Write one number for all channels as itself, several as a list."""
    short = [f"{number:.6g}" for number in numbers]
    return short[0] if len(set(short)) == 1 else f"[{', '.join(short)}]"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
