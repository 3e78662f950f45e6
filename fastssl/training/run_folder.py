"""The folder that a run lives in.

Covers: where it is, whether it is free, claiming it for a run or a recipe. Does not cover: the settings in it
(`stored_settings.py`), checkpoints, metrics, features and reports, which their own modules write into it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from fastssl.config.train import TrainConfig, TrainingSettings
from fastssl.data.report import REPORT_FILE
from fastssl.errors import ConfigError
from fastssl.runtime import ResolvedSetting
from fastssl.stages.registry import STAGES, stage_entry
from fastssl.training.stored_settings import CONFIG, read_settings, write_asked, write_settings

ENCODER = "encoder.safetensors"
CHECKPOINTS = "checkpoints"

_CONTENTS = (
    CONFIG,
    REPORT_FILE,
    ENCODER,
    "decoder.safetensors",
    CHECKPOINTS,
    "metrics.jsonl",
    "features",
    "report",
    "tensorboard",
)


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
        write_settings(folder, settings, reasons, length)
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


def claim_recipe(folder: Path, config: TrainConfig) -> None:
    """Empty a folder of an earlier run, or of a recipe and its stages' runs, and write down what was asked for.

    Args:
        folder: of the recipe.
        config: what was asked for.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        if (folder / stage / CONFIG).is_file():
            shutil.rmtree(folder / stage)
    _empty(folder)
    write_asked(folder, config)


def release_recipe(folder: Path) -> None:
    """Undo `claim_recipe` where no stage of it has begun.

    Args:
        folder: of the recipe.
    """
    if any((folder / stage / CONFIG).is_file() for stage in STAGES):
        return
    (folder / CONFIG).unlink()
    (folder / REPORT_FILE).unlink(missing_ok=True)
    with suppress(OSError):  # other things may lie there
        folder.rmdir()
