"""Features seen in their principal axes: the coordinates in which a linear model is quick to solve.

Covers: rotating one set of features, or a batch of sets, and taking coefficients back.
Does not cover: leaving axes out; the rotation is exact, so a model's minimum stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a model is solved on: B sets of features, where B is 1 (shared by all P problems) or P.

    Attributes:
        rows: `[B, N, R + 1]`, centred features in their axes, then a column of ones.
        variance: `[B, R + 1]`, the mean square of each column.
    """

    rows: Tensor
    variance: Tensor

    def select(self, kept: Tensor) -> Design:
        """Return the design of the problems where `kept`, bool `[P]`, is True."""
        return self if len(self.rows) == 1 else Design(rows=self.rows[kept], variance=self.variance[kept])

    def apply(self, theta: Tensor) -> Tensor:
        """Return rows times coefficients `[P, R + 1, K]`: `[P, N, K]`; one product where the features are shared."""
        if len(self.rows) > 1:
            return self.rows @ theta
        problems, columns, outputs = theta.shape
        flat = self.rows[0] @ theta.transpose(0, 1).reshape(columns, problems * outputs)
        return flat.view(-1, problems, outputs).transpose(0, 1)

    def adjoint(self, residual: Tensor) -> Tensor:
        """Return the transposed rows times a residual `[P, N, K]`: `[P, R + 1, K]`."""
        if len(self.rows) > 1:
            return self.rows.mT @ residual
        problems, samples, outputs = residual.shape
        # Residual on the left: the product with the rows transposed takes twice as long (4708 x 513 by 9, one core).
        flat = residual.mT.reshape(problems * outputs, samples) @ self.rows[0]
        return flat.view(problems, outputs, -1).mT


@dataclass(frozen=True, kw_only=True)
class PrincipalAxes:
    """The way back to the features as they were given.

    Attributes:
        basis: `[B, D, R]`, the axes, or their first factor `[B, D, N]`.
        mixing: the second factor `[B, N, R]`; None where there is none.
        centre: `[B, D]`, the features' mean.
    """

    basis: Tensor
    mixing: Tensor | None
    centre: Tensor

    def to_features(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return coefficients `[P, R + 1, K]` as weight `[P, D, K]` and bias `[P, K]` on the features as given."""
        weight = self.basis @ (theta[:, :-1] if self.mixing is None else self.mixing @ theta[:, :-1])
        return weight, theta[:, -1] - (self.centre[:, None] @ weight).squeeze(1)


def rotate(features: Tensor, weight: Tensor) -> tuple[Design, PrincipalAxes]:
    """Turn features into their R = min(N, D) principal axes.

    Args:
        features: `[B, N, D]`.
        weight: `[B, N]`, of the samples, not negative, each set summing to 1.

    Returns:
        What to solve on, and the way back. The rows of samples that weigh nothing are zeros there where N < D.
    """
    centre = (weight[:, None] @ features).squeeze(1)
    centred = features - centre[:, None]
    scaled = centred * weight.sqrt()[..., None]
    samples, dimensions = features.shape[1:]
    if dimensions <= samples:
        variance, basis = torch.linalg.eigh(scaled.mT @ scaled)
        mixing, rows = None, centred @ basis
    else:  # the singular value decomposition of `scaled`, by its smaller Gram matrix
        variance, left = torch.linalg.eigh(scaled @ scaled.mT)
        floor = variance[:, -1:].clamp_min(0) * samples * torch.finfo(features.dtype).eps
        variance = torch.where(variance > floor, variance, 0.0)
        basis, mixing = scaled.mT, left * _inverse(variance.sqrt())[:, None]
        rows = left * variance.sqrt()[:, None] * _inverse(weight.sqrt())[..., None]
    ones = features.new_ones(*features.shape[:2], 1)
    variance = torch.cat([variance.clamp_min(0), ones[:, 0]], dim=1)
    design = Design(rows=torch.cat([rows, ones], dim=2), variance=variance)
    return design, PrincipalAxes(basis=basis, mixing=mixing, centre=centre)


def _inverse(values: Tensor) -> Tensor:
    """1 / values, and 0 for 0."""
    return torch.where(values > 0, 1 / values, 0.0)
