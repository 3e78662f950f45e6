"""Split batch norm against a plain batch norm on each part, and the dealing of a batch over the parts."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from fastssl.models.normalization import deal, has_batch_norm, split_batch_norm, undeal
from fastssl.stages.moco.objective import MoCo

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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings", [{}, {"momentum": None}, {"track_running_stats": False}, {"affine": False}], ids=str
)
def test_over_several_steps_the_buffers_are_those_of_a_batch_norm_called_on_each_part(
    kind: type[nn.BatchNorm2d], settings: dict[str, object]
) -> None:
    part_by_part = kind(5, **settings)
    split = split_batch_norm(copy.deepcopy(part_by_part), 3)
    if part_by_part.momentum is not None:
        part_by_part.momentum /= 3
    for batch in (12, 10, 9):
        x = torch.randn(batch, 5, 4, 4) * 2 + 1
        expected = torch.cat([part_by_part(part) for part in x.tensor_split(3)])
        torch.testing.assert_close(split(x), expected)
    assert split.state_dict().keys() == part_by_part.state_dict().keys()
    for key, value in part_by_part.state_dict().items():
        assert torch.equal(split.state_dict()[key], value), key


def test_timms_dropout_and_activation_see_the_whole_batch_once() -> None:
    norm = split_batch_norm(BatchNormAct2d(5, drop_layer=nn.Dropout2d, act_layer=nn.SiLU), 4)
    seen: list[tuple[str, Tensor]] = []
    norm.drop.register_forward_hook(lambda module, given, result: seen.append(("drop", result.clone())))
    norm.act.register_forward_pre_hook(lambda module, given: seen.append(("act", given[0].clone())))
    x = torch.randn(8, 5, 4, 4)
    output = norm(x)
    assert [name for name, _ in seen] == ["drop", "act"]
    assert torch.equal(seen[0][1], seen[1][1])
    torch.testing.assert_close(output, nn.functional.silu(seen[0][1]))


def test_a_copy_of_a_split_encoder_is_split_and_apart() -> None:
    encoder = split_batch_norm(timm.create_model("test_resnet", in_chans=1, num_classes=0), 2).train()
    twin = copy.deepcopy(encoder)
    x = torch.randn(8, 1, 32, 32)
    assert torch.equal(encoder(x), twin(x))
    assert all(torch.equal(a, b) for a, b in zip(encoder.buffers(), twin.buffers(), strict=True))
    before = [buffer.clone() for buffer in twin.buffers()]
    encoder(x)
    assert all(torch.equal(a, b) for a, b in zip(twin.buffers(), before, strict=True))


def test_a_compiled_encoder_is_the_same() -> None:
    torch._dynamo.reset()
    encoder = split_batch_norm(timm.create_model("test_efficientnet", in_chans=1, num_classes=0), 2).double().train()
    twin = copy.deepcopy(encoder)
    x = torch.randn(8, 1, 32, 32, dtype=torch.float64)
    compiled = torch.compile(twin, backend="aot_eager", fullgraph=True)
    for _ in range(2):
        torch.testing.assert_close(compiled(x), encoder(x))
    for key, value in encoder.state_dict().items():
        torch.testing.assert_close(twin.state_dict()[key], value, msg=lambda text, key=key: f"{key}: {text}")


def calls_of_a_moco_loss(splits: int) -> int:
    """How many calls Dynamo writes for the loss of a whole step, forward, with a small ResNet."""
    count = 0

    def counting(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        nonlocal count
        count += sum(node.op.startswith("call") for node in graph.graph.nodes)
        return graph.forward

    torch._dynamo.reset()
    encoder = timm.create_model("test_resnet", in_chans=1, num_classes=0)
    stage = MoCo(encoder, encoder.num_features, queue_size=64, bn_splits=splits)
    batch = {view: torch.randn(16, 1, 28, 28) for view in ("query", "key")}
    torch.compile(stage.loss, backend=counting, fullgraph=True)(batch)
    return count


def test_dynamo_sees_as_many_calls_with_eight_groups_as_with_one() -> None:
    assert calls_of_a_moco_loss(8) <= 1.3 * calls_of_a_moco_loss(1)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_an_encoder_keeps_its_keys_and_loads_into_timm(name: str) -> None:
    encoder = timm.create_model(name, in_chans=1, num_classes=0)
    keys = list(encoder.state_dict())
    assert split_batch_norm(encoder, 2) is encoder
    assert list(encoder.state_dict()) == keys
    timm.create_model(name, in_chans=1, num_classes=0).load_state_dict(encoder.state_dict(), strict=True)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_in_a_split_encoder_no_image_depends_on_one_of_another_part(name: str) -> None:
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
def test_it_is_known_whether_there_is_something_to_split(name: str, has: bool) -> None:
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


def test_a_query_and_its_key_are_normalised_with_different_samples() -> None:
    batch, splits = 32, 4
    queries = torch.arange(batch).chunk(splits)
    dealt = deal(torch.arange(batch), splits).chunk(splits)
    for sample in range(batch):
        query = next(set(part.tolist()) for part in queries if sample in part)
        key = next(set(part.tolist()) for part in dealt if sample in part)
        assert len(query & key) == batch // splits // splits
