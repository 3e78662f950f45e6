"""Which encoders fine-tuning compares: the runs', random initialisations of the same kinds, an ImageNet encoder.

Covers: the side that each sees images at, and what to tell of it. Does not cover: making encoders
(`fastssl.evaluation.shared.candidates`, `fastssl.evaluation.shared.baselines`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastssl.config import FinetuneConfig
from fastssl.evaluation.shared.baselines import imagenet_baseline, random_candidates
from fastssl.evaluation.shared.candidates import Candidate, NamedEncoder, run_candidates
from fastssl.models.imagenet import LEAST_SIZE


def choose_candidates(
    runs: Sequence[NamedEncoder], paths: Sequence[Path], size: int, config: FinetuneConfig
) -> tuple[Candidate, ...]:
    """Return the runs, a random initialisation for every kind of encoder among them, and the ImageNet encoder.

    Args:
        runs: the trained encoders, one or more.
        paths: what they were loaded from, in the same order.
        size: side in pixels that images are seen at. A frozen ImageNet encoder sees them at 128 at least.
        config: names the ImageNet encoder, if there is one, and may give it a side of its own.

    Raises:
        ConfigError: there are no such ImageNet weights here.
        CheckpointError: the file of weights belongs to another model.
    """
    found = run_candidates(runs, paths, size)
    return with_imagenet((*found, *random_candidates(found)), size, config)


def with_imagenet(found: tuple[Candidate, ...], size: int, config: FinetuneConfig) -> tuple[Candidate, ...]:
    """Return candidates, and the ImageNet encoder if one is asked for.

    Args:
        found: one or more.
        size: side in pixels that they see images at.
        config: names the ImageNet encoder, if there is one, and may give it a side of its own.

    Raises:
        ConfigError: there are no such ImageNet weights here.
        CheckpointError: the file of weights belongs to another model.
    """
    if config.imagenet is None:
        return found
    side = config.imagenet_size or (max(size, LEAST_SIZE) if config.frozen else size)
    encoder = imagenet_baseline(config.imagenet, found[0].spec.in_channels, side, config.imagenet_weights)
    return (*found, Candidate.of(encoder, "ImageNet", side, found[0].folder))


def size_notes(candidates: Sequence[Candidate], size: int) -> list[str]:
    """Return what a reader should know of candidates that see images at another side than the runs.

    Args:
        candidates: of the comparison.
        size: side in pixels that the runs see images at.
    """
    resized = [f"{one.label} sees the same images, resized to {one.size} px" for one in candidates if one.size != size]
    small = [
        f"{one.label} sees images of {one.size} px only: --imagenet-size {LEAST_SIZE} is fairer, and slower"
        for one in candidates
        if one.kind == "ImageNet" and one.size < LEAST_SIZE
    ]
    return resized + small
