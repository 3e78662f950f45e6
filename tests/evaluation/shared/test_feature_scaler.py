"""The scaler of features against scikit-learn's StandardScaler."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from fastssl.evaluation.shared.feature_scaler import FeatureScaler


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_features_are_scaled_as_scikit_learn_does(dtype: torch.dtype) -> None:
    random = np.random.default_rng(0)
    scale = np.geomspace(1e-3, 1e3, 12)
    own, other = (random.normal(size=(count, 12)) * scale + 5 for count in (80, 30))
    expected = StandardScaler().fit(own).transform(other)
    found = FeatureScaler.fit(torch.from_numpy(own).to(dtype)).transform(torch.from_numpy(other).float())
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-2 if dtype == torch.float32 else 2e-4)


def test_columns_that_vary_by_rounding_alone_are_centred_and_not_blown_up() -> None:
    own = torch.tensor([[7.0, 0.0, 1.0, 1000.0], [7.0, 0.0, 3.0, 1000.0001]], dtype=torch.float64)
    scaler = FeatureScaler.fit(own)
    assert scaler.varies.tolist() == [False, False, True, False]
    assert scaler.transform(torch.tensor([[9.0, 2.0, 4.0, 1000.0]])).tolist() == [
        [2.0, 2.0, 2.0, pytest.approx(-5e-5, rel=1e-3)]
    ]
