"""Frozen features: the encoder's own outputs, in stored order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastssl.embeddings.extract import extract
from fastssl.pipelines import Plain
from tests.tiny_encoder import tiny_encoder


def grey_images(count: int = 23) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 12, 12, 1), dtype=np.uint8)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_features_are_the_encoder_s_in_eval_mode_and_stored_order(batch_size: int) -> None:
    images, encoder = grey_images(), tiny_encoder().train()
    features = extract(encoder, images, Plain(12, 1), device=torch.device("cpu"), batch_size=batch_size)
    pixels = (torch.from_numpy(images[..., 0]).float()[:, None] / 255 - 0.5) / 0.5
    assert encoder.training
    with torch.no_grad():
        expected = encoder.eval()(pixels)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    assert (features.dtype, features.is_inference()) == (torch.float32, False)


def test_half_precision_gives_nearly_the_same_features_in_float32() -> None:
    images, encoder = grey_images(), tiny_encoder()
    arguments = encoder, images, Plain(12, 1)
    single = extract(*arguments, device=torch.device("cpu"))
    half = extract(*arguments, device=torch.device("cpu"), amp_dtype=torch.bfloat16)
    assert half.dtype == torch.float32
    assert not torch.equal(half, single)
    torch.testing.assert_close(half, single, rtol=0.05, atol=0.02)
