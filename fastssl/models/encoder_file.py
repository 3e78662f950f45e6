"""The file that an encoder is exported to.

Covers: saving and loading with plain timm keys, and as metadata how the encoder was built and how long it was trained.
Does not cover: creating encoders (`encoder.py`), weights of other origin (`weight_file.py`), checkpoints of a training
(`fastssl.training.checkpoint`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import nn

from fastssl.errors import CheckpointError, ConfigError
from fastssl.files import write_atomically

from .encoder import EncoderSpec, create_encoder, encoder_shapes
from .spec_text import TrainedSteps, parse_spec, parse_steps, write_spec
from .tensor_file import read_header, read_tensors, storable
from .weight_file import encoder_path
from .weight_match import load_weights

_KEY = "fastssl.encoder"


class LoadedEncoder(NamedTuple):
    """A trained encoder and how it was built; unpacks as `encoder, spec = load_encoder(path)`.

    Args:
        module: maps images `[B, C, S, S]`, normalised as `spec` says, to pooled features `[B, D]`.
        spec: how it was built.
    """

    module: nn.Module
    spec: EncoderSpec


def save_encoder(path: Path, encoder: nn.Module, spec: EncoderSpec, steps: TrainedSteps | None = None) -> None:
    """Write an encoder's weights with timm's own keys, and how it was built as metadata; atomic.

    Args:
        path: of the `.safetensors` file; its folder exists.
        encoder: whose `state_dict` is written, on any device; of tied parameters each name has a copy.
        spec: how it was built.
        steps: how long it was trained; None: that is not known.

    Raises:
        OSError: the file cannot be written.
    """
    from safetensors.torch import save

    # One text alone: safetensors writes several in random order, and equal runs are to give equal files.
    write_atomically(path, save(storable(encoder.state_dict()), metadata={_KEY: write_spec(spec, steps)}))


def load_encoder(path: str | Path) -> LoadedEncoder:
    """Load an encoder that fastssl trained.

    Args:
        path: an `encoder.safetensors`, or the run folder that holds it.

    Returns:
        The encoder, in eval mode on the CPU, and how it was built.

    Raises:
        CheckpointError: the file is missing, damaged, or was not written by fastssl.
    """
    path = encoder_path(Path(path))
    header = read_header(path)
    if _KEY not in header.metadata:
        raise CheckpointError(f"{path}: no fastssl metadata; weights of other origin go in through --init")
    spec = parse_spec(header.metadata[_KEY], str(path))
    try:
        _check_shapes(path, encoder_shapes(spec), header.shapes)
        encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None
    load_weights(encoder, read_tensors(path), str(path))
    return LoadedEncoder(encoder.eval(), spec)


def read_spec(path: Path) -> EncoderSpec | None:
    """Read how the encoder in a file was built, from the file's header alone.

    Args:
        path: a file of weights, or a run folder.

    Returns:
        None where fastssl did not write the file.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = encoder_path(path)
    metadata = _metadata(path)
    return parse_spec(metadata[_KEY], str(path)) if _KEY in metadata else None


def read_steps(path: Path) -> TrainedSteps | None:
    """Read how long the encoder in a file was trained, from the file's header alone.

    Args:
        path: a file of weights, or a run folder.

    Returns:
        None where the file does not say.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = encoder_path(path)
    metadata = _metadata(path)
    return parse_steps(metadata[_KEY], str(path)) if _KEY in metadata else None


def _metadata(path: Path) -> Mapping[str, str]:
    """What a safetensors file says of itself; nothing for a file of another kind."""
    return read_header(path).metadata if path.suffix == ".safetensors" else {}


def _check_shapes(path: Path, wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a file whose tensors are not the encoder's, before memory is taken for either."""
    wrong = [f"missing {name}" for name in wanted if name not in found]
    wrong += [f"unexpected {name}" for name in found if name not in wanted]
    wrong += [
        f"{name} is {list(found[name])} and should be {list(shape)}"
        for name, shape in wanted.items()
        if found.get(name, shape) != shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CheckpointError(f"{path}: weights of another model: {', '.join(wrong[:3])}{more}")
