"""The folder that a run lives in.

Covers: where it is, whether it is free, claiming it for a run or a recipe, what killed processes left in it. Does not
cover: the settings in it (`stored_settings.py`), who may work in it (`run_lock.py`), checkpoints, metrics, features and
reports, which their own modules write into it.

A run begins whole or not at all: its settings and its first checkpoint are written into a hidden folder, which is then
renamed; from that moment on the run is there, and whoever owns the folder next finishes what is left to move.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.data.report import REPORT_FILE
from fastssl.errors import ConfigError
from fastssl.files import clear_partials, sync
from fastssl.runtime import ResolvedSetting
from fastssl.stages.registry import stage_entry, stage_names
from fastssl.training.retention import clear_remains
from fastssl.training.run_lock import LOCK, run_lock
from fastssl.training.stored_settings import CONFIG, read_settings, write_asked, write_settings

ENCODER = "encoder.safetensors"
CHECKPOINTS = "checkpoints"

_FOLDERS = (CHECKPOINTS, "features", "report", "tensorboard", "wandb")
_CONTENTS = (
    *(CONFIG, REPORT_FILE, ENCODER, "encoder-best.safetensors", "decoder.safetensors", "metrics.jsonl"),
    *("speed.jsonl", "boards.json"),
    *_FOLDERS,
)

_BEGINNING, _BEGUN = ".beginning", ".begun"
"""The hidden folder that a run is prepared in, and its name once everything is there."""


def default_folder(config: TrainConfig) -> Path:
    """Choose the folder of a run that names none.

    Args:
        config: what was asked for.

    Returns:
        `runs/STAGE-DATA`, or `runs/RECIPE-DATA`.
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
    if not folder.exists() or {path.name for path in folder.iterdir()} <= {LOCK, _BEGINNING}:
        return
    if not holds_run(folder):
        raise ConfigError([f"out={str(folder)!r}: is a folder with other things in it; give another --out"])
    if not overwrite:
        raise ConfigError([f"out={str(folder)!r}: holds a run already; --resume continues it, --overwrite replaces it"])


def check_place(folder: Path, config: TrainConfig) -> None:
    """Refuse what can be refused before anything is touched: a taken folder, or nothing to go on with.

    Args:
        folder: of a run or a recipe.
        config: what was asked for.

    Raises:
        ConfigError: a run is to begin where it may not.
        CheckpointError: a run is to go on where there is none.
    """
    if not config.resume:
        check_free(folder, overwrite=config.overwrite)
    elif not holds_run(folder):
        read_settings(folder)  # says what is missing


def holds_run(folder: Path) -> bool:
    """Tell whether a run or a recipe has begun in a folder.

    Args:
        folder: which may not be there.

    Returns:
        Whether it has.
    """
    return (folder / CONFIG).is_file() or (folder / _BEGUN).is_dir()


def clear_folder(folder: Path) -> None:
    """Finish or undo what a killed process left in a folder: a beginning, half-written files and checkpoints.

    Args:
        folder: of a run or a recipe, whose lock is held (`run_lock`).

    Raises:
        OSError: it cannot be changed.
    """
    _finish_beginning(folder)
    shutil.rmtree(folder / _BEGINNING, ignore_errors=True)
    clear_remains(folder / CHECKPOINTS)
    for path in (folder, *(folder / name for name in _FOLDERS)):
        clear_partials(path)


@contextmanager
def claimed(
    folder: Path,
    settings: TrainingSettings,
    reasons: Iterable[ResolvedSetting],
    length: Mapping[str, float | None],
    *,
    facts: Mapping[str, str] | None = None,
) -> Iterator[Path]:
    """Begin a run in place of an earlier one, after everything else was checked.

    The block writes what a run cannot be resumed without. Should that fail, as on a full disk, nothing is changed: the
    earlier run goes once this one is on disk.

    Args:
        folder: of the run, whose lock is held (`run_lock`).
        settings: resolved, with the device, precision, threads and executor that the run has.
        reasons: of these settings, written above them as comments.
        length: the epochs and minutes that the steps of `settings` are, where they are known.
        facts: what else a reader should know of the run, by name; written above the reasons.

    Yields:
        A folder whose contents are the run's, after the block.

    Raises:
        OSError: the settings cannot be written.
    """
    beginning = folder / _BEGINNING
    try:
        beginning.mkdir()
        write_settings(beginning, settings, reasons, length, facts=facts)
        yield beginning
        sync(beginning)
        beginning.rename(folder / _BEGUN)
    except BaseException:
        shutil.rmtree(beginning, ignore_errors=True)
        raise
    sync(folder)
    _finish_beginning(folder)


def _finish_beginning(folder: Path) -> None:
    """Move a run that has begun to its place; it may be cut short anywhere, and done again.

    The checkpoints are moved first: as long as they are to be moved, what lies in the folder is an earlier run's. The
    settings, by which a run is known, are moved last.
    """
    begun = folder / _BEGUN
    if not begun.is_dir():
        return
    if (begun / CHECKPOINTS).exists():
        _empty(folder)
        (begun / CHECKPOINTS).rename(folder / CHECKPOINTS)
    for path in sorted(begun.iterdir(), key=lambda path: path.name == CONFIG):
        path.replace(folder / path.name)
    begun.rmdir()
    sync(folder)


def _empty(folder: Path) -> None:
    for name in _CONTENTS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def claim_recipe(folder: Path, config: TrainConfig, command: str) -> None:
    """Empty a folder of an earlier run, or of a recipe and its stages' runs, and write down what was asked for.

    Args:
        folder: of the recipe, whose lock is held (`run_lock`).
        config: what was asked for.
        command: the command line that asked for it.

    Raises:
        ConfigError: another process trains one of the stages.
        OSError: it cannot be written.
    """
    for stage in stage_names():
        if holds_run(folder / stage):
            with run_lock(folder / stage):
                shutil.rmtree(folder / stage)
    _empty(folder)
    write_asked(folder, config, command)


def release_recipe(folder: Path) -> None:
    """Undo `claim_recipe` where no stage of it has begun.

    Args:
        folder: of the recipe.
    """
    if any(holds_run(folder / stage) for stage in stage_names()):
        return
    for name in (CONFIG, REPORT_FILE):
        (folder / name).unlink(missing_ok=True)
