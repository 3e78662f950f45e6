"""Files of weights: safetensors, or torch's own format.

Covers: writing and reading state dicts by the file's ending; the lines of Python that load one. Does not cover: which
weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from fastssl.files import write_synced
from fastssl.models.tensor_file import storable

ENDINGS = (".safetensors", ".pth", ".pt")


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights, in the format that the file's ending says.

    Args:
        path: of the file.
        weights: by name.

    Raises:
        OSError: it cannot be written.
    """
    stored = storable(dict(weights))
    if path.suffix == ".safetensors":
        write_synced(path, save(stored, metadata={"format": "pt"}))
    else:
        torch.save(stored, path)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read what `save_weights` wrote, as its user would."""
    if path.suffix == ".safetensors":
        return load_file(path)
    weights: dict[str, Tensor] = torch.load(path, weights_only=True)
    return weights


def load_lines(name: str, path: Path) -> tuple[str, ...]:
    """Write the lines of Python that load weights into a model.

    Args:
        name: of the variable that holds the model.
        path: of the file.
    """
    read = f"torch.load({str(path)!r}, weights_only=True)"
    if path.suffix == ".safetensors":
        read = f"safetensors.torch.load_file({str(path)!r})"
    imports = ("import safetensors.torch",) if path.suffix == ".safetensors" else ()
    return (*imports, f"{name}.load_state_dict({read}, strict=True)", f"{name}.eval()")
