"""Split batch norm against a plain batch norm on each part, and the dealing of a batch over the parts."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from fastssl.models.normalization import deal, has_batch_norm, split_batch_norm, undeal

KINDS = [nn.BatchNorm2d, BatchNormAct2d]


def make(kind: type[nn.BatchNorm2d], channels: int = 5) -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = kind(channels)
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    return norm


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [12, 10], ids=["even", "uneven"])
def test_it_equals_a_separate_batch_norm_on_each_part(kind: type[nn.BatchNorm2d], batch: int) -> None:
    plain = make(kind)
    split = split_batch_norm(copy.deepcopy(plain), 3)
    x = torch.randn(batch, 5, 4, 4, dtype=torch.float32, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    weight = torch.randn(batch, 5, 4, 4)
    expected = torch.cat([copy.deepcopy(plain)(part) for part in x.tensor_split(3)])
    reference = copy.deepcopy(plain)
    torch.cat([reference(part) for part in x.tensor_split(3)]).mul(weight).sum().backward()
    actual = split(y)
    actual.mul(weight).sum().backward()
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(y.grad, x.grad)
    for a, b in zip(split.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("kind", KINDS)
def test_in_eval_mode_it_is_the_plain_one(kind: type[nn.BatchNorm2d]) -> None:
    plain = make(kind)
    plain(torch.randn(8, 5, 4, 4) * 3 + 1)
    split = split_batch_norm(copy.deepcopy(plain), 4).eval()
    x = torch.randn(7, 5, 4, 4)
    assert torch.equal(split(x), plain.eval()(x))


def test_running_statistics_keep_the_pace_of_the_whole_batch() -> None:
    plain, split = nn.BatchNorm2d(1), split_batch_norm(nn.BatchNorm2d(1), 4)
    for _ in range(3):
        x = torch.randn(4, 1, 6, 6).repeat_interleave(8, dim=0) + 5
        plain(x)
        split(x)
    torch.testing.assert_close(split.running_mean, plain.running_mean, rtol=0.05, atol=0)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_an_encoder_keeps_its_keys_and_loads_into_timm(name: str) -> None:
    encoder = timm.create_model(name, in_chans=1, num_classes=0)
    keys = list(encoder.state_dict())
    assert split_batch_norm(encoder, 2) is encoder
    assert list(encoder.state_dict()) == keys
    timm.create_model(name, in_chans=1, num_classes=0).load_state_dict(encoder.state_dict(), strict=True)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_in_a_split_encoder_no_image_feels_one_of_another_part(name: str) -> None:
    encoder = split_batch_norm(timm.create_model(name, in_chans=1, num_classes=0), 2).train()
    x = torch.randn(8, 1, 32, 32)
    y = torch.cat([x[:4], torch.randn(4, 1, 32, 32)])
    first, second = encoder(x), encoder(y)
    torch.testing.assert_close(first[:4], second[:4])
    assert not torch.allclose(first[4:], second[4:])
    plain = timm.create_model(name, in_chans=1, num_classes=0).train()
    assert not torch.allclose(plain(x)[:4], plain(y)[:4])


@pytest.mark.parametrize("kind", KINDS)
def test_channels_last_stays_channels_last(kind: type[nn.BatchNorm2d]) -> None:
    split = split_batch_norm(make(kind), 2)
    x = torch.randn(4, 5, 6, 6).to(memory_format=torch.channels_last)
    assert split(x).is_contiguous(memory_format=torch.channels_last)


def test_one_part_changes_nothing() -> None:
    encoder = timm.create_model("test_resnet", num_classes=0)
    kinds = [type(part) for part in encoder.modules()]
    assert [type(part) for part in split_batch_norm(encoder, 1).modules()] == kinds


@pytest.mark.parametrize(("name", "has"), [("test_resnet", True), ("test_efficientnet", True), ("test_vit", False)])
def test_it_is_known_where_there_is_something_to_split(name: str, has: bool) -> None:
    assert has_batch_norm(timm.create_model(name, num_classes=0)) is has


@pytest.mark.parametrize(("batch", "splits"), [(32, 4), (12, 3), (6, 6), (8, 1), (64, 16)])
def test_undeal_inverts_deal(batch: int, splits: int) -> None:
    x = torch.randn(batch, 3)
    assert torch.equal(undeal(deal(x, splits), splits), x)
    assert torch.equal(deal(undeal(x, splits), splits), x)


def test_dealing_is_as_cards_are_dealt() -> None:
    assert deal(torch.arange(12), 3).tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]


@pytest.mark.parametrize(("batch", "splits"), [(32, 4), (128, 8), (36, 6)])
def test_every_dealt_part_takes_equally_from_each_part_before(batch: int, splits: int) -> None:
    before = torch.arange(batch) // (batch // splits)
    for part in deal(before, splits).chunk(splits):
        counts = torch.bincount(part, minlength=splits)
        assert counts.max() - counts.min() <= (1 if (batch // splits) % splits else 0)


def test_a_query_and_its_key_are_normalised_in_other_company() -> None:
    batch, splits = 32, 4
    company = torch.arange(batch).chunk(splits)
    dealt = deal(torch.arange(batch), splits).chunk(splits)
    for sample in range(batch):
        query = next(set(part.tolist()) for part in company if sample in part)
        key = next(set(part.tolist()) for part in dealt if sample in part)
        assert len(query & key) == batch // splits // splits
