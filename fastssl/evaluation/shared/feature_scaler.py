"""Features standardised column by column, as scikit-learn's `StandardScaler` does it.

Covers: mean and deviation of one set of features, applied to others. Does not cover: which features they are taken of.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONSTANT = 1e-6
"""A column whose deviation is below this share of its mean varies by rounding alone."""


@dataclass(frozen=True, kw_only=True)
class FeatureScaler:
    """Mean and deviation of feature columns.

    Attributes:
        mean: `[D]`.
        deviation: `[D]`, the standard deviation (n); 1 where a column does not vary.
        varies: bool `[D]`.
    """

    mean: Tensor
    deviation: Tensor
    varies: Tensor

    @classmethod
    def fit(cls, features: Tensor) -> FeatureScaler:
        """Return the scaler of `features` `[N, D]`, in their dtype and on their device."""
        mean, deviation = features.mean(dim=0), features.std(dim=0, correction=0)
        varies = deviation > CONSTANT * mean.abs()
        return cls(mean=mean, deviation=torch.where(varies, deviation, 1.0), varies=varies)

    def transform(self, features: Tensor) -> Tensor:
        """Return `features` `[M, D]` less the mean, by the deviation; computed in the scaler's dtype, on its device."""
        return (features.to(self.mean) - self.mean) / self.deviation
