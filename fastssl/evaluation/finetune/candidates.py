"""Who is compared: the runs' encoders, random initialisations of the same kinds, an ImageNet encoder.

Covers: labels that tell them apart, and which encoder each trial begins with. Does not cover: making encoders
(`fastssl.evaluation.shared.candidates`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from fastssl.evaluation.shared.candidates import RANDOM, Contender, imagenet_contender, random_contender
from fastssl.models.encoder import EncoderSpec

Kind = Literal["run", "random", "ImageNet"]


@dataclass(frozen=True)
class Entrant:
    """One row of the comparison.

    size: the side that it sees images at. start: the encoder that the trial of a seed begins with; random ones differ
    by it.
    """

    label: str
    kind: Kind
    spec: EncoderSpec
    size: int
    start: Callable[[int], Contender]


def line_up(
    runs: Sequence[Contender],
    *,
    size: int,
    imagenet: str | None = None,
    weights: Path | None = None,
    imagenet_size: int | None = None,
) -> tuple[Entrant, ...]:
    """The runs, a random initialisation for every kind of encoder among them, and the ImageNet encoder asked for.

    All see images at side `size`, but for the ImageNet encoder at `imagenet_size` if that is given.

    Raises:
        ConfigError, CheckpointError: there are no such ImageNet weights.
    """
    entrants = [Entrant(run.label, "run", run.spec, size, partial(_always, run)) for run in runs]
    specs = list(dict.fromkeys(run.spec for run in runs))
    for spec in specs:
        label = RANDOM if len(specs) == 1 else f"{RANDOM} {_described(spec, specs)}"
        entrants.append(Entrant(label, "random", spec, size, partial(random_contender, spec)))
    if imagenet is not None:
        found = imagenet_contender(imagenet, specs[0].in_channels, imagenet_size or size, weights)
        entrants.append(Entrant(found.label, "ImageNet", found.spec, imagenet_size or size, partial(_always, found)))
    return tuple(entrants)


def opponents(run: Entrant, entrants: Sequence[Entrant]) -> list[Entrant]:
    """Whom a run is compared with: the random initialisation of its own kind, and ImageNet."""
    return [one for one in entrants if one.kind == "ImageNet" or (one.kind == "random" and one.spec == run.spec)]


def _always(contender: Contender, seed: int) -> Contender:
    """The same for every seed."""
    return contender


def _described(spec: EncoderSpec, specs: Sequence[EncoderSpec]) -> str:
    """The encoder's name, and what else it takes to tell it from the others."""
    alike = sum(spec.name == other.name for other in specs) > 1
    return f"{spec.name} ({spec.stem} stem, {spec.size} px)" if alike else spec.name
