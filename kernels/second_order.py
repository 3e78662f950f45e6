"""Gradients that can be differentiated again, for operations whose own gradient is made without a graph.

Covers: the gradients of a plain formula by torch's autograd (what backward returns under `create_graph=True`), the
constants that it reads once more, and that torch refuses second derivatives of compiled graphs. Does not cover: the
formulas, which each operation has beside its reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fastssl.kernels.dispatch import register_op


class Constants:
    """Tensors that a second derivative reads, and whether they are still what they were.

    They are not saved for backward: the first derivative does not read them, so their owner may write to them before.

    Args:
        operation: name of the public function, for the error.
        tensors: by the names of its arguments; None for those that were not given.
    """

    def __init__(self, operation: str, **tensors: Tensor | None) -> None:
        self._operation = operation
        self._tensors = tensors
        self._versions = {name: _version(tensor) for name, tensor in tensors.items()}

    def read(self) -> dict[str, Tensor | None]:
        """The tensors by name, fit for autograd. Raises RuntimeError where one was written to since."""
        for name, tensor in self._tensors.items():
            if _version(tensor) != self._versions[name]:
                raise RuntimeError(
                    f"a second derivative of {self._operation} reads {name} again, which was written to since: "
                    f"take it before {name} changes, or pass {name}.clone()"
                )
        return {name: _for_autograd(tensor) for name, tensor in self._tensors.items()}


def _for_autograd(tensor: Tensor | None) -> Tensor | None:
    return tensor.clone() if tensor is not None and tensor.is_inference() else tensor


def _version(tensor: Tensor | None) -> int:
    # Tensors made in inference mode do not count who writes to them.
    return 0 if tensor is None or tensor.is_inference() else tensor._version


def differentiable_gradients(
    formula: Callable[[], Tensor], inputs: Sequence[Tensor], wanted: Sequence[bool], grad_output: Tensor
) -> list[Tensor | None]:
    """Gradients of a formula of the inputs, with a graph of their own; None for what is not wanted."""
    with torch.enable_grad(), torch.autocast(grad_output.device.type, enabled=False):
        chosen = [tensor for tensor, want in zip(inputs, wanted, strict=True) if want]
        found = iter(torch.autograd.grad(formula(), chosen, grad_output, create_graph=True))
    return [next(found) if want else None for want in wanted]


def tied(gradient: Tensor, origin: Tensor) -> Tensor:
    """An incoming gradient as something that is computed from a compiled graph's input `origin`: a copy of it.

    Torch refuses to differentiate a compiled backward that reads an input; one that reads none has second derivatives
    of 0 in silence before torch 2.14.
    """
    return _tied_op(gradient, origin)


def _copy(gradient: Tensor, origin: Tensor) -> Tensor:
    return gradient.clone(memory_format=torch.contiguous_format)


_tied_op = register_op("tied(Tensor gradient, Tensor origin) -> Tensor", _copy, _copy)
