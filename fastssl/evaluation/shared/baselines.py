"""What runs are compared with: random weights, a run's encoder before training.

Covers: making them, and saying what they are. Does not cover: the runs (`candidates.py`), published weights
(`pretrained.py`), published results (`published.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fastssl.config.initial import parse_initial
from fastssl.errors import CheckpointError, ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.starting_weights import load_start
from fastssl.training.stored_settings import CONFIG, read_settings

from .candidates import Candidate, NamedEncoder, name_of
from .pretrained import PRETRAINED

RANDOM = "random init"
SCRATCH = "random init (supervised from scratch)"
"""What it is called where it is trained on labels end to end."""
RANDOM_RUN = "random"
"""The word that stands for a run where none is to be used."""
DEFAULT_ENCODER = "resnet18"
"""Of random weights that no run says more of."""


def random_baseline(spec: EncoderSpec, seed: int = 0) -> NamedEncoder:
    """Return the encoder that `spec` describes with random weights.

    Args:
        spec: what it is built as.
        seed: of the weights.
    """
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=seed)
    return NamedEncoder(label=RANDOM, encoder=encoder.eval(), spec=spec)


def random_candidates(runs: Sequence[Candidate], called: str = RANDOM) -> tuple[Candidate, ...]:
    """Return a random initialisation for every kind of encoder among the runs, whose weights are drawn for each seed.

    Args:
        runs: at least one. A random initialisation has the size and folder of the first run of its kind.
        called: their label, which is followed by the encoder where there are several.
    """
    specs = list(dict.fromkeys(run.spec for run in runs))
    found = []
    for spec in specs:
        first = next(run for run in runs if run.spec == spec)
        label = called if len(specs) == 1 else f"{called} {_described(spec, specs)}"
        start = partial(random_baseline, spec)
        found.append(
            Candidate(label=label, kind="random", spec=spec, size=first.size, folder=first.folder, start=start)
        )
    return tuple(found)


def untrained_baseline(run_folder: Path, spec: EncoderSpec, seed: int) -> tuple[NamedEncoder, str]:
    """Return the encoder of a run as it was before training, and a line that says what it is.

    It has the random weights of the run's seed, or, if the run was given `init`, those weights. Where they cannot be
    read any more, it has the random weights.

    Args:
        run_folder: with the run's configuration.
        spec: what the encoder was built as.
        seed: of the weights where the run's own is not known: there is no configuration.

    Raises:
        CheckpointError: the configuration cannot be read.
    """
    own = seed_of(run_folder)
    found = random_baseline(spec, seed if own is None else own)
    whose = f"of seed {seed}, as the run's own is not known" if own is None else f"of its seed {own}"
    random = f"{found.label}: the first run's encoder before training, random weights {whose}"
    init = _settings(run_folder).get("init")
    if init is None:
        return found, random
    try:
        load_start(found.encoder, spec, init)
    except (CheckpointError, ConfigError) as error:  # a file that is gone, published weights that cannot be had here
        return found, f"{found.label}: random weights {whose}; the first run began with others that are lost ({error})"
    weights = parse_initial(init)
    label = f"before training ({name_of(weights) if isinstance(weights, Path) else init})"
    start = NamedEncoder(label=label, encoder=found.encoder, spec=spec)
    return start, f"{label}: the first run's encoder as it began, from {init}"


def baselines_of(run: Candidate, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those that a run is compared with: the random initialisation of its own kind, and pre-trained ones."""
    return [one for one in candidates if one.kind in PRETRAINED or (one.kind == "random" and one.spec == run.spec)]


def seed_of(run_folder: Path) -> int | None:
    """Return the seed of a run; None where that is not known.

    Raises:
        CheckpointError: the configuration cannot be read.
    """
    seed = _settings(run_folder).get("seed")
    try:
        return None if seed is None else int(seed)
    except (TypeError, ValueError):
        raise CheckpointError(f"{run_folder / CONFIG}: seed={seed!r} is not a whole number") from None


def _settings(run_folder: Path) -> dict[str, Any]:
    return read_settings(run_folder) if (run_folder / CONFIG).is_file() else {}


def _described(spec: EncoderSpec, specs: Sequence[EncoderSpec]) -> str:
    """The encoder's name, and what else it takes to tell it from the others."""
    alike = sum(spec.name == other.name for other in specs) > 1
    return f"{spec.name} ({spec.stem} stem, {spec.size} px)" if alike else spec.name
