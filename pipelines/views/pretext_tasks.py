"""Several pretext tasks on the same images: one of them a batch, or all of them.

Covers: which task a batch is for, and its tensors under the task's name. Does not cover: the tasks themselves
(`jigsaw.py`, `centre_patch.py`, `colorization.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from torch import Tensor

from fastssl.pipelines.random import uniform_of_batch
from fastssl.pipelines.views.view import Parameters, View

if TYPE_CHECKING:
    from nvidia.dali.data_node import DataNode

    from fastssl.pipelines.ops.dali_ops import DaliOps

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class PretextTasks(View):
    """Make several pretext tasks of the same images: one of them per batch, or all of them.

    A batch holds what each of its tasks' views makes, under the task's name: "jigsaw/image", "jigsaw/permutation", say.
    A batch's task depends on (seed, epoch, iteration) alone, so it is the same on every rank and after any resume.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        tasks: name -> view; size, channels, mean and std have to be those given here.
        weights: in proportion to how often each task is drawn, in the order of the tasks; empty: equally often.
        one_per_batch: whether each batch is for one task, drawn at random, and nothing is rendered for the others;
            otherwise every batch is for all.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    tasks: Mapping[str, View] | tuple[tuple[str, View], ...] = ()
    weights: tuple[float, ...] = ()
    one_per_batch: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "tasks", tuple(dict(self.tasks).items()))
        object.__setattr__(self, "weights", tuple(map(float, self.weights)) or (1.0,) * len(self.tasks))
        if not self.tasks:
            raise ValueError("tasks must name at least one view")
        if len(self.weights) != len(self.tasks) or not all(0 < weight < float("inf") for weight in self.weights):
            raise ValueError(f"weights need {len(self.tasks)} positive numbers, one per task, got {self.weights}")
        for name, view in self._by_name.items():
            for field in ("size", "channels", "mean", "std"):
                if getattr(view, field) != getattr(self, field):
                    raise ValueError(f"{name} has {field} {getattr(view, field)}, not {getattr(self, field)}")

    @property
    def _by_name(self) -> dict[str, View]:
        """`tasks`, whichever way they are held."""
        return dict(self.tasks)

    @cached_property
    def parts(self) -> tuple[View, ...]:
        """One view per task, or only itself where every batch is for all."""
        if not self.one_per_batch:
            return (self,)
        return tuple(replace(self, tasks=(task,), weights=(), one_per_batch=False) for task in self._by_name.items())

    def part_of_batch(self, seed: int, epoch: int, iteration: int) -> View:
        """Draw the batch's task; see `View.part_of_batch`."""
        if not self.one_per_batch:
            return self
        *bounds, total = np.cumsum(self.weights)
        place = total * uniform_of_batch(seed, epoch, iteration)
        return self.parts[int(np.searchsorted(bounds, place, side="right"))]

    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """Draw every task's parameters; see `View.draw`."""
        return _joined({name: view.draw(seed, epoch, indices, shape) for name, view in self._by_name.items()})

    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Render every task; see `View.render_torch`."""
        return _joined(
            {name: view.render_torch(images, of_task(parameters, name)) for name, view in self._by_name.items()}
        )

    def dali_parameters(self, parameters: Parameters) -> Parameters:
        """Select every task's; see `View.dali_parameters`."""
        return _joined({name: view.dali_parameters(of_task(parameters, name)) for name, view in self._by_name.items()})

    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        """Describe every task; see `View.render_dali`."""
        return _joined(
            {name: view.render_dali(ops, images, of_task(parameters, name)) for name, view in self._by_name.items()}
        )

    def finish(self, rendered: dict[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Finish every task; see `View.finish`."""
        return _joined(
            {
                name: view.finish(of_task(rendered, name), of_task(parameters, name))
                for name, view in self._by_name.items()
            }
        )


def _joined(by_task: Mapping[str, Mapping[str, ValueT]]) -> dict[str, ValueT]:
    """Every task's entries in one dictionary, as "task/name"."""
    return {f"{task}/{name}": value for task, own in by_task.items() for name, value in own.items()}


def of_task(joined: Mapping[str, ValueT], task: str) -> dict[str, ValueT]:
    """Select one task's entries, by their own names."""
    prefix = f"{task}/"
    return {name.removeprefix(prefix): value for name, value in joined.items() if name.startswith(prefix)}
