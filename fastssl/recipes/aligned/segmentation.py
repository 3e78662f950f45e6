"""Segmentation as the target: images with masks, Dice of a decoder on the frozen encoder, fine-tuning by a U-Net.

Covers: opening images and masks, what methods are pre-trained on, the proxy, fine-tuning. Does not cover: training on
masks (`fastssl.evaluation.segment`), cutting patches (`patches.py`).

Decoders start from random weights, in the proxy and in fine-tuning: encoders are what is compared, and TOWER alone
brings a decoder. Both minimise cross-entropy plus soft Dice, which finds rare foreground in short trainings.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import SegmentConfig, build
from fastssl.config.aligned import IMAGENET, RANDOM, AlignedConfig
from fastssl.config.masked_images import MaskedImagesConfig
from fastssl.console import say
from fastssl.data.named import demo
from fastssl.distributed.leader import everyone_here
from fastssl.distributed.world import world
from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.segment.data import SegmentationData, open_segmentation_data
from fastssl.evaluation.segment.initialization import Initialization
from fastssl.evaluation.segment.recipe import SegmentRecipe, choose_recipe
from fastssl.evaluation.segment.run import segment
from fastssl.evaluation.segment.trial import validation_dice
from fastssl.evaluation.segment.trial_grid import SegmentTrialSpec, plan_trials
from fastssl.evaluation.shared.report_folder import REPORT
from fastssl.evaluation.shared.statistics import mean_interval
from fastssl.evaluation.shared.trials import Update, run_trials
from fastssl.models.encoder import EncoderSpec
from fastssl.models.encoder_file import load_encoder
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.training.inputs import open_data
from fastssl.training.run_folder import ENCODER

from .patches import FILE, patches_of, write_patches
from .proxy import ProxyScores, ProxyTrial, collect, open_proxy_cache
from .target import Finetuned, Target

DRAWS = 3
OBJECTIVE = "bce+dice"
WEAK_RIVAL = (
    "a lead over random alone is weak evidence: frozen random weights hardly segment, and may do as well as any once "
    "they are trained (docs, aligned)"
)

_PASSED_ON = (
    *MaskedImagesConfig.model_fields,
    *("data_root", "size", "patch", "value_range", "skip_corrupt", "max_megapixels", "group", "allow_leak"),
    *("device", "amp", "precision", "seed"),
)


@dataclass(frozen=True, kw_only=True)
class SegmentationTarget(Target):
    """Images with masks.

    Attributes:
        data: the images, split.
        recipe: how decoders of the proxy are trained.
        runtime: device and precision of proxy and fine-tuning.
    """

    data: SegmentationData
    recipe: SegmentRecipe
    runtime: Runtime

    metric = "Dice"
    proxy_title = "Dice of decoders on the frozen encoders, on validation images"

    @classmethod
    def open(cls, config: AlignedConfig, folder: Path, console: Console) -> SegmentationTarget:
        """Open images and masks, and what methods are pre-trained on.

        Args:
            config: of the recipe.
            folder: of the recipe.
            console: told what was read.

        Raises:
            ConfigError: no folders are given and the data are not the demo's, or settings do not fit the images.
            DataError: images or masks cannot be used, or those to pre-train on have other channels.
        """
        proxy = _segment_config(config, steps=config.proxy_steps, objective=OBJECTIVE, freeze_encoder=True)
        data = open_segmentation_data(proxy)
        if not config.quiet:
            say(console, *data.report.lines())
        recipe = choose_recipe(proxy, data)
        if _on_patches(config):
            source = patches_of(data, recipe.patch, folder / FILE)
            if not config.quiet:
                say(console, *source.report.lines())
        else:
            full = config.model_copy(update={"size": None})  # the size is that of the images with masks
            source = open_data(full, console, folder)
        if source.image_shape[2] != data.channels:
            raise DataError(
                f"{source.name}: images have {source.image_shape[2]} channel(s), those with masks {data.channels}; "
                "give --channel rgb or grey, or other --data"
            )
        runtime = resolve_runtime(config.device, config.amp, False, config.precision)
        return cls(config=config, folder=folder, source=source, data=data, recipe=recipe, runtime=runtime)

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def training_data(self) -> str:
        return str(self.folder / FILE) if _on_patches(self.config) else self.config.data

    def write_data(self) -> None:
        path = self.folder / FILE
        if _on_patches(self.config) and world().leads and not (self.config.resume and path.is_file()):
            write_patches(self.source, path)
        everyone_here()

    def imagenet_size(self, spec: EncoderSpec) -> int:
        return spec.size

    def score(self, names: Sequence[str], spec: EncoderSpec, console: Console) -> ProxyScores:
        notes: list[str] = []
        starts = {self._start(name, spec): name for name in names}
        seeds = range(self.config.seed, self.config.seed + (self.config.draws or DRAWS))
        planned = plan_trials(list(starts), self.data, self.recipe, seeds, self.runtime)
        specs = [
            replace(
                one,
                label=starts[one.initialization],
                title=f"{starts[one.initialization]}, decoder {one.seed}",
                settings={**one.settings, "scored": "validation, last step"},
            )
            for one in planned
        ]
        trials = run_trials(
            specs,
            open_proxy_cache(self.folder / REPORT, notes.append),
            self._run,
            summary=f"{len(names)} candidates, {len(seeds)} decoders each, {self.config.proxy_steps} steps",
            describe=lambda trial: f"validation Dice {trial.scores[0]:.3f}, {trial.seconds:.0f} s",
            console=console,
        )
        by_draw, seconds = collect([one.label for one in specs], trials)
        few = len(self.data.splits["val"])
        notes.append(f"Dice is of {few} validation image(s); draws differ by decoder and order, not by images")
        if RANDOM in names and IMAGENET not in names:
            notes.append(WEAK_RIVAL)
        return ProxyScores(by_draw=by_draw, seconds=seconds, notes=tuple(notes))

    def finetune(self, methods: Sequence[str], baselines: Sequence[str], console: Console) -> Mapping[str, Finetuned]:
        given: dict[str, Any] = {"objective": OBJECTIVE, "decoder_init": ("random",), "out": self.folder}
        given |= {"epochs": self.config.finetune_epochs} if self.config.finetune_epochs else {}
        given |= {"trials": self.config.finetune_trials} if self.config.finetune_trials else {}
        whole: list[str | Path] = [RANDOM if name == RANDOM else self.folder / name for name in (*methods, *baselines)]
        result = segment(whole, _segment_config(self.config, quiet=True, **given), console=console)
        rows = {row.run: row for row in result.rows}
        return {
            name: Finetuned(
                test=mean_interval(rows[name].by_trial("dice")),
                seconds=sum(trial.steps * trial.seconds_per_step for trial in rows[name].trials),
            )
            for name in (*methods, *baselines)
        }

    def command(self, baseline: str, best: str) -> str:
        words = ["fastssl", "segment", *([RANDOM] if baseline == RANDOM else [str(self.folder / IMAGENET)])]
        given = _segment_settings(self.config)
        for name in ("images", "masks", "image_suffix", "mask_suffix", "fov", "split", "size", "channel"):
            words += [f"--{name.replace('_', '-')}", str(given[name])] if given.get(name) else []
        return shlex.join([*words, "--objective", OBJECTIVE])

    def _run(self, spec: SegmentTrialSpec, update: Update) -> ProxyTrial:
        began = time.monotonic()
        dice = validation_dice(
            spec.initialization, self.data, self.recipe, seed=spec.seed, runtime=self.runtime, update=update
        )
        return ProxyTrial(scores=(dice,), seconds=time.monotonic() - began)

    def _start(self, name: str, spec: EncoderSpec) -> Initialization:
        """The weights that a candidate's network begins with: its encoder's, and a random decoder."""
        if name == RANDOM:
            return Initialization(name=RANDOM, spec=spec)
        path = self.folder / name
        return Initialization(name=name, spec=load_encoder(path).spec, encoder=path / ENCODER)


def _on_patches(config: AlignedConfig) -> bool:
    """Whether methods are pre-trained on patches of the images with masks: where no other images are given."""
    return config.data in demo.NAMES


def _segment_config(config: AlignedConfig, **given: Any) -> SegmentConfig:
    return build(SegmentConfig, {**_segment_settings(config), **given})


def _segment_settings(config: AlignedConfig) -> dict[str, Any]:
    """The settings of `fastssl segment` that the recipe was given."""
    asked = {name: getattr(config, name) for name in _PASSED_ON if name in config.model_fields_set}
    if config.images is not None:
        return asked
    if config.data not in demo.NAMES:
        raise ConfigError(["task=segmentation: images and masks missing: give --images and --masks"])
    return {**asked, "data": config.data}
