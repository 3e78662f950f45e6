"""Kernels that do nothing, for the benchmarks of the host's share of a launch.

Covers: replacing them, and the way of a GPU's tensors on a CPU. Does not cover: what is timed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

NAMES = ("ema_update", "info_nce", "masked_mse", "nt_xent", "transform_pixels")
CHOOSE_IN_OP = ("ema_update", "transform_pixels")
"""Those whose `op` asks whether Triton runs; of the others it is `autograd`."""


class NoKernel:
    """Stands in for a kernel: takes any grid and any arguments, and does nothing."""

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return self._launch

    def _launch(self, *arguments: object, **constants: object) -> None:
        pass


@contextmanager
def no_kernels() -> Iterator[None]:
    """While the block runs no launch reaches a kernel, and a CPU's tensors take the way of a GPU's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            launch = importlib.import_module(f"fastssl.kernels.{name}.launch")
            for kernel in [kernel for kernel in vars(launch) if kernel.endswith("_kernel")]:
                patch.setattr(launch, kernel, NoKernel())
            choice = importlib.import_module(f"fastssl.kernels.{name}.{'op' if name in CHOOSE_IN_OP else 'autograd'}")
            patch.setattr(choice, "runs_triton", lambda impl, *tensors, products=False: True)
        yield
