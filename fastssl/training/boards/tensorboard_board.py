"""TensorBoard: scalars in the run's `tensorboard/` folder.

Covers: writing them, hiding those of a call that got further than its last checkpoint. Does not cover: showing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class TensorBoard:
    """Writes scalars for TensorBoard.

    Args:
        folder: of the run.
        step: what was logged after this step is hidden.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()
