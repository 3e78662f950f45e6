"""The proxy of classification: AUC of a linear classifier on a few labelled images, by the validation part.

Covers: the images it takes, one trial per candidate with all draws. Does not cover: drawing and solving
(`fastssl.evaluation.fewshot`).

At most 2,000 training and 2,000 validation images count, evenly over the classes, so that the proxy stays cheap however
large the data are. Random weights are drawn anew for each draw: one encoder may be lucky.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fastssl.data import Source
from fastssl.embeddings.extract import extract
from fastssl.errors import CheckpointError, DataError
from fastssl.evaluation.fewshot.grid import StandardisedFeatures, solve_grid
from fastssl.evaluation.fewshot.support import SupportSets, draw_supports, overlap_notes, scarcity
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.features import encoder_digest
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.evaluation.shared.partition import Part, Partition
from fastssl.evaluation.shared.patients import taking_turns
from fastssl.evaluation.shared.trials import TrialSpec
from fastssl.runtime import Runtime

from .proxy import ProxyTrial

MOST_IMAGES = 2000


@dataclass(frozen=True, kw_only=True)
class FewShotSpec(TrialSpec):
    """A trial that is to be done.

    Attributes:
        candidate: whose features are scored.
    """

    candidate: Candidate


@dataclass(frozen=True, kw_only=True)
class FewShotProxy:
    """What all candidates are scored on.

    Attributes:
        source: all images.
        pool: training images, drawn from.
        val: validation images, scored.
        classes: how many there are.
        shots: labelled images per class.
        seeds: of the draws.
        runtime: device and precision.
    """

    source: Source
    pool: Part
    val: Part
    classes: int
    shots: int
    seeds: tuple[int, ...]
    runtime: Runtime

    @classmethod
    def of(cls, source: Source, parts: Partition, shots: int, seeds: Sequence[int], runtime: Runtime) -> FewShotProxy:
        """Choose the images, and refuse what cannot be scored.

        Args:
            source: all images.
            parts: which of them train and validate.
            shots: labelled images per class.
            seeds: of the draws.
            runtime: device and precision.

        Raises:
            DataError: images have several labels each, or the AUC of the validation part is undefined.
        """
        if parts.train.labels.ndim == 2:
            raise DataError(
                f"{source.name}: images have several labels each, so that no draw is balanced by class; --recipe "
                "aligned needs one class per image, or masks"
            )
        pool, val = (_at_most(part, MOST_IMAGES, shots, parts.seed) for part in (parts.train, parts.val))
        note = evaluate(val.labels, np.full((len(val), parts.classes), 1 / parts.classes), source.task).note
        if note:
            raise DataError(f"{source.name}: validation {note}; give data whose validation part has every class")
        return cls(
            source=source,
            pool=pool,
            val=val,
            classes=parts.classes,
            shots=shots,
            seeds=tuple(seeds),
            runtime=runtime,
        )

    @property
    def supports(self) -> SupportSets:
        """The labelled images of every draw."""
        return draw_supports(self.pool.labels, (self.shots,), self.seeds, self.pool.groups)[0]

    def notes(self) -> list[str]:
        """Return what a reader should know of the draws."""
        return [*scarcity(self.pool.labels, (self.shots,), self.pool.groups), *overlap_notes([self.supports])]

    def spec(self, name: str, candidate: Candidate) -> FewShotSpec:
        """Describe the trial of a candidate.

        Args:
            name: of the candidate.
            candidate: its encoder.
        """
        random = candidate.kind == "random"  # its weights follow from the draws' seeds
        architecture = repr(candidate.spec)
        settings = {
            "encoder": architecture if random else encoder_digest(candidate.start(0).encoder, architecture),
            "data": self.source.fingerprint,
            "images": [_digest(self.pool), _digest(self.val)],
            "size": candidate.size,
            "shots": self.shots,
            "seeds": list(self.seeds),
            "precision": str(self.runtime.compute_dtype),
            **({} if self.pool.groups is None else {"drawn": "of different patients"}),
        }
        return FewShotSpec(
            label=name,
            title=f"{name}, {self.shots} images per class, {len(self.seeds)} draws",
            settings=settings,
            length=len(self.seeds) if random else 1,
            unit="step",
            images=len(self.pool) + len(self.val),
            candidate=candidate,
        )

    def run(self, spec: FewShotSpec) -> ProxyTrial:
        """Score a candidate.

        Args:
            spec: as `spec` made it.

        Raises:
            CheckpointError: a feature is not a finite number.
        """
        began = time.monotonic()
        if spec.candidate.kind == "random":
            scores = [self._auc(spec.candidate, (seed,))[0] for seed in self.seeds]
        else:
            scores = self._auc(spec.candidate, self.seeds)
        return ProxyTrial(scores=tuple(scores), seconds=time.monotonic() - began)

    def _auc(self, candidate: Candidate, seeds: Sequence[int]) -> list[float]:
        """Of each draw, by the features of the encoder of the first one's seed."""
        encoder = candidate.start(seeds[0]).encoder
        pool, val = (self._features(candidate, encoder, part) for part in (self.pool, self.val))
        features = StandardisedFeatures.of(pool, val, self.runtime.solver_device)
        support = draw_supports(self.pool.labels, (self.shots,), seeds, self.pool.groups)[0]
        ((classifiers,),) = solve_grid([features.pool], [support], self.classes)
        scores = classifiers.scores(features.query)
        return [evaluate(self.val.labels, one, self.source.task).auc for one in scores]

    def _features(self, candidate: Candidate, encoder: nn.Module, part: Part) -> torch.Tensor:
        features = extract(
            encoder,
            self.source.splits[part.split].some_images(part.rows),
            candidate.view,
            device=self.runtime.device,
            amp_dtype=self.runtime.amp_dtype,
            prefetch=self.runtime.prefetch,
        )
        if not bool(features.isfinite().all()):
            raise CheckpointError(f"{candidate.label}: features are not finite numbers; its training has diverged")
        return features


def _at_most(part: Part, most: int, shots: int, seed: int) -> Part:
    """`part`, or `most` of its images, evenly over the classes; no class has fewer than `shots`, if it has so many."""
    if len(part) <= most:
        return part
    rng = np.random.default_rng(seed)
    classes = np.unique(part.labels)
    each = max(most // len(classes), shots)
    orders = (rng.permutation(np.flatnonzero(part.labels == index)) for index in classes)
    chosen = np.concatenate([taking_turns(order, part.groups)[:each] for order in orders])
    chosen.sort()
    return part.some(chosen)


def _digest(part: Part) -> str:
    """Identifies the images of a part among those of its source."""
    return f"{part.split} {hashlib.blake2b(part.rows.tobytes(), digest_size=16).hexdigest()}"
