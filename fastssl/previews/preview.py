"""`fastssl preview`: a picture of what a stage sees, and of what a trained one makes of it.

Covers: choosing the views, rendering them by the very loader that training uses, writing the PNG.
Does not cover: views (`gallery.py`, `fastssl.stages.registry`), the cells (`cells.py`), the drawing (`sheet.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from torch import Tensor

from fastssl.config import PreviewConfig, coerce_config
from fastssl.config.train import DEMO
from fastssl.data import Source, open_source
from fastssl.errors import ConfigError
from fastssl.files import write_atomically
from fastssl.pipelines import Loader, View
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.stages.registry import config_class, stage_entry, train_config
from fastssl.stages.tower.defaults import auto_mask
from fastssl.training.build import TrainingRun, build_run
from fastssl.training.load_run import LoadedRun, load_run

from .cells import QUARTERED, Section, original_section, view_sections, without_repeats
from .gallery import TITLES, fitting_views, make_view
from .sheet import Sheet, draw

Notify = Callable[[str], None]

OF_A_RUN = ("stage", "views", "mask", "mask_ratio", "size")
"""Settings that a run has of its own."""
REPORT, FILE = "report", "preview.png"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is shown.

    Args:
        what: the title's first words.
        source: the data.
        views: by the titles of their sections.
        seed: of everything random.
        runtime: device and precision.
        loaded: the run whose images are shown, with its weights; None where views alone are.
    """

    what: str
    source: Source
    views: Mapping[str, View]
    seed: int
    runtime: Runtime
    loaded: LoadedRun | None = None


def preview(
    run: str | Path | None = None,
    config: PreviewConfig | None = None,
    /,
    *,
    console: Console | None = None,
    **settings: Any,
) -> Path:
    """Draw a PNG; `settings` are the fields of `PreviewConfig`, in place of `config`. Returns where it was written.

    One column an image, one row for everything the loader yields of it: with the same data, seed and epoch these are
    the pixels that training sees.

    Args:
        run: a run folder, whose own data, view and seed are shown; None shows views without any run.
        console: where lines to read go; standard output by default.

    Raises:
        ConfigError, DataError, CheckpointError: nothing was written.
    """
    config = coerce_config(PreviewConfig, config, settings)
    console = console or Console()

    def notify(line: str) -> None:
        console.print(escape(line), soft_wrap=True)

    folder = None if run is None else Path(run)
    out = _destination(config, folder)
    subject = _of_settings(config, notify) if folder is None else _of_run(folder, config, notify)
    content = draw(_sheet(subject, config))
    out.parent.mkdir(exist_ok=True)
    write_atomically(out, content)
    notify(f"{out}: {subject.what[0].lower()}{subject.what[1:]}")
    return out


def _destination(config: PreviewConfig, run: Path | None) -> Path:
    """Where the PNG goes, refused before any work is done for it."""
    if config.out is None:
        return Path(FILE) if run is None else run / REPORT / FILE
    if config.out.is_dir() or config.out.suffix.lower() != ".png":
        raise ConfigError([f"out={str(config.out)!r}: give the name of a .png file"])
    if not config.out.parent.is_dir():
        raise ConfigError([f"out={str(config.out)!r}: there is no folder {config.out.parent}"])
    return config.out


def _of_settings(config: PreviewConfig, notify: Notify) -> Subject:
    if config.checkpoint:
        raise ConfigError(["checkpoint: give the RUN whose checkpoint is to be shown"])
    runtime = resolve_runtime(config.device, config.amp, False, config.precision)
    source = open_source(
        config.data or (DEMO if config.stage == "all" else config_class(config.stage).model_fields["data"].default),
        root=config.data_root,
        size=config.size,
        skip_corrupt=config.skip_corrupt,
        notify=notify,
    )
    size, channels = config.size or min(source.image_shape[:2]), source.image_shape[2]
    if config.stage != "all":
        views = {stage_entry(config.stage).title: _stage_view(config, source, runtime, notify)}
        what = f"What stage {config.stage} sees"
    else:
        kind = auto_mask(source.modality)[0] if config.mask == "auto" else config.mask
        masks: dict[str, Any] = {"mask": kind, "mask_ratio": config.mask_ratio}
        named = {name: make_view(name, size, channels, **masks) for name in config.views}
        named = named or fitting_views(size, channels, notify, **masks)
        views = {TITLES[name]: view for name, view in named.items()}
        what = f"Views of {source.name}"
    return Subject(what=what, source=source, views=views, seed=config.seed, runtime=runtime)


def _stage_view(config: PreviewConfig, source: Source, runtime: Runtime, notify: Notify) -> View:
    """The view of a stage trained with its default settings on this data."""
    given = {name: getattr(config, name) for name in ("mask", "mask_ratio", "size") if name in config.model_fields_set}
    asked = train_config({"stage": config.stage, "seed": config.seed, **given})
    few = max(2, min(asked.batch_size, len(source.splits["train"])))
    run = build_run(asked.model_copy(update={"batch_size": few}), source, runtime)
    for line in run.defaults.messages(run.settings, run.info):
        notify(line)
    return run.view


def _of_run(folder: Path, config: PreviewConfig, notify: Notify) -> Subject:
    own = [name for name in OF_A_RUN if name in config.model_fields_set]
    if own:
        raise ConfigError([f"{name}: {folder} has its own; leave it out, or leave out the run" for name in own])
    loaded = load_run(
        folder,
        weights=config.checkpoint,
        data=config.data,
        data_root=config.data_root,
        device=config.device,
        amp=config.amp,
        precision=config.precision,
        skip_corrupt=config.skip_corrupt,
        notify=notify,
    )
    run = loaded.run
    made = "makes of images" if config.checkpoint else "sees"
    return Subject(
        what=f"What {folder.resolve().name} {made}",
        source=run.source,
        views={stage_entry(run.settings.stage).title: run.view},
        seed=config.seed if "seed" in config.model_fields_set else run.settings.seed,
        runtime=run.runtime,
        loaded=loaded if config.checkpoint else None,
    )


def _sheet(subject: Subject, config: PreviewConfig) -> Sheet:
    """Every view's batch, as sections below the originals."""
    split = subject.source.splits["train"]
    count = min(config.images, len(split))
    batches = {title: _first_batch(view, subject, config.epoch, count) for title, view in subject.views.items()}
    indices = next(iter(batches.values()))["index"].cpu().numpy()
    original = original_section(split.images[indices], _class_names(subject.source, indices))
    sections: list[Section] = []
    for title, view in subject.views.items():
        batch = batches[title]
        sections += view_sections(
            title,
            view,
            batch,
            _pictures(subject.loaded.run, batch) if subject.loaded else {},
            seed=subject.seed,
            epoch=config.epoch,
            shape=split.images.shape[1:3],
            dtype=split.images.dtype,
        )
    shown = without_repeats(sections, original)
    return Sheet(
        subject.what, _facts(subject, config.epoch, count, repeats=_rows(shown) < _rows(sections)), original, shown
    )


def _facts(subject: Subject, epoch: int, count: int, *, repeats: bool) -> list[str]:
    """The lines below the title."""
    height, width, channels = subject.source.image_shape
    facts = [f"{subject.source.name}: the first {count} images of epoch {epoch}, seed {subject.seed}"]
    if subject.loaded:
        facts.append(f"stage {subject.loaded.run.settings.stage} after {subject.loaded.step} steps")
    facts.append(f"{height} x {width} pixels, {channels} channel{'s' * (channels > 1)}")
    facts[-1] += ", shown as quarters" if channels == QUARTERED else ""
    facts[-1] += "; targets that are the originals are left out" if repeats else ""
    return facts


def _rows(sections: Sequence[Section]) -> int:
    return sum(len(section.rows) for section in sections)


def _first_batch(view: View, subject: Subject, epoch: int, count: int) -> dict[str, Tensor]:
    """The first images of an epoch as the loader renders them, by every part of the view."""
    batch: dict[str, Tensor] = {}
    for part in view.parts:
        with Loader(
            subject.source.splits["train"].images,
            part,
            batch_size=count,
            device=subject.runtime.device,
            seed=subject.seed,
            dtype=subject.runtime.compute_dtype,
            prefetch=0,
        ) as loader:
            loader.set_epoch(epoch)
            batch |= next(iter(loader))
    return batch


def _pictures(run: TrainingRun, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    with torch.no_grad(), run.runtime.autocast():
        pictures = run.stage.visualize(batch)
    if not pictures:
        stage = run.settings.stage
        raise ConfigError([f"checkpoint: stage {stage} restores no images to look at; leave it out to see its views"])
    return pictures


def _class_names(source: Source, indices: np.ndarray) -> list[str]:
    """A word for each image: its class, where it has one and only one."""
    labels = source.splits["train"].labels
    if labels is None or labels.ndim != 1 or not source.class_names:
        return [""] * len(indices)
    return [source.class_names[label] if label >= 0 else "" for label in labels[indices]]
