"""The runtime of a step: the record of what is switched on, and what follows from it.

Covers: where and in which precision a step is computed, how a network is laid out there, each with its reason. Does not
cover: what is chosen for which device (`resolve.py`), the step (`fastssl.training.step`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from fastssl.pipelines.placement import APPLE
from fastssl.runtime.layout import lay_out_on

PREFETCH = 3

DTYPES: dict[str, torch.dtype | None] = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None, "tf32": None}
"""Name of a precision -> the dtype that autocast computes in; None: no autocast."""

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class ResolvedSetting:
    """A setting that was resolved.

    Args:
        name: of the setting.
        value: as text.
        reason: why it has this value, in one line.
    """

    name: str
    value: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How a step is run.

    Args:
        device: where networks and batches are.
        precision: a key of `DTYPES`, as `--precision` takes it.
        compile: compile steps by `torch.compile`; on CUDA whole steps are then replayed from CUDA graphs.
        backend: of `torch.compile`.
        reasons: what was resolved, each with its reason.
    """

    device: torch.device
    precision: str
    compile: bool
    backend: str | Callable[..., Any] = "inductor"
    reasons: tuple[ResolvedSetting, ...] = ()

    @property
    def amp_dtype(self) -> torch.dtype | None:
        """The dtype that autocast computes in; None: no autocast."""
        return DTYPES[self.precision]

    @property
    def compute_dtype(self) -> torch.dtype:
        """The dtype that batches and the queue are kept in."""
        return self.amp_dtype or torch.float32

    @property
    def needs_scaler(self) -> bool:
        """Whether gradients are scaled: those of fp16 underflow otherwise; bf16 has fp32's range."""
        return self.amp_dtype is torch.float16

    @property
    def cuda_graphs(self) -> bool:
        """Whether whole steps are replayed from CUDA graphs."""
        return self.compile and self.device.type == "cuda"

    @property
    def prefetch(self) -> int:
        """Batches that a loader's threads make ahead on the host; none where the training itself runs on the CPU.

        There a second thread that uses OpenMP makes every parallel region of the first one slower: a step took 165 to
        195 ms without such threads and 240 to 310 with them, while a batch takes 4 (ResNet-18, 28 px, 2 cores).
        """
        return 0 if self.device.type == "cpu" else PREFETCH

    @property
    def solver_device(self) -> torch.device:
        """Where problems are solved in float64: the device, but for an Apple GPU, which has none, the CPU."""
        return torch.device("cpu") if self.device.type == APPLE else self.device

    def place(self, module: ModuleT) -> ModuleT:
        """Move a network to the device, in place, as `lay_out_on` does.

        Args:
            module: a network, or a stage with all its networks.

        Returns:
            `module` itself.
        """
        return lay_out_on(self.device, module)

    def autocast(self) -> AbstractContextManager[object]:
        """Make the autocast context of one forward pass.

        Returns:
            A context; an empty one without an `amp_dtype`.
        """
        if self.amp_dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.amp_dtype)
