"""The trials of a comparison: every contender on every label fraction, once a seed, by one recipe.

Covers: which trials there are, running those that the ledger does not hold. Does not cover: a trial (`trial.py`), what
trials come to together (`summary.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from fastssl.config import FinetuneConfig
from fastssl.evaluation.shared.candidates import Contender
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.features import FeatureCache, encoder_digest
from fastssl.evaluation.shared.statistics import mean_overlap
from fastssl.pipelines import Plain

from .candidates import Entrant
from .label_efficiency import percent
from .progress import TrialProgress
from .recipe import Recipe
from .subsets import label_subset
from .summary import Trial
from .trial import Outcome, run_trial
from .trial_cache import TrialLedger
from .trial_data import SCORED_AT_ONCE, Labelled, Materials, of_features, of_images

LEDGER = "finetune-trials.jsonl"


@dataclass(frozen=True)
class Planned:
    """A trial that is to be done: the rows of the training part that it trains on."""

    entrant: Entrant
    fraction: float
    seed: int
    rows: np.ndarray


@dataclass(frozen=True)
class Contest:
    """All that the trials of a comparison share. home: the first run's folder, where features are kept."""

    data: Labelled
    entrants: tuple[Entrant, ...]
    recipe: Recipe
    config: FinetuneConfig
    home: Path
    console: Console

    @property
    def report(self) -> Path:
        """The folder that trials, tables and plots go into."""
        return (self.config.out or self.home) / "report"

    @property
    def fractions(self) -> list[float]:
        """As asked for, largest first, each once."""
        return sorted(set(self.config.label_fraction), reverse=True)

    @property
    def seeds(self) -> range:
        """Of the trials."""
        return range(self.config.seed, self.config.seed + self.config.trials)

    def planned(self) -> list[Planned]:
        """Seed by seed, so that an interrupted comparison is whole for the seeds that it got through."""
        labels = self.data.parts.train.labels
        return [
            Planned(entrant, fraction, seed, label_subset(labels, fraction, seed))
            for seed in self.seeds
            for fraction in self.fractions
            for entrant in self.entrants
        ]

    def overlaps(self) -> dict[float, float]:
        """Label fraction -> share of images that the draws of two seeds have in common, where draws alone set trials
        apart: on the frozen features of one encoder. 0 end to end, where every seed is a training of its own."""
        if not self.recipe.frozen:
            return dict.fromkeys(self.fractions, 0.0)
        labels = self.data.parts.train.labels
        return {
            fraction: mean_overlap([label_subset(labels, fraction, seed) for seed in self.seeds], labels)
            for fraction in self.fractions
        }

    def trials(self) -> list[Trial]:
        """Every trial, from the ledger where it is there."""
        ledger = TrialLedger(self.report / LEDGER, self._say)
        planned, digest = self.planned(), cache(_digest)
        settings = [
            self._settings(plan, digest(plan.entrant, plan.seed if plan.entrant.kind == "random" else 0))
            for plan in planned
        ]
        outcomes = [ledger.find(one) for one in settings]
        kept = sum(outcome is not None for outcome in outcomes)
        self._introduce(planned, kept)
        to_do = [index for index, outcome in enumerate(outcomes) if outcome is None]
        work = sum(self._images(planned[index]) * self.recipe.epochs for index in to_do)
        try:
            with TrialProgress(self.console, trials=len(planned), done=kept, work=work) as progress:
                for index in to_do:
                    outcome = self._run(planned[index], progress)
                    ledger.add(settings[index], outcome, planned[index].entrant.label)
                    outcomes[index] = outcome
        except KeyboardInterrupt:
            self._say("stopped: finished trials are kept; the same command goes on from there")
            raise
        return [
            Trial(plan.entrant.label, plan.fraction, plan.seed, len(plan.rows), outcome)
            for plan, outcome in zip(planned, outcomes, strict=True)
            if outcome is not None
        ]

    def _settings(self, plan: Planned, digest: str) -> dict[str, Any]:
        """Everything that a trial's outcome depends on; digest: of the encoder that it begins with."""
        parts = self.data.parts
        return {
            "encoder": digest,
            "data": self.data.source.fingerprint,
            "parts": [[part.split, len(part)] for part in parts.all],
            "held_out_by": self.config.seed if {parts.val.split, parts.test.split} & {"train"} else None,
            "size": plan.entrant.size,
            "label_fraction": plan.fraction,
            "seed": plan.seed,
            "recipe": self.recipe.settings(),
            "precision": str(self.data.runtime.compute_dtype),
        }

    def _run(self, plan: Planned, progress: TrialProgress) -> Outcome:
        title = f"{plan.entrant.label}, {len(plan.rows)} labels, seed {plan.seed}"
        progress.begin(title, epochs=self.recipe.epochs, images=self._images(plan))
        runtime = self.data.runtime
        if self.recipe.frozen:  # a classifier of this size gains nothing from bf16, and would lose digits
            runtime = replace(runtime, amp_dtype=None, compile=False)
        with self._materials(plan, plan.entrant.start(plan.seed)) as materials:
            outcome = run_trial(
                materials,
                self.recipe,
                task=self.data.source.task,
                outputs=self.data.parts.classes,
                seed=plan.seed,
                runtime=runtime,
                on_epoch=progress.epoch,
            )
        progress.end(outcome)
        return outcome

    def _materials(self, plan: Planned, start: Contender) -> AbstractContextManager[Materials]:
        if not self.recipe.frozen:
            return of_images(self.data, start, plan.entrant.size, plan.rows, self.recipe, plan.seed)
        spec, data = start.spec, self.data
        view = Plain(plan.entrant.size, spec.in_channels, spec.channel_mean, spec.channel_std)
        cache = FeatureCache(self.home / "features", self._say)
        extraction = Extraction(data.source, data.parts, view, data.runtime, SCORED_AT_ONCE, self.console, cache)
        features = extraction.of_encoder(start.encoder, spec, plan.entrant.label)
        return of_features(data, features, plan.rows, self.recipe, plan.seed)

    def _images(self, plan: Planned) -> int:
        """How much work an epoch is, in images: one that is only scored costs about a third of one trained on."""
        return len(plan.rows) + len(self.data.parts.val) // 3

    def _introduce(self, planned: Sequence[Planned], kept: int) -> None:
        self._say(self.recipe.describe())
        shares = ", ".join(percent(fraction) for fraction in self.fractions)
        finished = f"; {kept} of them are finished already" if kept else ""
        self._say(
            f"{len(planned)} trials: {len(self.entrants)} encoders, {shares} of the labels, {self.config.trials} "
            f"seed(s){finished}"
        )

    def _say(self, line: str) -> None:
        self.console.print(escape(line), highlight=False, soft_wrap=True)


def _digest(entrant: Entrant, seed: int) -> str:
    """Identifies the encoder that the trials of a seed begin with; only random ones differ by it."""
    start = entrant.start(seed)
    return encoder_digest(start.encoder, repr(start.spec))
