"""Whole training steps replayed from CUDA graphs, one for each kind of batch. Not yet run on a GPU.

Covers: warm-up, static buffers for a batch, capture, replay, and going on without where a step cannot be captured.
Does not cover: what a step does (`step.py`).

A replay costs the host one launch, where a step of a ResNet-50 costs it about a thousand.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fastssl.stages.stage import Batch

WARM_UP_STEPS = 3
"""Of each kind, run as they are before it is captured: cuDNN chooses its algorithms, the optimiser makes its state."""

Metrics = dict[str, Tensor]


class Replayable(Protocol):
    """What a capture returns, such as `torch.cuda.CUDAGraph`."""

    def replay(self) -> None:
        """Do again what was captured."""


Capture = Callable[[Callable[[], Metrics]], tuple[Replayable, Metrics]]
"""Records a call without running it; returns the record and the tensors that each replay fills."""


@dataclass(kw_only=True)
class _Captured:
    """A step of one kind. batch: the tensors it reads. metrics: those it writes."""

    graph: Replayable
    batch: dict[str, Tensor]
    metrics: Metrics


class StepGraphs:
    """Runs steps: the first of each kind as they are, later ones from a graph.

    Args:
        run: trains on one batch and returns device scalars; must wait for nothing and read nothing on the host.
        capture: for tests; default: a CUDA graph.
    """

    def __init__(self, run: Callable[[Batch], Metrics], capture: Capture | None = None) -> None:
        self._run = run
        self._capture = capture or capture_cuda
        self._seen: dict[Hashable, int] = {}
        self._captured: dict[Hashable, _Captured] = {}
        self._given_up = False

    def __call__(self, batch: Batch, kind: Hashable) -> Metrics:
        """Train on one batch.

        Args:
            batch: on the device, as `run` takes it.
            kind: what decides what a step does, other than the names, shapes, dtypes and layouts of the batch.

        Returns:
            The metrics, in memory of their own.
        """
        key = (kind, *((n, t.shape, t.dtype, t.stride()) for n, t in sorted(batch.items())))
        captured = self._captured.get(key)
        if captured is None:
            self._seen[key] = self._seen.get(key, 0) + 1
            if self._given_up or self._seen[key] <= WARM_UP_STEPS:
                return self._run(batch)
            captured = self._try_to_capture(batch)
            if captured is None:
                return self._run(batch)
            self._captured[key] = captured
        for name, tensor in batch.items():
            captured.batch[name].copy_(tensor, non_blocking=True)
        captured.graph.replay()
        return {name: value.clone() for name, value in captured.metrics.items()}

    def _try_to_capture(self, batch: Batch) -> _Captured | None:
        """None where it fails; capturing runs nothing, so that the step can then be done as it is."""
        static = {name: tensor.clone() for name, tensor in batch.items()}
        try:
            graph, metrics = self._capture(lambda: self._run(static))
        except RuntimeError as error:
            self._given_up = True
            reason = str(error).splitlines()[0]
            warnings.warn(f"steps are not replayed from CUDA graphs: {reason}", RuntimeWarning, stacklevel=2)
            return None
        return _Captured(graph=graph, batch=static, metrics=metrics)


def capture_cuda(call: Callable[[], Metrics]) -> tuple[Replayable, Metrics]:
    """Record a call as a CUDA graph with memory of its own.

    Args:
        call: launches work on the current device, and waits for nothing.

    Returns:
        The graph, and the tensors that each replay fills.
    """
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # the loader's threads go on with their work
        metrics = call()
    return graph, metrics
