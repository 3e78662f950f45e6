"""Kernels that do nothing, for every benchmark of the host's share of a launch.

Covers: replacing them, and the way of a GPU's tensors on a CPU. Does not cover: what is timed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("triton")
NAMES = ("ema_update", "info_nce", "masked_mse", "nt_xent", "transform_pixels")
MODULES = [pytest.importorskip(f"fastssl.kernels.{name}.launch") for name in NAMES]
CHOICES = [  # the modules that ask whether Triton runs
    pytest.importorskip(f"fastssl.kernels.{name}.{'op' if name in ('ema_update', 'transform_pixels') else 'autograd'}")
    for name in NAMES
]


class NoKernel:
    """Stands in for a kernel: takes any grid and any arguments, and does nothing."""

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return self._launch

    def _launch(self, *arguments: object, **constants: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace every kernel of the launch modules, and let a CPU's tensors take the way of a GPU's."""
    for module in MODULES:
        for name in [name for name in vars(module) if name.endswith("_kernel")]:
            monkeypatch.setattr(module, name, NoKernel())
    for module in CHOICES:
        monkeypatch.setattr(module, "runs_triton", lambda impl, *tensors, products=False: True)
