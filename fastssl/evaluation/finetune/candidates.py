"""Which encoders fine-tuning compares: the runs', random initialisations of the same kinds, pre-trained ones.

Covers: the side that each sees images at, and what to tell of it. Does not cover: making encoders
(`fastssl.evaluation.shared.candidates`, `baselines` and `pretrained` there).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastssl.config import FinetuneConfig
from fastssl.evaluation.shared.baselines import RANDOM, SCRATCH, random_candidates
from fastssl.evaluation.shared.candidates import Candidate, NamedEncoder, run_candidates
from fastssl.evaluation.shared.pretrained import PRETRAINED, models_asked_for, pretrained_candidates, resized_notes
from fastssl.models.imagenet import LEAST_SIZE
from fastssl.models.pretrained_option import IMAGENET_OPTION, baseline_option


def choose_candidates(
    runs: Sequence[NamedEncoder], paths: Sequence[Path], size: int, config: FinetuneConfig
) -> tuple[Candidate, ...]:
    """Return the runs, a random initialisation for every kind of encoder among them, and the pre-trained ones.

    Args:
        runs: the trained encoders, one or more.
        paths: what they were loaded from, in the same order.
        size: side in pixels that images are seen at. A frozen pre-trained encoder sees them at 128 at least.
        config: names the pre-trained encoders, and may give each a side of its own.

    Raises:
        ConfigError: there are no such weights here.
        CheckpointError: the file of weights belongs to another model.
    """
    found = run_candidates(runs, paths, size)
    random = random_candidates(found, RANDOM if config.frozen else SCRATCH)
    return with_pretrained((*found, *random), size, config)


def with_pretrained(found: tuple[Candidate, ...], size: int, config: FinetuneConfig) -> tuple[Candidate, ...]:
    """Return candidates, and the encoders with published weights that are asked for.

    Args:
        found: one or more.
        size: side in pixels that they see images at.
        config: names those encoders, if there are any.

    Raises:
        ConfigError: there are no such weights here.
        CheckpointError: a file of weights belongs to another model.
    """
    models, _ = models_asked_for(config)
    side = max(size, LEAST_SIZE) if config.frozen else size
    return (*found, *pretrained_candidates(models, found[0], side))


def size_notes(candidates: Sequence[Candidate], size: int) -> list[str]:
    """Return what a reader should know of candidates that see images at another side than the runs.

    Args:
        candidates: of the comparison.
        size: side in pixels that the runs see images at.
    """
    small = [
        f"{one.label} sees images of {one.size} px only: {_size_option(one)}{LEAST_SIZE} is fairer, and slower"
        for one in candidates
        if one.kind in PRETRAINED and one.size < LEAST_SIZE
    ]
    return resized_notes(candidates, size) + small


def _size_option(candidate: Candidate) -> str:
    return (IMAGENET_OPTION if candidate.kind == "ImageNet" else baseline_option(candidate.spec.name)).size
