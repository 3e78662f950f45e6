"""One step of training: from a batch to updated weights.

Covers: precision, compilation, gradient scaling, the optimiser, the stage's own updates, whole steps from CUDA graphs
(`step_graph.py`). Does not cover: where batches come from, how many steps there are, files (`engine.py`).

Moving average, loss and queue are one region, which `torch.compile` makes one graph: nothing in it is read by the host.
Of a step whose gradient is scaled, and may be thrown away, or comes from several parts of the batch, the region is the
loss alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import groupby

import torch
from torch import Tensor, nn

from fastssl.distributed.collectives import average_metrics
from fastssl.distributed.world import world
from fastssl.runtime import Runtime
from fastssl.stages.stage import Batch, Stage, StageOutput
from fastssl.training.data_parallel import GradientSettings, data_parallel, parts_of, without_exchange
from fastssl.training.layer_rates import set_rate
from fastssl.training.memory_order import MemoryOrder
from fastssl.training.step_graph import StepGraphs

MEASURE_EVERY = 10
"""Steps from one to the next in which a stage computes the metrics that cost it time, such as MoCo's ranks."""

MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
Metrics = dict[str, Tensor]


class Step:
    """Steps one stage.

    Args:
        stage: moved to the device, in place, as `Runtime.place` does.
        runtime: device, precision, compilation.
        make_optimizer: makes the optimiser from the stage's trained parameters, once they are on the device.
        measure_every: steps from one that is measured in full to the next.
        gradients: how the gradient of a step comes together.
    """

    def __init__(
        self,
        stage: Stage,
        runtime: Runtime,
        make_optimizer: MakeOptimizer,
        measure_every: int = MEASURE_EVERY,
        gradients: GradientSettings = GradientSettings(),  # noqa: B008 (frozen)
    ) -> None:
        self.stage = runtime.place(stage).train()
        if not runtime.compile:
            stage.lay_out()  # a compiled region fuses its updates itself, and may not be handed memory twice
        self._runtime = runtime
        self._measure_every = measure_every
        self.order = MemoryOrder(stage.trained_parameters())
        self.optimizer = make_optimizer(self.order.views)
        self.scaler = torch.amp.GradScaler(runtime.device.type, enabled=runtime.needs_scaler)
        self._statistics = _RunningStatistics(stage)
        _move_rates(self.optimizer, runtime.device)
        self._parts = gradients.accumulate
        self._apart = self.scaler.is_enabled() or self._parts > 1
        self._begun = False
        region = _Region(stage, runtime, updates=not self._apart)
        self._network = data_parallel(region, gradients, alternates=stage.alternates)
        replayed = runtime.cuda_graphs and not self._apart and world().size == 1
        self._graphs = StepGraphs(self._train) if replayed else None

    def __call__(self, batch: Batch, lr: float | Tensor, *, number: int) -> Metrics | None:
        """Train on one batch, without waiting for the device.

        Args:
            batch: on the device, as the stage takes it.
            lr: the learning rate of this step.
            number: of the step, from 0; it decides whether the step is measured in full.

        Returns:
            Scalars on the device, among them "loss". None where the gradient scaler found a gradient that fp16 does not
            hold: then nothing has moved, neither weights nor moving average nor queue nor batch norms' statistics nor
            the optimiser's state, and the step is still to be done.
        """
        set_rate(self.optimizer, lr)
        self.stage.measuring = number % self._measure_every == 0
        if self._apart:
            return self._train_apart(batch)
        if self._graphs is not None:
            return self._graphs(batch, self.stage.measuring)
        return self._train(batch)

    def _train(self, batch: Batch) -> Metrics:
        output = self._network(batch)
        output.loss.backward()
        self.order.hand_over_gradients()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return average_metrics(_metrics(output))

    def _train_apart(self, batch: Batch) -> Metrics | None:
        """A step whose updates wait for its gradient."""
        self._statistics.keep()
        known = set(self.optimizer.state)
        outputs = self._backward(batch)
        scale = self.scaler.get_scale()
        self.order.hand_over_gradients()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.scaler.get_scale() < scale:
            self._statistics.put_back()
            self._forget_state(known)
            return None
        for output in outputs:
            self.stage.after_step(output.carry)
        self.stage.before_step()  # of the next one: a step that is skipped must not move the average again
        return average_metrics(_mean([_metrics(output) for output in outputs]))

    def _backward(self, batch: Batch) -> list[StageOutput]:
        """Sum up the gradient over the parts of a batch; it is exchanged with the last one's.

        In the first step it is exchanged with each, which comes to the same: DistributedDataParallel takes the passes
        that it learns the graph from to be exchanged (torch 2.14.1).
        """
        outputs: list[StageOutput] = []
        for number, part in enumerate(parts_of(batch, self._parts), start=1):
            kept = self._begun and number < self._parts
            with without_exchange(self._network) if kept else nullcontext():
                output: StageOutput = self._network(part)
                self.scaler.scale(output.loss / self._parts).backward()
            outputs.append(StageOutput(output.loss.detach(), output.metrics, output.carry))
        self._begun = True
        return outputs

    def _forget_state(self, known: set[Tensor]) -> None:
        """Drop what the optimiser made for parameters that it did not know.

        Fused SGD makes momentum buffers and then leaves them as memory that nobody wrote, where the scaler skips its
        first step (torch 2.14.1): the next step would add what lies there to the weights.
        """
        for parameter in [parameter for parameter in self.optimizer.state if parameter not in known]:
            del self.optimizer.state[parameter]


class _RunningStatistics:
    """What the batch norms of a stage keep of the batches that they see, skipped or not."""

    def __init__(self, stage: Stage) -> None:
        norms = (part for part in stage.modules() if getattr(part, "track_running_stats", False))
        buffers = [buffer for norm in norms for buffer in norm.buffers(recurse=False)]
        by_dtype = groupby(sorted(buffers, key=lambda buffer: str(buffer.dtype)), key=lambda buffer: buffer.dtype)
        groups = [list(group) for _, group in by_dtype]
        self._pairs = [(group, [buffer.clone() for buffer in group]) for group in groups]

    def keep(self) -> None:
        for buffers, kept in self._pairs:
            torch._foreach_copy_(kept, buffers)

    def put_back(self) -> None:
        for buffers, kept in self._pairs:
            torch._foreach_copy_(buffers, kept)


class _Region(nn.Module):
    """What a step computes ahead of its backward pass.

    Args:
        stage: that is trained.
        runtime: precision, compilation.
        updates: with the stage's own updates before and after the loss; its carry is then empty.
    """

    def __init__(self, stage: Stage, runtime: Runtime, *, updates: bool) -> None:
        super().__init__()
        self.stage = stage
        self._runtime = runtime
        compute = self._with_updates if updates else self._loss
        self._compute: Callable[[Batch], StageOutput] = (
            torch.compile(compute, fullgraph=True, backend=runtime.backend) if runtime.compile else compute
        )

    def forward(self, batch: Batch) -> StageOutput:
        return self._compute(batch)

    def _loss(self, batch: Batch) -> StageOutput:
        with self._runtime.autocast():
            return self.stage.loss(batch)

    def _with_updates(self, batch: Batch) -> StageOutput:
        self.stage.before_step()
        output = self._loss(batch)
        self.stage.after_step(output.carry)
        return StageOutput(output.loss, output.metrics, {})


def _metrics(output: StageOutput) -> Metrics:
    return {"loss": output.loss.detach(), **output.metrics}


def _mean(parts: list[Metrics]) -> Metrics:
    """Of the metrics of several parts of a batch."""
    if len(parts) == 1:
        return parts[0]
    return {name: torch.stack([part[name].float() for part in parts]).mean() for name in parts[0]}


def _move_rates(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """On CUDA, make each group's learning rate a scalar there, so that a replayed step can read it."""
    if device.type != "cuda":
        return
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]), device=device)
        if "capturable" in group:
            group["capturable"] = True
