"""The commands that carry an advice out, as they are printed.

Covers: pre-training and the evaluation after it, within a budget, into folders that are free; the command that lets
methods compete instead. Does not cover: which method (`choice.py`), how long they take (`expected.py`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastssl.config.advise import AdviseConfig
from fastssl.config.command_line import as_text
from fastssl.config.data import HOW_DATA_ARE_READ
from fastssl.models.imagenet import LITE0
from fastssl.training.run_folder import holds_run

from .choice import Choice
from .look import Looked
from .masks import MaskedFolder

TRAINING_SHARE = 0.7
"""Of a budget, for pre-training; the rest is for the evaluation and what both prepare."""
FEW_PER_CLASS = 6
"""Labelled images of the smallest class below which a classifier is solved on a few per class, not fine-tuned."""
LEAST_EPOCHS = 5
"""Of fine-tuning; where a budget holds fewer, the encoder is probed frozen."""
ENOUGH_EPOCHS = 20
"""Of fine-tuning; where a budget holds fewer with an ImageNet encoder, that one is left out."""
MOST_EPOCHS, MOST_TRIALS = 100, 3
"""Of fine-tuning; the command's own."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command line.

    Attributes:
        name: of the command, such as "train".
        runs: what it works on.
        settings: its options by the names of the settings.
    """

    name: str
    runs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The line, quoted for a shell."""
        words = ["fastssl", self.name, *self.runs]
        for name, value in self.settings.items():
            option, text = f"--{name.replace('_', '-')}", as_text(value)
            words += [f"{option}={text}"] if isinstance(value, bool) or text.startswith("-") else [option, text]
        return shlex.join(words)

    def with_settings(self, **settings: Any) -> Command:
        """Return the command with other or further settings.

        Args:
            **settings: by name.
        """
        return replace(self, settings={**self.settings, **settings})

    def without(self, setting: str) -> Command:
        """Return the command without a setting.

        Args:
            setting: its name.
        """
        return replace(self, settings={name: value for name, value in self.settings.items() if name != setting})


def commands_for(choice: Choice, looked: Looked, config: AdviseConfig) -> tuple[Command, ...]:
    """Return the commands that carry out an advice: pre-training, if that is the advice, then the evaluation.

    Args:
        choice: the method.
        looked: the data.
        config: what was asked for.
    """
    if not choice.pretrain:
        return _evaluation("random", looked, config, free_folder(Path("runs") / f"supervised-{_name(config)}"))
    folder = free_folder(Path("runs") / f"{choice.stage}-{_name(config)}")
    settings: dict[str, Any] = {"stage": choice.stage, **choice.options, **_about_data(config)}
    if config.budget is not None:
        settings["minutes"] = f"{TRAINING_SHARE * config.budget:.3g}"
    train = Command(name="train", settings={**settings, "out": folder})
    return (train, *_evaluation(str(folder), looked, config, None))


def comparison_for(looked: Looked, config: AdviseConfig) -> Command | None:
    """Return the command that lets methods compete on the target task before one is fine-tuned (`--recipe aligned`).

    Args:
        looked: the data.
        config: what was asked for.

    Returns:
        None where there is nothing to score methods by: no masks, or no labels of one class per image.
    """
    labels, about = looked.source.splits["train"].labels, _about_data(config)
    if looked.facts.task == "segmentation":
        if looked.masks is not None:
            about = _folders(looked.masks) | {name: value for name, value in about.items() if name != "data"}
        elif _has_drawn_masks(looked):
            about = {"task": "segmentation", **about}
        else:
            return None
    elif looked.facts.task == "detection" or labels is None or labels.ndim == 2:
        return None
    budget = {} if config.budget is None else {"minutes": f"{TRAINING_SHARE * config.budget:.3g}"}
    out = free_folder(Path("runs") / f"aligned-{_name(config)}")
    return Command(name="train", settings={"recipe": "aligned", **about, **budget, "out": out})


@dataclass(frozen=True, kw_only=True)
class EpochSeconds:
    """What one epoch takes of each candidate that an evaluation trains.

    Attributes:
        own: of a run, and of random weights, which take as long.
        imagenet: of the ImageNet encoder, which is another one; 0 where none is asked for.
    """

    own: float
    imagenet: float = 0.0

    def of(self, evaluation: Command) -> float:
        """Return the seconds of one epoch of all its candidates.

        Args:
            evaluation: `fastssl finetune` or `fastssl segment`.
        """
        with_random = evaluation.name == "finetune" and evaluation.runs != ("random",)  # finetune adds random weights
        return self.own * (len(evaluation.runs) + with_random) + self.imagenet * ("imagenet" in evaluation.settings)


def within_budget(evaluation: Command, seconds: EpochSeconds, minutes: float) -> Command:
    """Fit fine-tuning into a budget: fewer epochs, a single trial, no ImageNet, then a probe of the frozen encoder.

    Args:
        evaluation: `fastssl finetune`.
        seconds: of an epoch.
        minutes: that it may take.

    Returns:
        The command; as it is where it fits.
    """
    alone = evaluation.without("imagenet")
    for one, least in ((evaluation, ENOUGH_EPOCHS), (alone, LEAST_EPOCHS)):
        for trials in (MOST_TRIALS, 1):
            epochs = int(60 * minutes / (trials * seconds.of(one)))
            if epochs >= MOST_EPOCHS and trials == MOST_TRIALS:
                return one
            if epochs >= least:
                return one.with_settings(epochs=min(epochs, MOST_EPOCHS), trials=trials)
    if evaluation.runs == ("random",):
        return alone.with_settings(epochs=LEAST_EPOCHS, trials=1)
    return Command(name="probe", runs=evaluation.runs)


def free_folder(folder: Path) -> Path:
    """Return a folder that holds no run yet: this one, or with -2, -3, ... behind it.

    Args:
        folder: that would be taken.
    """
    candidates = (
        folder.with_name(f"{folder.name}{'' if number == 1 else f'-{number}'}") for number in range(1, 10_000)
    )
    return next(one for one in candidates if not holds_run(one) and not one.exists())


def _evaluation(run: str, looked: Looked, config: AdviseConfig, out: Path | None) -> tuple[Command, ...]:
    """How the encoder is put to the task; nothing where there are no labels for it."""
    own = {} if run != "random" else _about_data(config)
    place = {} if out is None else {"out": out}
    if looked.facts.task == "segmentation":
        return _segmentation(run, looked, place)
    if looked.facts.task == "detection" or looked.source.splits["train"].labels is None:
        return ()
    share, per_class = looked.facts.label_share, looked.facts.labels_per_class
    if run != "random" and per_class is not None and 0 < per_class < FEW_PER_CLASS:
        return (Command(name="fewshot", runs=(run,), settings={"shots": per_class}),)
    fraction = {} if share is None or share >= 1 or config.label_budget is None else {"label_fraction": f"{share:.3g}"}
    rival = {"imagenet": LITE0} if looked.facts.imagenet else {}
    return (Command(name="finetune", runs=(run,), settings={**own, **fraction, **rival, **place}),)


def _segmentation(run: str, looked: Looked, place: Mapping[str, Any]) -> tuple[Command, ...]:
    runs = (run,) if run == "random" else (run, "random")
    if looked.masks is None:
        demo = Command(name="segment", runs=runs, settings={"data": looked.source.name.split()[0], **place})
        return (demo,) if _has_drawn_masks(looked) else ()
    return (Command(name="segment", runs=runs, settings={**_folders(looked.masks), **place}),)


def _has_drawn_masks(looked: Looked) -> bool:
    """Whether the data are the demo's, which are drawn with their masks."""
    return looked.source.splits["train"].masks is not None and looked.source.name.startswith("demo")


def _folders(masks: MaskedFolder) -> dict[str, Any]:
    """The settings that name a folder of images with masks."""
    suffix = {"mask_suffix": masks.suffix} if masks.suffix else {}
    return {"images": masks.folder, "masks": masks.folder, **suffix}


def _about_data(config: AdviseConfig) -> dict[str, Any]:
    """The settings about data that were asked for."""
    names = ("data", "data_root", "size", *HOW_DATA_ARE_READ, "device", "precision")
    asked = {name: getattr(config, name) for name in names if name in config.model_fields_set or name == "data"}
    return {name: value for name, value in asked.items() if value is not None}


def _name(config: AdviseConfig) -> str:
    return Path(config.data).stem or "data"
