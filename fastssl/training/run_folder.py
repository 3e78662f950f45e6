"""The folder that a run lives in.

Covers: claiming it, its resolved configuration, reading that again to resume.
Does not cover: checkpoints, metrics, features and reports, which their own modules write into it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fastssl.config import TrainConfig, build, settings_of
from fastssl.config.train import STAGE_GROUPS
from fastssl.errors import CheckpointError, ConfigError
from fastssl.files import write_atomically
from fastssl.runtime import ResolvedSetting

CONFIG = "config.yaml"
ENCODER = "encoder.safetensors"
CHECKPOINTS = "checkpoints"

_CONTENTS = (CONFIG, ENCODER, "decoder.safetensors", CHECKPOINTS, "metrics.jsonl", "features", "report", "tensorboard")

_TRANSIENT = frozenset({"resume", "overwrite", "stop_after"})

# How a resumed run is carried on, as against what it computes.
_MAY_CHANGE = {
    *("resume", "out", "stop_after", "checkpoint_every", "data_root"),
    *("device", "compile", "threads", "pipeline"),
}


def default_folder(config: TrainConfig) -> Path:
    """`runs/STAGE-DATA`, or `runs/RECIPE-DATA`."""
    return Path("runs") / f"{config.recipe or config.stage}-{Path(config.data).stem}"


def folder_of(config: TrainConfig) -> Path:
    """`out`, or `runs/STAGE-DATA`; pretext asked for in a MoCo run's folder goes inside it, beside what it starts from.

    Raises:
        CheckpointError: the settings in the folder cannot be read.
    """
    folder = config.out or default_folder(config)
    if config.stage == "pretext" and (folder / CONFIG).is_file() and read_settings(folder).get("stage") == "moco":
        return folder / "pretext"
    return folder


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Raise ConfigError if `folder` holds a run that may not be replaced, or anything that is not a run."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError([f"out={str(folder)!r}: is a file; give another --out"])
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / CONFIG).is_file():
        raise ConfigError([f"out={str(folder)!r}: is a folder with other things in it; give another --out"])
    if not overwrite:
        raise ConfigError([f"out={str(folder)!r}: holds a run already; --resume continues it, --overwrite replaces it"])


@contextmanager
def claimed(folder: Path, config: TrainConfig, epochs: float, choices: Iterable[ResolvedSetting]) -> Iterator[None]:
    """Empty `folder` of an earlier run and write this one's configuration, after everything else was checked.

    The block writes what a run cannot be resumed without. Should that fail, as on a full disk, nothing is left.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _empty(folder)
        write_atomically(folder / CONFIG, _as_yaml(config, epochs, choices))
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
    """The settings of the run in `folder`, with what `asked` may change about carrying it on.

    Raises:
        CheckpointError: there is no run. ConfigError: `asked` names a setting whose value differs from the run's.
    """
    stored = read_settings(folder)
    given = {name for name in asked.model_fields_set if getattr(asked, name) not in (None, "auto")}
    own = {name: stored.get(name, TrainConfig.model_fields[name].default) for name in given}
    differing = [name for name in sorted(given - _MAY_CHANGE) if _jsonable(getattr(asked, name)) != own[name]]
    if differing:
        raise ConfigError(
            [
                f"{name}={_jsonable(getattr(asked, name))!r}: the run to resume has {own[name]!r}; "
                "leave it out, or start anew in another --out"
                for name in differing
            ]
        )
    if stored.get("steps") is not None:  # what the others came to
        stored = {name: value for name, value in stored.items() if name not in ("epochs", "minutes")}
    changed = {name: getattr(asked, name) for name in given & _MAY_CHANGE}
    return build(TrainConfig, {**stored, "overwrite": False, **changed})


def read_settings(folder: Path) -> dict[str, Any]:
    """The resolved settings of a run: those of `TrainConfig`, with both "epochs" and "steps"."""
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
    """Empty `folder` of an earlier run, or of a recipe and its stages' runs, and write down what was asked for."""
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGE_GROUPS:
        if (folder / stage / CONFIG).is_file():
            shutil.rmtree(folder / stage)
    _empty(folder)
    names = sorted((config.model_fields_set | {"data"}) - _TRANSIENT)
    asked = {name: _jsonable(getattr(config, name)) for name in names}
    write_atomically(folder / CONFIG, yaml.safe_dump(asked, sort_keys=False))


def release_recipe(folder: Path) -> None:
    """Undo `claim_recipe` where no stage of it has begun."""
    if any((folder / stage / CONFIG).is_file() for stage in STAGE_GROUPS):
        return
    (folder / CONFIG).unlink()
    with suppress(OSError):  # other things may lie there
        folder.rmdir()


def _as_yaml(config: TrainConfig, epochs: float, choices: Iterable[ResolvedSetting]) -> str:
    import yaml

    own = settings_of(config.stage)
    settings = {name: _jsonable(value) for name, value in config.model_dump().items() if name in own}
    settings["epochs"] = int(epochs) if epochs == int(epochs) else None
    for unwritten in (*_TRANSIENT, "recipe"):
        settings.pop(unwritten)
    reasons = [f"# {choice.name}: {choice.value} ({choice.reason})" for choice in choices]
    return "\n".join([*reasons, yaml.safe_dump(settings, sort_keys=False)])


def _jsonable(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
