"""The trials on one set: every encoder that can take its images, with every classifier.

Covers: which trials there are, what each depends on, the features that they share. Does not cover: a trial
(`trial.py`), the loop over trials and their cache (`fastssl.evaluation.shared`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from rich.console import Console

from fastssl.config import BenchmarkConfig
from fastssl.data import Source
from fastssl.distributed.leader import by_leader
from fastssl.errors import CheckpointError
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.extraction import Extraction, PartFeatures
from fastssl.evaluation.shared.features import encoder_digest
from fastssl.evaluation.shared.partition import Partition
from fastssl.evaluation.shared.trial_cache import TrialCache
from fastssl.evaluation.shared.trials import TrialSpec, Update, run_trials
from fastssl.runtime import Runtime

from .data_sets import BenchmarkSet
from .encoders import seen_source
from .linear import LinearRecipe
from .trial import NEIGHBOURS, BenchmarkTrial, knn_trial, linear_trial

CLASSIFIER_NAMES = {"knn": "kNN", "linear": "linear"}
"""As tables have them."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkSpec(TrialSpec):
    """A trial that is to be done.

    Attributes:
        candidate: the encoder, as it sees the set's images.
        classifier: "knn" or "linear".
    """

    candidate: Candidate
    classifier: str


@dataclass(frozen=True, kw_only=True)
class SetGrid:
    """All that the trials on one set share.

    Attributes:
        data: which set.
        source: its images.
        parts: which of them are trained on, chosen by and tested on.
        candidates: the encoders, as they see these images.
        config: names classifiers and seeds.
        runtime: device and precision.
        recipe: of the linear classifiers.
        trials_done: holds finished trials.
        console: where progress goes.
    """

    data: BenchmarkSet
    source: Source
    parts: Partition
    candidates: tuple[Candidate, ...]
    config: BenchmarkConfig
    runtime: Runtime
    recipe: LinearRecipe
    trials_done: TrialCache[BenchmarkTrial]
    console: Console

    def trials(self) -> list[tuple[BenchmarkSpec, BenchmarkTrial]]:
        """Return every trial, from the cache where it is there.

        Raises:
            CheckpointError: a feature is not a finite number.
            DataError: there are too few training images for the vote.
            DivergenceError: a loss is not finite.
            KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
        """
        names = " and ".join(CLASSIFIER_NAMES[name] for name in self.config.classifiers)
        found: list[tuple[BenchmarkSpec, BenchmarkTrial]] = []
        for candidate in self.candidates:
            specs = list(self.specs(candidate))
            features = self._features_for(specs)
            results = run_trials(
                specs,
                self.trials_done,
                partial(self._run, features),
                summary=f"{self.data.name}, {names} on the features of {candidate.label}",
                describe=_described,
                console=self.console,
            )
            found += zip(specs, results, strict=True)
        return found

    def specs(self, candidate: Candidate) -> Iterator[BenchmarkSpec]:
        """Yield what is to be done with an encoder."""
        digest = _digest(candidate)
        for classifier in self.config.classifiers:
            knn = classifier == "knn"
            yield BenchmarkSpec(
                label=candidate.label,
                title=f"{self.data.name}, {candidate.label}, {CLASSIFIER_NAMES[classifier]}",
                settings=self._settings(candidate, digest, classifier),
                length=1 if knn else self.recipe.epochs,
                unit="epoch",
                images=len(self.parts.train) * (1 if knn else len(self.config.seeds)),
                candidate=candidate,
                classifier=classifier,
            )

    def _settings(self, candidate: Candidate, digest: str, classifier: str) -> dict[str, Any]:
        """Everything that a trial's result depends on."""
        own: dict[str, Any] = {"neighbours": NEIGHBOURS}
        if classifier == "linear":
            own = {"seeds": list(self.config.seeds), "recipe": asdict(self.recipe)}
        return {
            "encoder": digest,
            "data": self.source.fingerprint,
            "parts": [[part.split, len(part)] for part in self.parts.all],
            "view": repr(candidate.view),
            "precision": str(self.runtime.compute_dtype),
            "classifier": classifier,
            **own,
        }

    def _features_for(self, specs: Sequence[BenchmarkSpec]) -> PartFeatures | None:
        """The features that an encoder's trials need; None where all of them are finished.

        Several processes make them together, before each does trials of its own.
        """
        finished = by_leader(lambda: all(self.trials_done.find(spec.settings) is not None for spec in specs))
        if finished:
            return None
        candidate = specs[0].candidate
        extraction = Extraction(
            source=seen_source(candidate, self.source),
            parts=self.parts,
            runtime=self.runtime,
            batch_size=self.config.batch_size,
            console=self.console,
        )
        return extraction.of_all(candidate)

    def _run(self, features: PartFeatures | None, spec: BenchmarkSpec, update: Update) -> BenchmarkTrial:
        if features is None:  # the file of trials has changed since it was read
            raise CheckpointError(f"{spec.title}: its finished trial is gone; give the same command again")
        task = self.source.task
        if spec.classifier == "knn":
            return knn_trial(features, self.parts, task=task, device=self.runtime.solver_device)
        return linear_trial(
            features,
            self.parts,
            task=task,
            seeds=self.config.seeds,
            recipe=self.recipe,
            device=self.runtime.device,
            on_epoch=lambda done, loss: update(done, f"val loss {loss:.4f}"),
        )


def _digest(candidate: Candidate) -> str:
    """Identifies the encoder."""
    start = candidate.start(0)
    return encoder_digest(start.encoder, repr(start.spec))


def _described(result: BenchmarkTrial) -> str:
    auc, acc = (100 * sum(values) / len(values) for values in (result.auc, result.acc))
    epochs = f"best epochs {', '.join(map(str, result.best_epoch))}, " if any(result.best_epoch) else ""
    return f"{epochs}test AUC {auc:.2f}, ACC {acc:.2f}, {result.seconds:.0f} s"
