"""What the engine asks of a loader.

Covers: the contract that `fastssl.pipelines.Loader` fulfils, and so does any other source of batches.
Does not cover: where batches come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor


class Batches(Protocol):
    """Iterating yields what is left of an epoch's batches, and then moves to the next epoch."""

    batch_size: int

    def __len__(self) -> int:
        """Batches per epoch."""

    def __iter__(self) -> Iterator[dict[str, Tensor]]: ...

    def state_dict(self) -> dict[str, Any]:
        """The position after the last batch that was handed out."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position."""
