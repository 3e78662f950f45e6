"""What a preview shows: data, views of them, and a trained run if there is one.

Covers: named views, the view of a stage, the view and the data of a run. Does not cover: rendering them (`preview.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastssl.config import PreviewConfig
from fastssl.config.train import DEMO, TrainConfig
from fastssl.data import Source, open_source
from fastssl.errors import ConfigError
from fastssl.pipelines import View
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.stages.registry import ALL_STAGES, stage_entry, train_config
from fastssl.stages.tower.defaults import auto_mask
from fastssl.training.build import build_run
from fastssl.training.load_run import LoadedRun, load_run
from fastssl.training.run_data import given_about_data

from .gallery import TITLES, fitting_views, make_view

Notify = Callable[[str], None]

STAGE_SETTINGS = ("mask", "mask_ratio", "size")
"""Settings of a preview that a stage has, too."""
RUN_SETTINGS = ("stage", "views", *STAGE_SETTINGS)
"""Settings of a preview that a run has already."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is shown.

    Args:
        title: of the sheet.
        source: the data.
        views: title of a section -> the view that it shows.
        seed: of everything random.
        runtime: device and precision.
        trained: the run whose outputs are shown, with its weights; None where only views are.
    """

    title: str
    source: Source
    views: Mapping[str, View]
    seed: int
    runtime: Runtime
    trained: LoadedRun | None = None


def subject_of_settings(config: PreviewConfig, notify: Notify) -> Subject:
    """Choose the views that the settings ask for, without any run: those of a stage, named ones, or all.

    Args:
        config: the settings.
        notify: called with one line of text whenever there is something to tell.

    Returns:
        What is shown.

    Raises:
        ConfigError: settings that do not go together, or a view that does not suit the images.
        DataError: images that cannot be opened.
    """
    if config.checkpoint:
        raise ConfigError(["checkpoint: give the RUN whose checkpoint is to be shown"])
    stage = None if config.stage == ALL_STAGES else _stage_config(config)
    runtime = resolve_runtime(config.device, config.amp, False, config.precision)
    source = open_source(config.data or (stage.data if stage else DEMO), **config.reading, notify=notify)
    if stage:
        views = {stage_entry(stage.stage).title: _stage_view(stage, source, runtime, notify)}
    else:
        views = _named_views(config, source, notify)
    title = f"Views of stage {stage.stage}" if stage else f"Views of {source.name}"
    return Subject(title=title, source=source, views=views, seed=config.seed, runtime=runtime)


def subject_of_run(folder: Path, config: PreviewConfig, notify: Notify) -> Subject:
    """Choose a run's own view, and its outputs if its checkpoint is asked for.

    Args:
        folder: of the run.
        config: the settings; data and seed are the run's own where they are not given.
        notify: called with one line of text whenever there is something to tell.

    Returns:
        What is shown.

    Raises:
        ConfigError: settings that the run has already.
        CheckpointError: there is no run, or no sound checkpoint.
        DataError: images that cannot be opened, or that have other channels than the run's.
    """
    given = [name for name in RUN_SETTINGS if name in config.model_fields_set]
    if given:
        raise ConfigError([f"{name}: {folder} has its own; leave it out, or leave out the run" for name in given])
    loaded = load_run(
        folder,
        weights=config.checkpoint,
        reading=given_about_data(config),
        device=config.device,
        amp=config.amp,
        precision=config.precision,
        notify=notify,
    )
    run = loaded.run
    return Subject(
        title=f"{'Outputs' if config.checkpoint else 'Views'} of {folder.resolve().name}",
        source=run.source,
        views={stage_entry(run.settings.stage).title: run.view},
        seed=config.seed if "seed" in config.model_fields_set else run.settings.seed,
        runtime=run.runtime,
        trained=loaded if config.checkpoint else None,
    )


def _stage_config(config: PreviewConfig) -> TrainConfig:
    """The settings of a training of the stage, its own defaults where the preview has none."""
    given = {name: getattr(config, name) for name in STAGE_SETTINGS if name in config.model_fields_set}
    return train_config({"stage": config.stage, "seed": config.seed, **given})


def _stage_view(config: TrainConfig, source: Source, runtime: Runtime, notify: Notify) -> View:
    """The view of a training with these settings, which does not depend on there being enough images for a batch."""
    few = max(2, min(config.batch_size, len(source.splits["train"])))
    run = build_run(config.model_copy(update={"batch_size": few}), source, runtime)
    for line in run.defaults.messages(run.settings, run.info):
        notify(line)
    return run.view


def _named_views(config: PreviewConfig, source: Source, notify: Notify) -> dict[str, View]:
    """The views that are named, or every view that suits the images, by their titles."""
    size, channels = config.size or min(source.image_shape[:2]), source.image_shape[2]
    kind = auto_mask(source.modality)[0] if config.mask == "auto" else config.mask
    masks: dict[str, Any] = {"mask": kind, "mask_ratio": config.mask_ratio}
    named = {name: make_view(name, size, channels, **masks) for name in config.views}
    named = named or fitting_views(size, channels, notify, **masks)
    return {TITLES[name]: view for name, view in named.items()}
