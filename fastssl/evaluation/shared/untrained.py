"""A run's encoder before training: made again from the run's own configuration.

Covers: the weights that its seed draws, or those of the file that it started from, and saying which. Does not cover:
random encoders of other seeds (`contenders.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastssl.errors import CheckpointError
from fastssl.models.encoder import EncoderSpec, load_weights, read_weights
from fastssl.training.run_folder import CONFIG, read_settings

from .candidates import Contender, name_of, random_contender


def untrained_contender(home: Path, spec: EncoderSpec, seed: int) -> tuple[Contender, str]:
    """Return the encoder of the run in `home` as it was before training, and a line that says what it is.

    It has the random weights of the run's seed, or, if the run was given `init`, the weights of that file. Where the
    file cannot be read any more, it has the random weights; where `home` has no configuration, those of `seed`.

    Raises:
        CheckpointError: the configuration cannot be read.
    """
    settings = _settings(home)
    own = settings.get("seed")
    found = random_contender(spec, seed if own is None else own)
    whose = f"of seed {seed}, as the run's own is not known" if own is None else f"of its seed {own}"
    random = f"{found.label}: the first run's encoder before training, random weights {whose}"
    init = settings.get("init")
    if init is None:
        return found, random
    path = Path(init)
    try:
        load_weights(found.encoder, read_weights(path), init)
    except CheckpointError as error:
        return found, f"{found.label}: random weights {whose}; the first run began with others that are lost ({error})"
    label = f"before training ({name_of(path)})"
    return Contender(label, found.encoder, spec), f"{label}: the first run's encoder as it began, from {init}"


def seed_of(home: Path) -> int | None:
    """The seed of the run in `home`; None where that is not known.

    Raises:
        CheckpointError: the configuration cannot be read.
    """
    seed: int | None = _settings(home).get("seed")
    return seed


def _settings(home: Path) -> dict[str, Any]:
    return read_settings(home) if (home / CONFIG).is_file() else {}
