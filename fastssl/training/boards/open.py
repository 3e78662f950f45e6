"""Opening the boards that are asked for.

Covers: which they are, whether they are installed. Does not cover: any particular board.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastssl.errors import ConfigError

from .board import Board, Guarded

AUTO, NONE = "auto", "none"
INSTALLS: Mapping[str, tuple[str, str]] = {
    "tensorboard": ("tensorboard", "tensorboard"),
    "wandb": ("wandb", "wandb"),
    "mlflow": ("mlflow", "mlflow"),
}
"""Name of a board -> its module, and what pip installs."""


def check_boards(asked: Sequence[str]) -> tuple[str, ...]:
    """Resolve which boards are opened.

    Args:
        asked: names; "auto" alone: TensorBoard where it is installed; "none" alone: none.

    Returns:
        Names of installed boards.

    Raises:
        ConfigError: one that is asked for is not installed.
    """
    if AUTO in asked:
        return ("tensorboard",) if _is_installed("tensorboard") else ()
    missing = [name for name in asked if name != NONE and not _is_installed(name)]
    if missing:
        raise ConfigError([f"log={name}: not installed; pip install {INSTALLS[name][1]}" for name in missing])
    return tuple(name for name in asked if name != NONE)


def open_boards(
    names: Sequence[str], folder: Path, step: int, settings: Mapping[str, Any], notify: Callable[[str], None]
) -> list[Board]:
    """Open boards for a run.

    Args:
        names: as `check_boards` returns them.
        folder: of the run.
        step: what was logged after this step is hidden or written over.
        settings: of the run, shown with it.
        notify: is told in a line where one cannot be opened, or fails later.

    Returns:
        Those that could be opened. TensorBoard writes to the run's own disk, and fails as the run does; the others
        are left out where they fail.
    """
    opened: list[Board] = []
    for name in names:
        if name == "tensorboard":
            from .tensorboard_board import TensorBoard

            opened.append(TensorBoard(folder, step))
            continue
        try:
            opened.append(Guarded(name, _open(name, folder, settings), notify))
        except Exception as error:  # a network, an account, a version: whatever it is, training goes on
            notify(f"warning: {name} cannot be opened ({type(error).__name__}: {error}); training goes on without it")
    return opened


def _open(name: str, folder: Path, settings: Mapping[str, Any]) -> Board:
    if name == "wandb":
        from .wandb_board import WandbBoard

        return WandbBoard(folder, settings)
    from .mlflow_board import MlflowBoard

    return MlflowBoard(folder, settings)


def _is_installed(name: str) -> bool:
    return find_spec(INSTALLS[name][0]) is not None
