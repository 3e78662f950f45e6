"""One call, one step: a stage in somebody's own PyTorch loop.

Covers: device, precision, compilation, gradient scaling, optimiser, moving averages and queue in one call; batches of
any loader; a state that goes on to the bit. Does not cover: where batches come from, logging, files; `fastssl.train`
has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from fastssl.backend.warm_up import warm_up_batches
from fastssl.errors import CheckpointError, DivergenceError
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.stages.stage import Batch, Stage
from fastssl.stages.stage_defaults import MakeOptimizer
from fastssl.training.data_parallel import GradientSettings
from fastssl.training.engine import MOST_SKIPPED
from fastssl.training.layer_rates import rate_of, scale_of, set_rate
from fastssl.training.run_state import flatten_optimizer, restore_module, restore_optimizer
from fastssl.training.step import MEASURE_EVERY
from fastssl.training.step import Step as EngineStep


class LoopStep:
    """Steps a stage; exported as `fastssl.backend.Step`.

    `optimizer` is the optimiser and `count` says how many steps are done. Nothing in a call waits for the device, but
    for the gradient scaler of fp16.

    Args:
        stage: `run.stage` of `open_run`, or any `Stage`; moved to the device, in place, and put into training mode.
        optimizer: makes an optimiser from the stage's trained parameters, as `run.optimizer` does; or an optimiser of
            all or some of these parameters that has made no step. All its groups have one learning rate.
        runtime: device, precision and compilation, as `run.runtime`; None: by the next four.
        device: "auto", "cpu", "cuda" or "cuda:N".
        amp: mixed precision where the hardware multiplies it faster; None: yes.
        precision: "auto", "bf16", "fp16", "tf32" or "fp32".
        compile: whether to compile steps; None: on CUDA.
        schedule: the learning rate of a step, by how many were done before it, as `run.schedule.lr`; None: the rate
            that the optimiser has, which a scheduler of torch may change between calls.
        measure_every: steps from one whose costly metrics are computed, too, to the next.
        gradients: how the gradient of a step comes together: in parts of the batch, compressed between processes.

    Raises:
        ConfigError: the device is not there.
        ValueError: an optimiser of other parameters, of several rates, or one that has made steps.
    """

    def __init__(
        self,
        stage: Stage,
        optimizer: MakeOptimizer | torch.optim.Optimizer,
        *,
        runtime: Runtime | None = None,
        device: str = "auto",
        amp: bool | None = None,
        precision: str = "auto",
        compile: bool | None = None,
        schedule: Callable[[int], float] | None = None,
        measure_every: int = MEASURE_EVERY,
        gradients: GradientSettings = GradientSettings(),  # noqa: B008 (frozen)
    ) -> None:
        make = _moved(optimizer, stage) if isinstance(optimizer, torch.optim.Optimizer) else optimizer
        self.runtime = runtime or resolve_runtime(device, amp, compile, precision)
        self._step = EngineStep(stage, self.runtime, make, measure_every, gradients)
        _check_rates(self._step.optimizer)
        self._schedule = schedule
        self.stage = stage
        self.count = 0

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the stage's trained parameters."""
        return self._step.optimizer

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Train on one batch.

        Where fp16 holds no gradient of it, the gradient is scaled down and the batch is tried again.

        Args:
            batch: tensors `[B, ...]` by name, as the stage takes them, on any device; images `[B, C, H, W]` of any
                floating dtype and order in memory.

        Returns:
            Detached scalars on the device, "loss" first.

        Raises:
            DivergenceError: fp16 holds no gradient of this batch, however scaled.
        """
        batch = self.place(batch)
        lr = rate_of(self.optimizer) if self._schedule is None else self._schedule(self.count)
        for _ in range(MOST_SKIPPED + 1):
            metrics = self._step(batch, lr, number=self.count)
            if metrics is not None:
                self.count += 1
                return metrics
        raise DivergenceError(
            f"fp16 holds no gradient of step {self.count + 1}, however scaled; start again with a lower learning rate "
            "or precision='fp32'"
        )

    def place(self, batch: Batch) -> dict[str, Tensor]:
        """Move a batch to the device, its images channels-last and in the compute dtype; no copy of what is so already.

        Args:
            batch: tensors by name.

        Returns:
            The same, on the device.
        """
        return {name: self._placed(tensor) for name, tensor in batch.items()}

    def warm_up(self, batches: Iterable[Batch]) -> None:
        """Show the stage the images that it wants to see before its first step (MoCo: to fill its queue); then nothing.

        Args:
            batches: what training iterates over; a `Loader` stays where it is.
        """
        if self.count:
            return
        for batch in warm_up_batches(batches, self.stage.warm_up_images):
            with self.runtime.autocast():
                self.stage.warm_up(self.place(batch))

    def state_dict(self) -> dict[str, Any]:
        """Return the stage with its queue, the optimiser, the gradient scaler and the count, as `torch.save` takes it.

        Returns:
            Tensors and numbers by name, for `load_state_dict`. The tensors are those of the stage itself, not copies.
        """
        tensors, scalars = flatten_optimizer(self.optimizer, self._step.order)
        return {
            "stage": self.stage.state_dict(),
            "optimizer": {"tensors": tensors, "scalars": scalars, "lr": float(rate_of(self.optimizer))},
            "scaler": self._step.scaler.state_dict(),
            "count": self.count,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state: the next step is, to the bit, that of the loop that was saved.

        Args:
            state: as `state_dict` returned it, of the same stage and kind of optimiser.

        Raises:
            CheckpointError: it is not the state of such a step.
        """
        absent = [name for name in ("stage", "optimizer", "scaler", "count") if name not in state]
        if absent:
            raise CheckpointError(f"state: not one of fastssl.backend.Step, it has no {' and no '.join(absent)}")
        restore_module(self.stage, state["stage"], "state")
        kept = state["optimizer"]
        try:
            restore_optimizer(self.optimizer, self._step.order, kept["tensors"], kept["scalars"])
        except (LookupError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"state: of another optimiser ({str(error).splitlines()[0]})") from None
        if state["scaler"]:  # one that was saved in another precision has none
            self._step.scaler.load_state_dict(state["scaler"])
        set_rate(self.optimizer, kept["lr"])
        self.count = state["count"]

    def _placed(self, tensor: Tensor) -> Tensor:
        dtype = self.runtime.compute_dtype if tensor.is_floating_point() else tensor.dtype
        order = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
        return tensor.to(self.runtime.device, dtype, non_blocking=True, memory_format=order)


Step = LoopStep
"""The public name: the engine's own step has it, too (`fastssl.training.step`)."""


def _moved(optimizer: torch.optim.Optimizer, stage: Stage) -> MakeOptimizer:
    """Make a function that gives an optimiser, in place of the stage's parameters, what stands for them in a step."""
    if optimizer.state:
        raise ValueError("optimizer: it has made steps already; give a new one, or a function that makes it")
    own = list(stage.trained_parameters())
    groups = [list(group["params"]) for group in optimizer.param_groups]
    foreign = {id(parameter) for group in groups for parameter in group} - {id(parameter) for parameter in own}
    if foreign:
        raise ValueError(f"optimizer: {len(foreign)} of its parameters are none that the stage trains")

    def make(parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        stand_ins = {id(before): now for before, now in zip(own, parameters, strict=True)}
        for group, before in zip(optimizer.param_groups, groups, strict=True):
            group["params"] = [stand_ins[id(parameter)] for parameter in before]
        return optimizer

    return make


def _check_rates(optimizer: torch.optim.Optimizer) -> None:
    rates = sorted({float(f"{float(group['lr']) / scale_of(group):.6g}") for group in optimizer.param_groups})
    if len(rates) > 1:
        raise ValueError(f"optimizer: a step has one learning rate, its groups have {', '.join(map(str, rates))}")
