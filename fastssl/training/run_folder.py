"""The folder that a run lives in.

Covers: claiming it, its resolved configuration, reading that again to resume.
Does not cover: checkpoints, metrics, features and reports, which their own modules write into it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fastssl.config import build
from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.errors import CheckpointError, ConfigError
from fastssl.files import write_atomically
from fastssl.runtime import ResolvedSetting
from fastssl.stages.registry import STAGES, stage_entry, train_config

CONFIG = "config.yaml"
ENCODER = "encoder.safetensors"
CHECKPOINTS = "checkpoints"

_CONTENTS = (CONFIG, ENCODER, "decoder.safetensors", CHECKPOINTS, "metrics.jsonl", "features", "report", "tensorboard")

LENGTHS = ("epochs", "steps", "minutes")
"""Settings that say how long a run is. Of a run that has begun, the steps count; the others are kept so that the
command that began it may be repeated with --resume."""

_TRANSIENT = frozenset({"resume", "overwrite", "stop_after"})

# How a run goes on, as against what it computes.
_CHANGED_BY_RESUMING = {
    *("resume", "out", "stop_after", "checkpoint_every", "data_root"),
    *("device", "compile", "threads", "pipeline"),
}


def default_folder(config: TrainConfig) -> Path:
    """Name the folder of a run that names none: `runs/STAGE-DATA`, or `runs/RECIPE-DATA`.

    Args:
        config: what was asked for.
    """
    return Path("runs") / f"{config.recipe or config.stage}-{Path(config.data).stem}"


def folder_of(config: TrainConfig) -> Path:
    """Choose the folder of a run: `out`, or `runs/STAGE-DATA`.

    A stage that follows another (pretext follows MoCo) goes inside, where `out` is a run of that one.

    Args:
        config: what was asked for.

    Returns:
        The folder, which may not be there.

    Raises:
        CheckpointError: the settings in the folder cannot be read.
    """
    folder = config.out or default_folder(config)
    before = stage_entry(config.stage).follows
    if before and (folder / CONFIG).is_file() and read_settings(folder).get("stage") == before:
        return folder / config.stage
    return folder


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Check that a run may begin in a folder.

    Args:
        folder: of the run, which may not be there.
        overwrite: a run in it may be replaced.

    Raises:
        ConfigError: it holds a run that may not be replaced, or anything that is not a run.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError([f"out={str(folder)!r}: is a file; give another --out"])
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / CONFIG).is_file():
        raise ConfigError([f"out={str(folder)!r}: is a folder with other things in it; give another --out"])
    if not overwrite:
        raise ConfigError([f"out={str(folder)!r}: holds a run already; --resume continues it, --overwrite replaces it"])


@contextmanager
def claimed(
    folder: Path, settings: TrainingSettings, reasons: Iterable[ResolvedSetting], length: Mapping[str, float | None]
) -> Iterator[None]:
    """Empty a folder of an earlier run and write this one's settings, after everything else was checked.

    The block writes what a run cannot be resumed without. Should that fail, as on a full disk, nothing is left.

    Args:
        folder: of the run.
        settings: resolved, with the device, precision, threads and executor that the run has.
        reasons: of these settings, written above them as comments.
        length: the epochs and minutes that the steps of `settings` are, where they are known.

    Yields:
        Nothing.

    Raises:
        OSError: the settings cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _empty(folder)
        write_atomically(folder / CONFIG, _as_yaml(settings, reasons, length))
        yield
    except BaseException:
        with suppress(OSError):
            _empty(folder)
            for path in made:
                path.rmdir()
        raise


def _empty(folder: Path) -> None:
    for name in _CONTENTS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def settings_to_resume(folder: Path, asked: TrainConfig) -> TrainConfig:
    """Read the settings of a run that is to go on, with those changes that resuming allows.

    Args:
        folder: of the run.
        asked: what was asked for; only what was named counts, and "auto" is as good as not named.

    Returns:
        For a stage's run its resolved `TrainingSettings`; for a recipe what was asked for.

    Raises:
        CheckpointError: there is no run.
        ConfigError: `asked` names a setting of another value than the run's, which resuming cannot change.
    """
    stored = read_settings(folder)
    whole = stored_config(stored)
    given = {name for name in asked.model_fields_set if getattr(asked, name) not in (None, "auto")}
    fixed = sorted(given - _CHANGED_BY_RESUMING)
    own = {name: stored[name] if name in LENGTHS and name in stored else getattr(whole, name, None) for name in fixed}
    differing = [name for name in fixed if getattr(asked, name) != own[name]]
    if differing:
        raise ConfigError(
            [
                f"{name}={_plain(getattr(asked, name))!r}: the run to resume has {_plain(own[name])!r}; "
                "leave it out, or start anew in another --out"
                for name in differing
            ]
        )
    changed = {name: getattr(asked, name) for name in given & _CHANGED_BY_RESUMING}
    return stored_config({**stored, "overwrite": False, **changed})


def stored_config(stored: Mapping[str, Any]) -> TrainConfig:
    """Validate what `read_settings` found.

    Args:
        stored: names and values, as the file has them.

    Returns:
        A run's resolved `TrainingSettings`; of a recipe, and of old versions' runs, what was asked for.

    Raises:
        ConfigError: unknown settings or bad values, as in a file that was edited.
    """
    if stored.get("recipe") is not None:
        return train_config(stored)
    if stored.get("steps") is not None:  # the other lengths were turned into these
        stored = {name: value for name, value in stored.items() if name not in LENGTHS or name == "steps"}
    stage = stage_entry(stored.get("stage") or "moco")
    fields = stage.settings.model_fields  # older versions also wrote the settings of other stages, where they were null
    stored = {name: value for name, value in stored.items() if name in fields or value is not None}
    try:
        return build(stage.settings, stored)
    except ConfigError:  # an older version's, in which something is still to be resolved; or it is wrong
        return train_config(stored)


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of a run as its file has them, with the epochs or minutes that its steps are.

    Args:
        folder: of the run.

    Returns:
        Names and values.

    Raises:
        CheckpointError: there is no run, or its file cannot be read.
    """
    import yaml

    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder}: no run here (there is no {CONFIG})")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise CheckpointError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path}: not a mapping of settings")
    return settings


def claim_recipe(folder: Path, config: TrainConfig) -> None:
    """Empty a folder of an earlier run, or of a recipe and its stages' runs, and write down what was asked for.

    Args:
        folder: of the recipe.
        config: what was asked for.

    Raises:
        OSError: it cannot be written.
    """
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        if (folder / stage / CONFIG).is_file():
            shutil.rmtree(folder / stage)
    _empty(folder)
    names = sorted((config.model_fields_set | {"data"}) - _TRANSIENT)
    asked = {name: _plain(getattr(config, name)) for name in names}
    write_atomically(folder / CONFIG, yaml.safe_dump(asked, sort_keys=False))


def release_recipe(folder: Path) -> None:
    """Undo `claim_recipe` where no stage of it has begun.

    Args:
        folder: of the recipe.
    """
    if any((folder / stage / CONFIG).is_file() for stage in STAGES):
        return
    (folder / CONFIG).unlink()
    with suppress(OSError):  # other things may lie there
        folder.rmdir()


def _as_yaml(settings: TrainingSettings, reasons: Iterable[ResolvedSetting], length: Mapping[str, float | None]) -> str:
    import yaml

    content = {name: _plain(value) for name, value in settings.model_dump(exclude={*_TRANSIENT, "recipe"}).items()}
    comments = [f"# {setting.name}: {setting.value} ({setting.reason})" for setting in reasons]
    return "\n".join([*comments, yaml.safe_dump(content | dict(length), sort_keys=False)])


def _plain(value: Any) -> Any:
    """A value as YAML has it."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
