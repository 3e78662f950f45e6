"""The settings in a run folder's `config.yaml`: written when a run begins, read to go on or to look at it.

Covers: a run's resolved settings with their reasons, what was asked of a recipe, what resuming may change, files of
older versions. Does not cover: the rest of the folder (`run_folder.py`), where data lie (`run_data.py`), files given by
`--config` (`fastssl.cli`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastssl.config import build
from fastssl.config.data import FULL_RANGE
from fastssl.config.settings_file import effective_settings, read_settings_file
from fastssl.config.train import LENGTHS, TrainConfig, TrainingSettings
from fastssl.errors import CheckpointError, ConfigError
from fastssl.files import write_atomically
from fastssl.runtime import ResolvedSetting
from fastssl.stages.registry import stage_entry, train_config
from fastssl.text import printable
from fastssl.training.places import absolute_places, moved_places

CONFIG = "config.yaml"
COMMAND, CHANCE = "command", "loss of a guess"
"""Names of facts about a run: the command line that it was asked for by, and what its loss is at chance."""

_TRANSIENT = frozenset({"resume", "overwrite", "stop_after"})

# They say how a run goes on, not what it computes. Whether data are still the same is told by their fingerprint.
_CHANGED_BY_RESUMING = {
    *("resume", "out", "stop_after", "checkpoint_every", "keep", "quiet"),
    *("data", "data_root", "skip_corrupt", "max_megapixels", "pseudonymise", "allow_leak"),
    *("device", "compile", "threads", "pipeline"),
    *("monitor", "monitor_share", "log", "keep_best"),
    *("gpus", "accumulate", "sync_bn", "compress_gradients", "peer_timeout"),
    *("images", "masks", "fov", "split"),
    *("shots", "draws", "proxy_steps", "margin", "finetune", "finetune_epochs", "finetune_trials"),
}

# What was chosen for one kind of device, and is chosen again for another.
_OF_THE_DEVICE = {"compile": None, "threads": None, "pipeline": "auto"}


def write_settings(
    folder: Path,
    settings: TrainingSettings,
    reasons: Iterable[ResolvedSetting],
    length: Mapping[str, float | None],
    *,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write a run's settings, with facts about the run and reasons as comments above them.

    Args:
        folder: of the run.
        settings: resolved, with the device, precision, threads and executor that the run has.
        reasons: of these settings.
        length: the epochs and minutes that the steps of `settings` are, where they are known.
        facts: what else a reader should know of the run, by name, such as its `COMMAND`.

    Raises:
        OSError: they cannot be written.
    """
    own = settings.model_dump(exclude={*_TRANSIENT, "recipe"})
    content = {name: _plain(value) for name, value in own.items()} | dict(length) | absolute_places(own)
    comments = [printable(f"# {setting.name}: {setting.value} ({setting.reason})") for setting in reasons]
    _write(folder, [*_as_comments(facts or {}), *comments], content)


def write_asked(folder: Path, config: TrainConfig, command: str = "") -> None:
    """Write what was asked of a recipe.

    Args:
        folder: of the recipe.
        config: what was asked for.
        command: the command line that asked for it.

    Raises:
        OSError: it cannot be written.
    """
    names = sorted((config.model_fields_set | {"data"}) - _TRANSIENT)
    asked = {name: getattr(config, name) for name in names}
    content = {name: _plain(value) for name, value in asked.items()} | absolute_places(asked)
    _write(folder, _as_comments({COMMAND: command} if command else {}), content)


def read_facts(folder: Path) -> dict[str, str]:
    """Read the comments above a run's settings: facts about the run, and why its settings are as they are.

    Args:
        folder: of the run.

    Returns:
        Name -> text, such as "device" -> "cpu (no CUDA device found)"; none where there is no file that can be read.
    """
    try:
        lines = (folder / CONFIG).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    comments = (line.removeprefix("# ").partition(": ") for line in lines if line.startswith("# "))
    return {name: text for name, colon, text in comments if colon}


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of a run as its file has them, with the epochs or minutes that its steps are.

    Weights to start from and a folder of data that were moved together with the run are at their new place.

    Args:
        folder: of the run.

    Returns:
        Names and values.

    Raises:
        CheckpointError: there is no run, or its file cannot be read.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder}: no run here (there is no {CONFIG})")
    try:
        stored = read_settings_file(path, numbers=True)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    # A run of 0.1 has no value range, and took every file's full range.
    known = {} if stored.get("recipe") is not None else {"value_range": FULL_RANGE}
    return {**known, **stored, **moved_places(stored, folder)}


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
    kind = stage_entry(stored.get("stage") or "moco").settings
    stored = effective_settings(stored, kind)
    try:
        return build(kind, stored)
    except ConfigError:  # an older version's, in which something is still to be resolved; or it is wrong
        return train_config(stored)


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
    given |= asked.model_fields_set & {"device"}  # "auto" is how a run leaves a device that is not there
    fixed = sorted(given - _CHANGED_BY_RESUMING)
    own = {name: stored[name] if name in LENGTHS and name in stored else getattr(whole, name, None) for name in fixed}
    differing = [name for name in fixed if _compared(name, getattr(asked, name)) != _compared(name, own[name])]
    if differing:
        raise ConfigError(
            [
                f"{name}={_plain(getattr(asked, name))!r}: the run to resume has {_plain(own[name])!r}; "
                "leave it out, or start anew in another --out"
                for name in differing
            ]
        )
    changed = {name: getattr(asked, name) for name in given & _CHANGED_BY_RESUMING}
    before = stored.get("device")
    if before is not None and _kind_of_device(changed.get("device", before)) != _kind_of_device(before):
        changed = {**_OF_THE_DEVICE, **changed}
    return stored_config({**stored, "overwrite": False, **changed, **absolute_places(changed)})


def _as_comments(facts: Mapping[str, str]) -> list[str]:
    return [printable(f"# {name}: {text}") for name, text in facts.items()]


def _write(folder: Path, comments: Iterable[str], content: Mapping[str, Any]) -> None:
    import yaml

    write_atomically(folder / CONFIG, "\n".join([*comments, yaml.safe_dump(dict(content), sort_keys=False)]))


def _compared(name: str, value: Any) -> Any:
    """A value in a form in which two ways to write one path are equal."""
    return absolute_places({name: value}).get(name, value)


def _kind_of_device(name: Any) -> str:
    """Such as "cuda" of "cuda:1"."""
    return str(name).partition(":")[0]


def _plain(value: Any) -> Any:
    """A value as YAML has it."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
