"""The loader as the engine sees it.

Covers: the contract that `fastssl.pipelines.Loader` fulfils, and so does any other source of batches.
Does not cover: where batches come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor


class Batches(Protocol):
    """A source of batches; iterating yields what is left of an epoch, and then moves to the next epoch.

    Args:
        batch_size: images per batch.
    """

    batch_size: int

    def __len__(self) -> int:
        """Return the number of batches per epoch."""

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield tensors `[B, ...]` by name, on the run's device."""

    def state_dict(self) -> dict[str, Any]:
        """Return the position after the last batch that was handed out, as JSON knows it."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position.

        Args:
            state: as `state_dict` returned it.
        """
