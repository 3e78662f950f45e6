"""The terms of one device that scaling is computed from, and the file that keeps them.

Covers: what was counted of a stage's step with a real network: parameters by layer, FLOPs, bytes kept for the backward
pass. Does not cover: counting them (`measure.py`), what follows (`traffic.py`, `memory.py`,
`step_time.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "results" / "scaling" / "terms.json"
FP32 = 4
"""Bytes of a number."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer with trained parameters of its own.

    Args:
        name: in the stage.
        parameters: how many numbers.
        flops: of its forward pass, per image that goes through the encoder; 0 where nothing is multiplied.
        batch_norm_channels: C of a batch norm, 0 of other layers.
    """

    name: str
    parameters: int
    flops: float
    batch_norm_channels: int = 0


@dataclass(frozen=True, kw_only=True)
class StepTerms:
    """A stage's step with one network, counted on one device.

    Args:
        stage: "moco" or "simclr".
        network: timm's name.
        size: side of the images, in pixels.
        layers: those that are trained, in the order of the forward pass.
        passes: images that go forward and backward for each image of the batch: 1 in MoCo, 2 in SimCLR.
        key_passes: images that go forward only, without gradients: 1 in MoCo, 0 in SimCLR.
        forward_flops: of the encoder and head, per image that goes through.
        backward_flops: likewise.
        activation_bytes: kept for the backward pass per image of the batch, by precision ("fp32", "bf16").
        fixed_bytes: kept whatever the batch, such as weights that autocast casts, by precision.
        averaged_parameters: of the moving average, 0 without one.
    """

    stage: str
    network: str
    size: int
    layers: tuple[Layer, ...]
    passes: int
    key_passes: int
    forward_flops: float
    backward_flops: float
    activation_bytes: Mapping[str, float]
    fixed_bytes: Mapping[str, float]
    averaged_parameters: int

    @property
    def parameters(self) -> int:
        """Numbers that are trained, and so of which gradients are averaged."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def gradient_bytes(self) -> int:
        """Bytes of all gradients in fp32."""
        return self.parameters * FP32

    @property
    def batch_norm_channels(self) -> tuple[int, ...]:
        """C of every batch norm that is trained."""
        return tuple(layer.batch_norm_channels for layer in self.layers if layer.batch_norm_channels)

    @property
    def step_flops(self) -> float:
        """FLOPs of a whole step per image of the batch, without the loss."""
        forward = (self.passes + self.key_passes) * self.forward_flops
        return forward + self.passes * self.backward_flops


def to_json(terms: StepTerms) -> dict[str, Any]:
    """Make what `from_json` reads; a layer is a list of its four fields."""
    return {**asdict(terms), "layers": [list(asdict(layer).values()) for layer in terms.layers]}


def from_json(record: Mapping[str, Any]) -> StepTerms:
    """Read what `to_json` made."""
    layers = tuple(
        Layer(name=name, parameters=parameters, flops=flops, batch_norm_channels=channels)
        for name, parameters, flops, channels in record["layers"]
    )
    return StepTerms(
        **{name: record[name] for name in StepTerms.__dataclass_fields__ if name != "layers"}, layers=layers
    )


def read_figures(path: Path = FILE) -> dict[str, Any]:
    """Read the whole file: "environment" and "records"."""
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures


def write_figures(figures: Mapping[str, Any], path: Path = FILE) -> None:
    """Write the file, a layer to a line."""
    text = json.dumps(figures, indent=1)
    lists = re.sub(r"\[\s+([^\[\]{}]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lists + "\n", encoding="utf-8")


def read_terms(path: Path = FILE) -> list[StepTerms]:
    """Read the counted terms, in the file's order."""
    return [from_json(record) for record in read_figures(path)["records"]]
