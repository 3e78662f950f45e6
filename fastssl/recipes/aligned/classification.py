"""Classification as the target: labelled images, few-shot AUC, fine-tuning end to end.

Covers: opening the images, candidates as the evaluations take them, fine-tuning. Does not cover: the proxy itself
(`few_shot.py`), `fastssl.finetune`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fastssl.config.aligned import IMAGENET, RANDOM, AlignedConfig
from fastssl.config.command_line import given_options
from fastssl.config.data import HOW_DATA_ARE_READ
from fastssl.evaluation.finetune import finetune
from fastssl.evaluation.finetune.trial import TrialResult
from fastssl.evaluation.shared.baselines import SCRATCH, random_candidates
from fastssl.evaluation.shared.candidates import Candidate, open_runs, run_candidates
from fastssl.evaluation.shared.partition import Partition, partition
from fastssl.evaluation.shared.report_folder import REPORT
from fastssl.evaluation.shared.statistics import mean_interval
from fastssl.evaluation.shared.trials import run_trials
from fastssl.models.encoder import EncoderSpec
from fastssl.models.imagenet import LEAST_SIZE, LITE0
from fastssl.runtime import resolve_runtime
from fastssl.training.inputs import open_data

from .few_shot import FewShotProxy
from .proxy import ProxyScores, ProxyTrial, collect, open_proxy_cache
from .target import Finetuned, Target

DRAWS = 10
"""Those of `fastssl fewshot`."""


@dataclass(frozen=True, kw_only=True)
class ClassificationTarget(Target):
    """Labelled images.

    Attributes:
        parts: which of them train, validate and test; the same in proxy and fine-tuning.
        proxy: what candidates are scored on.
    """

    parts: Partition
    proxy: FewShotProxy

    metric = "AUC"
    proxy_title = "few-shot AUC of the frozen encoders, on validation images"

    @classmethod
    def open(cls, config: AlignedConfig, folder: Path, console: Console) -> ClassificationTarget:
        """Open the images, and refuse those that cannot be scored.

        Args:
            config: of the recipe.
            folder: of the recipe.
            console: told what was read.

        Raises:
            DataError: they cannot be opened, or have no labels that an encoder can be scored by.
        """
        source = open_data(config, console, folder)
        parts = partition(source, config.seed)
        seeds = range(config.seed, config.seed + (config.draws or DRAWS))
        runtime = resolve_runtime(config.device, config.amp, False, config.precision)
        proxy = FewShotProxy.of(source, parts, config.shots, seeds, runtime)
        return cls(config=config, folder=folder, source=source, parts=parts, proxy=proxy)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def training_data(self) -> str:
        return self.config.data

    def write_data(self) -> None:
        """Write nothing: the images are where they are."""

    def imagenet_size(self, spec: EncoderSpec) -> int:
        return max(spec.size, LEAST_SIZE)

    def score(self, names: Sequence[str], spec: EncoderSpec, console: Console) -> ProxyScores:
        notes: list[str] = []
        specs = [self.proxy.spec(name, one) for name, one in self._candidates(names).items()]
        trials: list[ProxyTrial] = run_trials(
            specs,
            open_proxy_cache(self.folder / REPORT, notes.append),
            lambda trial, update: self.proxy.run(trial),
            summary=f"{len(specs)} candidates, {len(self.proxy.seeds)} draws of {self.proxy.shots} images per class",
            describe=lambda trial: f"validation AUC {mean_interval(trial.scores).mean:.3f}, {trial.seconds:.1f} s",
            console=console,
        )
        by_draw, seconds = collect([spec.label for spec in specs], trials)
        held_out = self.parts.held_out_notes("candidates scored on {held_out}")
        return ProxyScores(
            by_draw=by_draw,
            seconds=seconds,
            overlap=self.proxy.supports.overlap,
            notes=(*notes, *held_out, *self.proxy.notes()),
        )

    def finetune(self, methods: Sequence[str], baselines: Sequence[str], console: Console) -> Mapping[str, Finetuned]:
        given = {name: getattr(self.config, name) for name in ("device", "amp", "precision") if self._is_given(name)}
        given |= {"epochs": self.config.finetune_epochs} if self.config.finetune_epochs else {}
        given |= {"trials": self.config.finetune_trials} if self.config.finetune_trials else {}
        if IMAGENET in baselines:
            size = max(self.config.size or min(self.source.image_shape[:2]), LEAST_SIZE)
            given |= {"imagenet": LITE0, "imagenet_size": size}
        runs = [self.folder / name for name in methods]
        result = finetune(runs, console=console, out=self.folder, seed=self.config.seed, quiet=True, **given)
        found: dict[str, list[TrialResult]] = {}
        for trial in result.trials:
            found.setdefault(_name_of(trial.encoder), []).append(trial.result)
        return {
            name: Finetuned(
                test=mean_interval([one.auc for one in found[name]]), seconds=sum(one.seconds for one in found[name])
            )
            for name in (*methods, *baselines)
        }

    def command(self, baseline: str, best: str) -> str:
        run = IMAGENET if baseline == IMAGENET else best  # a run is compared with random weights of its own kind
        words = ["fastssl", "finetune", str(self.folder / run)]
        if baseline == IMAGENET:
            words += ["--data", self.config.data, *given_options(self.config, ("data_root", *HOW_DATA_ARE_READ))]
        return shlex.join(words)

    def _is_given(self, name: str) -> bool:
        return name in self.config.model_fields_set

    def _candidates(self, names: Sequence[str]) -> dict[str, Candidate]:
        """The candidates by name; random has the encoder of the first method."""
        paths = [self.folder / name for name in names if name != RANDOM]
        found = dict(zip([path.name for path in paths], run_candidates(open_runs(paths), paths, None), strict=True))
        first = next(one for name, one in found.items() if name != IMAGENET)
        found |= {RANDOM: random_candidates([first])[0]} if RANDOM in names else {}
        return {name: found[name] for name in names}


def _name_of(encoder: str) -> str:
    """The candidate that fine-tuning has this label for."""
    if encoder.startswith("ImageNet"):
        return IMAGENET
    return RANDOM if encoder == SCRATCH else encoder
