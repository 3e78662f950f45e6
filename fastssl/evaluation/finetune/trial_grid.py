"""The trials of a comparison: every candidate on every label fraction, once per seed, by one recipe.

Covers: which trials there are, and what each one does. Does not cover: the loop over them
(`fastssl.evaluation.shared.trials`), the training (`trial.py`), keeping trials (`trial_record.py`), means over them
(`summary.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from fastssl.config import FinetuneConfig
from fastssl.console import say
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.extraction import Extraction
from fastssl.evaluation.shared.features import encoder_digest
from fastssl.evaluation.shared.statistics import mean_overlap
from fastssl.evaluation.shared.trials import TrialSpec, Update, run_trials

from .label_efficiency import percent
from .recipe import FinetuneRecipe
from .subsets import label_subset
from .summary import FinetuneTrial
from .trial import Epoch, TrialData, TrialResult, run_finetune_trial
from .trial_data import SCORING_BATCH, LabelledData, feature_trial_data, image_trial_data
from .trial_record import open_trial_cache

RunTrial = Callable[..., TrialResult]
"""As `run_finetune_trial`."""


@dataclass(frozen=True, kw_only=True)
class FinetuneSpec(TrialSpec):
    """A trial that is to be done.

    Attributes:
        candidate: gives the encoder that it starts from.
        fraction: share of the training labels.
        seed: of the trial.
        rows: int64 `[n]`, of the training part, that it trains on.
    """

    candidate: Candidate
    fraction: float
    seed: int
    rows: np.ndarray


@dataclass(frozen=True, kw_only=True)
class TrialGrid:
    """All that the trials of a comparison share.

    Attributes:
        data: the labelled images.
        candidates: what is compared.
        recipe: how all are trained.
        config: gives label fractions and seeds.
        report: the folder that trials, tables and plots go into.
        console: where progress goes.
        run_trial: does one trial.
    """

    data: LabelledData
    candidates: tuple[Candidate, ...]
    recipe: FinetuneRecipe
    config: FinetuneConfig
    report: Path
    console: Console
    run_trial: RunTrial = run_finetune_trial

    @property
    def fractions(self) -> list[float]:
        """The label fractions asked for, largest first, each once."""
        return sorted(set(self.config.label_fraction), reverse=True)

    @property
    def seeds(self) -> range:
        """The trials' seeds."""
        return range(self.config.seed, self.config.seed + self.config.trials)

    def overlaps(self) -> dict[float, float]:
        """Return what the draws of two seeds have in common, as far as it makes their trials alike.

        Returns:
            Label fraction -> share of common images, for a frozen encoder, whose trials differ by the images drawn
            alone; 0 end to end, where every seed is a training of its own.
        """
        if not self.recipe.frozen:
            return dict.fromkeys(self.fractions, 0.0)
        train = self.data.parts.train
        return {
            fraction: mean_overlap(
                [label_subset(train.labels, fraction, seed, train.groups) for seed in self.seeds], train.labels
            )
            for fraction in self.fractions
        }

    def trials(self) -> list[FinetuneTrial]:
        """Return every trial, from the cache where it is there.

        Raises:
            DivergenceError: a loss is not finite.
            KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
        """
        self._say(self.recipe.describe())
        specs = list(self.specs())
        shares = ", ".join(percent(fraction) for fraction in self.fractions)
        results = run_trials(
            specs,
            open_trial_cache(self.report, self._say),
            self._run,
            summary=f"{len(self.candidates)} encoders, {shares} of the labels, {self.config.trials} seed(s)",
            describe=_described,
            console=self.console,
        )
        return [
            FinetuneTrial(
                encoder=spec.label, label_fraction=spec.fraction, seed=spec.seed, n_train=len(spec.rows), result=result
            )
            for spec, result in zip(specs, results, strict=True)
        ]

    def specs(self) -> Iterator[FinetuneSpec]:
        """Yield what is to be done, seed by seed: an interrupted comparison is complete for the seeds it reached."""
        train = self.data.parts.train
        digest = cache(_digest)
        for seed in self.seeds:
            for fraction in self.fractions:
                rows = label_subset(train.labels, fraction, seed, train.groups)
                for one in self.candidates:
                    yield FinetuneSpec(
                        label=one.label,
                        title=f"{one.label}, {len(rows)} labels, seed {seed}",
                        settings=self._settings(one, fraction, seed, digest(one, seed if one.kind == "random" else 0)),
                        length=self.recipe.epochs,
                        unit="epoch",
                        images=len(rows) + len(self.data.parts.val) // 3,  # one that is only scored costs a third
                        candidate=one,
                        fraction=fraction,
                        seed=seed,
                        rows=rows,
                    )

    def _settings(self, candidate: Candidate, fraction: float, seed: int, digest: str) -> dict[str, Any]:
        """Everything that a trial's result depends on; digest: of the encoder that it starts from."""
        parts = self.data.parts
        return {
            "encoder": digest,
            "data": self.data.source.fingerprint,
            "parts": [[part.split, len(part)] for part in parts.all],
            "held_out_by": self.config.seed if {parts.val.split, parts.test.split} & {"train"} else None,
            "size": candidate.size,
            "label_fraction": fraction,
            "seed": seed,
            "recipe": self.recipe.settings(),
            "precision": str(self.data.runtime.compute_dtype),
            **({} if parts.train.groups is None else {"drawn": "whole patients"}),
        }

    def _run(self, spec: FinetuneSpec, update: Update) -> TrialResult:
        runtime = self.data.runtime
        if self.recipe.frozen:  # a classifier of this size gains nothing from bf16, and would lose digits
            runtime = replace(runtime, precision="fp32", compile=False)
        done = 0

        def on_epoch(epoch: Epoch) -> None:
            nonlocal done
            done += 1
            update(done, f"val AUC {epoch.val_auc:.3f}")

        with self._open(spec) as trial_data:
            return self.run_trial(
                trial_data,
                self.recipe,
                task=self.data.source.task,
                outputs=self.data.parts.classes,
                seed=spec.seed,
                runtime=runtime,
                on_epoch=on_epoch,
            )

    def _open(self, spec: FinetuneSpec) -> AbstractContextManager[TrialData]:
        data, candidate = self.data, spec.candidate
        if not self.recipe.frozen:
            return image_trial_data(data, candidate, spec.rows, self.recipe, spec.seed)
        extraction = Extraction(
            source=data.source,
            parts=data.parts,
            runtime=data.runtime,
            batch_size=SCORING_BATCH,
            console=self.console,
        )
        return feature_trial_data(data, extraction.of_all(candidate, spec.seed), spec.rows, self.recipe, spec.seed)

    def _say(self, line: str) -> None:
        say(self.console, line)


def _digest(candidate: Candidate, seed: int) -> str:
    """Identifies the encoder that the trials of a seed start from."""
    start = candidate.start(seed)
    return encoder_digest(start.encoder, repr(start.spec))


def _described(result: TrialResult) -> str:
    best = result.epochs[result.best_epoch - 1]
    return (
        f"val AUC {best.val_auc:.3f} at epoch {result.best_epoch} of {len(result.epochs)}, test AUC {result.auc:.3f}, "
        f"ACC {result.acc:.3f}, {result.seconds:.0f} s"
    )
