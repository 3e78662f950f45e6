"""What a stage is: one objective, as a module that turns a batch of views into a loss.

Covers: the contract between stages and the engine. Does not cover: any objective, device, precision, loop or file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

from torch import Tensor, nn

Batch = Mapping[str, Tensor]


class StageOutput(NamedTuple):
    """The result of a stage's loss; a tuple, which `torch.compile` passes through.

    Args:
        loss: scalar to be minimised.
        metrics: detached scalars worth watching, by name.
        carry: detached tensors that `after_step` needs (for MoCo, the new keys), by name.
    """

    loss: Tensor
    metrics: dict[str, Tensor]
    carry: dict[str, Tensor]


class Score(Protocol):
    """What a head has learnt; `str` makes it a line for a person."""

    def numbers(self) -> dict[str, float | None]:
        """Return the figures by name; None where one is not defined."""


class Stage(nn.Module, ABC):
    """One objective. `state_dict()` is all that has to be saved; `encoder` is what users take away."""

    encoder: nn.Module
    """Maps images `[B, C, H, W]` to features `[B, D]`."""
    chance_loss: float | None = None
    """The loss when nothing has been learnt, where that is known; shown together with the loss."""
    warm_up_images: int = 0
    """How many images `warm_up` is shown before the first step of a run."""
    alternates: bool = False
    """Whether steps train different parameters, as those of one task of several."""
    measuring: bool = True
    """Whether `loss` also returns the metrics that cost it time; the engine switches it on every tenth step."""

    def trained_parameters(self) -> Iterator[nn.Parameter]:
        """List what the optimiser steps.

        Yields:
            The parameters.
        """
        return (p for p in self.parameters() if p.requires_grad)

    def lay_out(self) -> None:
        """Put parameters that are updated together into one buffer: once, on the device, before the optimiser is made.

        Not called where the step is compiled.
        """

    def warm_up(self, batch: Batch) -> None:
        """Look at a batch before the first step, without training on it (for MoCo, to fill the queue).

        Args:
            batch: as of `loss`.
        """

    def before_step(self) -> None:
        """Update in place what precedes the forward pass (for MoCo, the key encoder's moving average)."""

    @abstractmethod
    def loss(self, batch: Batch) -> StageOutput:
        """Compute the objective on one batch.

        Compiled with the updates around it: no host sync, no branch on a tensor.

        Args:
            batch: tensors `[B, ...]` by name, as the stage's view makes them: on the device, images `[B, C, H, W]`
                normalised, channels-last, in the compute dtype.

        Returns:
            Loss, metrics, and what `after_step` needs.
        """

    def after_step(self, carry: dict[str, Tensor]) -> None:
        """Update in place what follows the loss (for MoCo, the queue takes the keys).

        It may come before the backward pass, so it leaves alone what that reads.

        Args:
            carry: of this step's `StageOutput`.
        """

    def visualize(self, batch: Batch) -> dict[str, Tensor]:
        """Make images of a batch for a person to look at, such as restored ones.

        Called in eval mode without gradients.

        Args:
            batch: as of `loss`.

        Returns:
            Images `[B, C, S, S]` by name, normalised as the batch is; none unless overridden.
        """
        return {}

    def exports(self) -> dict[str, nn.Module]:
        """Return modules besides the encoder that users take away, by name; each goes to `NAME.safetensors`."""
        return {}

    def messages(self) -> list[str]:
        """Tell what a user should read before training starts, such as the loss of a chance guess.

        Returns:
            Lines; none unless overridden.
        """
        return []

    def score(
        self, batches: Iterable[Batch], autocast: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> Mapping[str, Score]:
        """Score the heads on held-out images when a run ends; the stage is left as it was.

        Args:
            batches: as the stage's `StageDefaults.scoring_view` makes them.
            autocast: makes the context of the forward passes.

        Returns:
            Name of a head -> its score; nothing unless overridden.
        """
        return {}
