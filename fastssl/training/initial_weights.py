"""The weights that a new run starts from.

Covers: those asked for, and for a stage that follows another (pretext follows MoCo) a run of that one near its own
folder. Does not cover: loading them (`build.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastssl.config.train import DEMO, TrainConfig
from fastssl.models.encoder_file import read_spec
from fastssl.stages.registry import stage_entry
from fastssl.training.run_folder import ENCODER, default_folder
from fastssl.training.stored_settings import CONFIG, read_settings


def initial_weights(config: TrainConfig, folder: Path) -> tuple[str | Path | None, str]:
    """Find the weights that a new run starts from.

    Args:
        config: what was asked for.
        folder: of the run.

    Returns:
        A run, a file or published weights, or None for random ones, and a line about it for the user; "" where there
        is nothing to say.

    Raises:
        CheckpointError: the settings of a run near by cannot be read.
    """
    before = stage_entry(config.stage).follows
    if not before:
        return config.init, ""
    if config.init is not None:
        return config.init, f"starts from {config.init}"
    title, refused = stage_entry(before).title, ""
    for run in _runs_near(config, folder, before):
        reason = _why_not(run, config)
        if reason is None:
            return run, f"starts from the {title} run in {run}"
        refused += f"{run} is a {title} run {reason}; "
    return None, f"starts from random weights: {refused}give a trained encoder with --init RUN"


def _runs_near(config: TrainConfig, folder: Path, stage: str) -> Iterator[Path]:
    """Runs of a stage near a folder: the one around it, its neighbour, or the default one of the same data."""
    places = [folder.parent, folder.parent / stage]
    if folder == default_folder(config):
        alike = {"stage": stage}
        places.append(default_folder(config.model_copy(update=alike)))
        if (
            "data" not in config.model_fields_set
        ):  # by default that stage has the grey demo set: say why it is not taken
            places.append(default_folder(config.model_copy(update={**alike, "data": DEMO})))
    for place in places:
        if (place / CONFIG).is_file() and read_settings(place).get("stage") == stage:
            yield place


def _why_not(run: Path, config: TrainConfig) -> str | None:
    """Why the encoder of a run cannot be gone on with; None if it can."""
    settings = read_settings(run)
    spec = read_spec(run) if (run / ENCODER).is_file() else None
    if spec is None:
        return "without an encoder yet"
    if settings.get("data") != config.data:
        return f"on other data ({settings.get('data')})"
    for name, value in (("encoder", spec.name), ("stem", spec.stem)):
        if getattr(config, name) not in ("auto", value):
            return f"with another {name} ({value})"
    return None
