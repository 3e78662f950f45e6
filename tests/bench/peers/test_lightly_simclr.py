"""That lightly's SimCLR starts as ours does and computes the same loss.

Covers: weights, head, loss, gradients, views. Does not cover: speed (`bench/end_to_end/test_peers.py`), how strong the
views are (`test_alike.py`, whose transform is this one).
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from bench.peers.starting import lightly_strength
from fastssl.kernels import nt_xent
from fastssl.pipelines import TwoCrops
from tests.bench.peers.sides import check_start

pytest.importorskip("lightly", reason="needs lightly: pip install 'lightly>=1.5' torchvision")
from lightly.transforms.moco_transform import MoCoV2Transform
from lightly.transforms.simclr_transform import SimCLRTransform

from bench.peers.lightly_simclr import TEMPERATURE, Training, make_model, two_views


@pytest.mark.parametrize("channels", [1, 3])
def test_it_starts_from_the_same_encoder_and_the_same_shape_of_head(channels: int) -> None:
    check_start(*make_model(channels), channels)


def test_its_seed_decides_its_weights() -> None:
    one, other, again = (make_model(1, seed).state_dict() for seed in (0, 1, 0))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["0.conv1.weight"], other["0.conv1.weight"])


def test_its_loss_is_nt_xent_of_its_embeddings() -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32), dtype=np.uint8)
    training = Training(images, batch_size=8, queue_size=0, strength={}, bf16=False)
    one, other = torch.randn(2, 6, 128, generator=torch.Generator().manual_seed(0))
    theirs = training.criterion(one, other)
    torch.testing.assert_close(theirs, nt_xent(torch.cat([one, other]), TEMPERATURE), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bf16", [False, True])
def test_a_step_moves_encoder_and_head(bf16: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    training = Training(images, batch_size=8, queue_size=0, strength={}, bf16=bf16)
    before = [parameter.clone() for parameter in training.model.parameters()]
    training.step()
    after = list(training.model.parameters())
    assert torch.isfinite(training.total_loss)
    assert all(torch.isfinite(parameter).all() for parameter in after)
    assert not torch.equal(before[0], after[0])
    assert not torch.equal(before[-1], after[-1])


def test_everything_in_which_its_transform_differs_from_moco_is_given() -> None:
    simclr, moco = (inspect.signature(transform).parameters for transform in (SimCLRTransform, MoCoV2Transform))
    assert simclr.keys() == moco.keys()
    differ = {name for name in simclr if simclr[name].default != moco[name].default}
    assert differ <= lightly_strength(TwoCrops(28, 1)).keys()


@pytest.mark.parametrize("channels", [1, 3])
def test_two_views_of_an_image_differ(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, channels), dtype=np.uint8)
    one, other = two_views(images, lightly_strength(TwoCrops(32, channels)))[0]
    assert one.shape == other.shape == (channels, 32, 32)
    assert not torch.equal(one, other)
