"""`fastssl preview`: the views that training gets of images, and what a trained run makes of them, as one PNG.

Covers: rendering views by the loader that training uses, filling the sheet, writing the PNG.
Does not cover: which views and data (`subject.py`), sections (`sections.py`), drawing (`sheet_drawing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from fastssl.config import PreviewConfig, coerce_config
from fastssl.config.paths import run_path
from fastssl.console import new_console, say
from fastssl.data import Source
from fastssl.errors import ConfigError
from fastssl.files import write_atomically
from fastssl.lettering import lettering_for
from fastssl.pipelines import Loader, View
from fastssl.runtime import usual_torch_state
from fastssl.training.build import TrainingRun

from .sections import original_section, view_sections, without_repeats
from .sheet import Section, Sheet
from .sheet_drawing import draw
from .stored_images import QUARTERED
from .subject import Notify, Subject, subject_of_run, subject_of_settings

REPORT, FILE = "report", "preview.png"


@usual_torch_state()
def preview(
    run: str | Path | None = None,
    config: PreviewConfig | None = None,
    /,
    *,
    console: Console | None = None,
    **settings: Any,
) -> Path:
    """Draw a preview as a PNG: a column for each image, a row for everything that the loader yields of it.

    With the data, seed and epoch of a training these are the pixels that it gets.

    Args:
        run: a run folder, whose own data, view and seed are shown; None shows views without any run.
        config: the settings; None: `settings` make them.
        console: where messages go; None: standard output.
        **settings: fields of `PreviewConfig`, instead of `config`.

    Returns:
        The PNG's path.

    Raises:
        ConfigError: settings that do not fit each other, the images or the run.
        DataError: images that cannot be opened.
        CheckpointError: there is no run, or no sound checkpoint.
        OSError: the PNG cannot be written.
    """
    config = coerce_config(PreviewConfig, config, settings)
    console = console or new_console()

    def notify(line: str) -> None:
        say(console, line)

    folder = None if run is None else run_path(run)
    out = _destination(config, folder)
    sheet = make_sheet(folder, config, notify)
    content = draw(sheet)
    out.parent.mkdir(exist_ok=True)
    write_atomically(out, content)
    notify(f"{out}: {sheet.title[0].lower()}{sheet.title[1:]}")
    return out


def make_sheet(run: Path | None, config: PreviewConfig, notify: Notify) -> Sheet:
    """Fill a sheet with the first images of an epoch, as they are stored and as each view renders them.

    Args:
        run: a run folder, or None.
        config: the settings.
        notify: called with one line of text whenever there is something to tell.

    Returns:
        What `draw` draws.

    Raises:
        ConfigError: settings that do not fit each other, the images or the run.
        DataError: images that cannot be opened.
        CheckpointError: there is no run, or no sound checkpoint.
    """
    subject = subject_of_settings(config, notify) if run is None else subject_of_run(run, config, notify)
    if not config.quiet:
        for line in subject.source.report.lines():
            notify(line)
    split = subject.source.splits["train"]
    count = min(config.images, len(split))
    batches = {title: _first_batch(view, subject, config.epoch, count) for title, view in subject.views.items()}
    indices = next(iter(batches.values()))["index"].cpu().numpy()
    names, lines = _class_names(subject.source, indices)
    for line in lines:
        notify(line)
    original = original_section(split.images[indices], names)
    sections: list[Section] = []
    for title, view in subject.views.items():
        sections += view_sections(
            title,
            view,
            batches[title],
            _outputs(subject.trained.run, batches[title]) if subject.trained else {},
            seed=subject.seed,
            epoch=config.epoch,
            shape=split.images.shape[1:3],
            dtype=split.images.dtype,
        )
    shown = without_repeats(sections, original)
    facts = _facts(subject, config.epoch, count, repeats=_rows(shown) < _rows(sections))
    return Sheet(title=subject.title, facts=facts, original=original, sections=shown)


def _destination(config: PreviewConfig, run: Path | None) -> Path:
    """Where the PNG goes; refused before any work is done for it."""
    if config.out is None:
        return Path(FILE) if run is None else run / REPORT / FILE
    if config.out.is_dir() or config.out.suffix.lower() != ".png":
        raise ConfigError([f"out={str(config.out)!r}: give the name of a .png file"])
    if not config.out.parent.is_dir():
        raise ConfigError([f"out={str(config.out)!r}: there is no folder {config.out.parent}"])
    return config.out


def _facts(subject: Subject, epoch: int, count: int, *, repeats: bool) -> list[str]:
    """The lines below the title."""
    height, width, channels = subject.source.image_shape
    facts = [f"{subject.source.name}: the first {count} images of epoch {epoch}, seed {subject.seed}"]
    if subject.trained:
        facts.append(f"stage {subject.trained.run.settings.stage} after {subject.trained.step} steps")
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


def _outputs(run: TrainingRun, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The images that the trained stage makes of a batch."""
    with torch.no_grad(), run.runtime.autocast():
        outputs = run.stage.visualize(batch)
    if not outputs:
        stage = run.settings.stage
        raise ConfigError([f"checkpoint: stage {stage} restores no images to look at; leave it out to see its views"])
    return outputs


def _class_names(source: Source, indices: np.ndarray) -> tuple[list[str], list[str]]:
    """The class of each image, "" for one that has none or several, and what to tell of names that cannot be drawn."""
    labels = source.splits["train"].labels
    if labels is None or labels.ndim != 1 or not source.class_names:
        return [""] * len(indices), []
    letters = lettering_for(source.class_names)
    shown = [f"class {label}" if letters.lacks(name) else name for label, name in enumerate(source.class_names)]
    drawn = [f"{label} is {name!r}" for label, name in enumerate(source.class_names) if letters.lacks(name)]
    lines = [f"no installed font has the letters of some classes, which are drawn as numbers: {', '.join(drawn)}"]
    return [shown[label] if label >= 0 else "" for label in labels[indices]], lines if drawn else []
