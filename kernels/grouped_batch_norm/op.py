"""Batch norm of each of several parts of a batch, in one call: the public function.

Covers: checks, registration, and which of two ways runs. Does not cover: the ways themselves: torch's kernel on each
part (parts.py) in eager mode, and one formula over all parts (reference.py) under `torch.compile` and on devices other
than a CPU or CUDA; evaluation, which needs no parts; synchronised batch norm.

The operator is registered as composite: Dynamo's graph holds one node for a batch norm, whatever the number of parts,
and the compiler then sees the formula, whose gradient it derives and which it fuses with what stands around it.
"""

from __future__ import annotations

import inspect
import zlib
from numbers import Integral

import torch
from torch import Tensor

from fastssl.kernels.checks import as_number, check_constant, check_floating, check_same_device
from fastssl.kernels.grouped_batch_norm import reference
from fastssl.kernels.grouped_batch_norm.parts import normalize_parts
from fastssl.kernels.grouped_batch_norm.reference import grouped_batch_norm_reference

# Part of the graph that Dynamo writes: torch keeps compiled graphs on disk (AOTAutograd's cache), knows an operator by
# its name and arguments alone, and would go on to run the formula of an older release.
FORMULA = zlib.crc32(inspect.getsource(reference).encode())


def _compiled(
    x: Tensor,
    groups: int,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float | None,
    eps: float,
    seen: Tensor | None,
    formula: int,
) -> Tensor:
    return grouped_batch_norm_reference(x, groups, running_mean, running_var, weight, bias, momentum, eps, seen)


_LIBRARY = torch.library.Library("fastssl", "FRAGMENT")
_LIBRARY.define(
    "grouped_batch_norm(Tensor x, int groups, Tensor(a!)? running_mean, Tensor(b!)? running_var, Tensor? weight, "
    "Tensor? bias, float? momentum, float eps, Tensor? seen, int formula) -> Tensor"
)
_LIBRARY.impl("grouped_batch_norm", _compiled, "CompositeImplicitAutograd")


def grouped_batch_norm(
    x: Tensor,
    groups: int,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    *,
    seen: Tensor | None = None,
) -> Tensor:
    """Normalise each of `groups` consecutive parts of a batch by its own statistics, as batch norm does in training.

    Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 1, on each part. Equals `torch.cat([F.batch_norm(
    part, running_mean, running_var, weight, bias, True, momentum, eps) for part in x.tensor_split(groups)])`: parts
    differ by at most one image, and of fewer images than groups each is a part. Gradients of any order that
    `F.batch_norm` has.

    Args:
        x: `[B, C, H, W]`, floating point; contiguous or channels-last, and the output is laid out like it. What is
            neither is copied to be contiguous first.
        groups: number of parts.
        running_mean: `[C]`, or None (then `running_var` too); updated in place, once for each part in its order.
        running_var: `[C]`, or None; updated likewise, by the part's unbiased variance.
        weight: `[C]` factors after normalising, or None for 1; float32 for x in half precision, or x's dtype.
        bias: `[C]` terms after that, or None for 0; of weight's dtype.
        momentum: weight of a part's statistics in the running ones. None: these become the mean over all parts so far.
        eps: positive, added to the variance.
        seen: for momentum None, how many parts the running statistics hold: an integer tensor `[]`, not written.

    Returns:
        `[B, C, H, W]` in x's dtype; statistics are computed in float32 at least.

    Raises:
        TypeError: x or a parameter is not a floating-point tensor, or of a dtype that does not go with x.
        ValueError: shapes, devices or settings do not fit, or a part has one value per channel, which has no variance.
    """
    _check(x, groups, momentum, eps)
    _check_parameters(x, running_mean, running_var, weight, bias)
    if momentum is None and running_mean is not None and seen is None:
        raise ValueError("momentum=None is a mean over all parts so far: give how many as seen")
    if not (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)):
        x = x.contiguous()  # torch's kernel writes a wrong result into outputs with other strides (torch 2.14.1)
    if torch.compiler.is_compiling():
        return torch.ops.fastssl.grouped_batch_norm.default(
            x, groups, running_mean, running_var, weight, bias, momentum, eps, seen, FORMULA
        )
    run = normalize_parts if x.device.type in ("cpu", "cuda") else grouped_batch_norm_reference
    return run(x, groups, running_mean, running_var, weight, bias, momentum, eps, seen)


def _check(x: Tensor, groups: int, momentum: float | None, eps: float) -> None:
    check_floating(x=x)
    if x.dim() != 4 or x.shape[0] == 0:
        raise ValueError(f"x must be [B, C, H, W] with B >= 1, got {list(x.shape)}")
    if 0 in x.shape:
        raise ValueError(f"x must have channels and pixels, got {list(x.shape)}")
    if not isinstance(groups, Integral) or isinstance(groups, bool):
        raise TypeError(f"groups must be an integer, got {groups!r}")
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups}")
    if not 0.0 < as_number("eps", eps) < float("inf"):
        raise ValueError(f"eps must be positive, got {eps}")
    if momentum is not None and not 0.0 <= as_number("momentum", momentum) <= 1.0:
        raise ValueError(f"momentum must be in [0, 1] or None, got {momentum}")
    smallest = max(x.shape[0] // groups, 1)
    if smallest * x.shape[2] * x.shape[3] == 1:
        raise ValueError(
            f"a part of {list(x.shape)} in {groups} groups has one value per channel, which has no variance: "
            "use fewer groups, a larger batch or larger images"
        )


def _check_parameters(
    x: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None, bias: Tensor | None
) -> None:
    """Torch's kernel reads and writes C values of each, and looks at no shape."""
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must both be given, or neither")
    every = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    given = {name: tensor for name, tensor in every.items() if tensor is not None}
    if not given:
        return
    check_same_device(x=x, **given)
    wide = torch.promote_types(x.dtype, torch.float32)
    dtype = next(iter(given.values())).dtype
    for name, tensor in given.items():
        if tensor.shape != x.shape[1:2]:
            raise ValueError(f"{name} must be [{x.shape[1]}], one per channel of x, got {list(tensor.shape)}")
        if tensor.dtype != dtype or dtype not in (x.dtype, wide):
            raise TypeError(f"{', '.join(given)} must all be {wide} for {x.dtype} x, got {tensor.dtype} for {name}")
    if running_mean is not None and running_var is not None:
        check_constant(running_mean=running_mean, running_var=running_var)
