"""`ema_update_` and `flatten_` as their callers meet them. Covers: the update, the flat layout, what is refused.

Does not cover: the Triton kernel (test_ema_kernel.py).
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from fastssl.kernels import ema_update_, flatten_
from fastssl.kernels.ema.flat import common_span


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, 7, 1))


def test_it_is_the_weighted_sum_of_target_and_source():
    targets, sources = list(model().parameters()), [torch.randn_like(p) for p in model().parameters()]
    expected = [0.9 * t.double() + 0.1 * s.double() for t, s in zip(targets, sources, strict=True)]
    ema_update_(targets, sources, 0.9)
    for target, exact in zip(targets, expected, strict=True):
        torch.testing.assert_close(target.double(), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.75, torch.tensor(0.75)], ids=["float", "tensor"])
def test_half_precision_sources_feed_a_float32_master(momentum):
    target, source = torch.ones(4), torch.full((4,), 3.0, dtype=torch.bfloat16)
    ema_update_([target], [source], momentum)
    torch.testing.assert_close(target, torch.full((4,), 1.5))


def test_a_small_step_moves_the_master_where_bf16_would_stand_still():
    target = torch.ones(1)
    for _ in range(2000):
        ema_update_([target], [torch.full((1,), 1.3)], 0.996)
    assert target.item() == pytest.approx(1.3, abs=1e-3)


def test_tensors_in_autograd_stay_leaves():
    target = nn.Parameter(torch.ones(3))
    ema_update_([target], [nn.Parameter(torch.zeros(3))], 0.5)
    assert target.requires_grad
    assert target.is_leaf


def test_empty_lists_are_nothing_to_do():
    ema_update_([], [], 0.9)


def test_compiled_it_is_one_graph():
    targets, sources = [torch.ones(3), torch.ones(2, 2)], [torch.zeros(3), torch.zeros(2, 2)]
    torch.compile(lambda: ema_update_(targets, sources, 0.5), fullgraph=True, backend="aot_eager")()
    assert all((t == 0.5).all() for t in targets)


def flat_pair() -> tuple[list[Tensor], list[Tensor]]:
    online = model().to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(online)
    targets, sources = list(averaged.parameters()), list(online.parameters())
    flatten_(targets)
    flatten_(sources)
    return targets, sources


def test_flattening_changes_no_value_shape_stride_or_identity():
    network = model().to(memory_format=torch.channels_last)
    parameters = list(network.parameters())
    before = [(p.detach().clone(), p.stride()) for p in parameters]
    image = torch.randn(1, 3, 6, 6)
    expected = network(image)
    buffer = flatten_(parameters)
    torch.testing.assert_close(network(image), expected)
    for parameter, now, (value, stride) in zip(parameters, network.parameters(), before, strict=True):
        assert parameter is now
        assert torch.equal(parameter, value)
        assert parameter.stride() == stride
        assert parameter.untyped_storage().data_ptr() == buffer.data_ptr()
        assert parameter.storage_offset() % 64 == 0


def test_a_common_span_covers_every_pair_and_nothing_else():
    targets, sources = flat_pair()
    span = common_span(targets, sources)
    assert span is not None
    span[0].fill_(7.0)
    assert all((t == 7.0).all() for t in targets)
    assert not any((s == 7.0).any() for s in sources)


def test_lists_that_lie_differently_have_no_common_span():
    targets, sources = flat_pair()
    assert common_span(targets, list(model().parameters())) is None
    assert common_span(targets[::-1], sources[::-1]) is None
    assert common_span(targets, [*sources[:-1], torch.zeros_like(sources[-1])]) is None
    assert common_span(targets[::2], sources[::2]) is None, "the gap holds somebody else's tensor"
    assert common_span([], []) is None


@pytest.mark.parametrize(
    ("targets", "sources", "momentum", "error", "names"),
    [
        ([torch.ones(2)], [], 0.9, ValueError, "1 and 0"),
        ([torch.ones(2)], [torch.ones(3)], 0.9, ValueError, "sources\\[0\\] .*\\[3\\].*\\[2\\]"),
        ([torch.ones(2).half()], [torch.ones(2)], 0.9, TypeError, "targets\\[0\\] .*float16"),
        ([torch.ones(2)], [torch.ones(2).int()], 0.9, TypeError, "sources\\[0\\] .*int32"),
        ([torch.ones(2)], [torch.ones(2)], 1.5, ValueError, "momentum .*1.5"),
        ([torch.ones(2)], [torch.ones(2)], torch.ones(1), ValueError, "momentum"),
    ],
)
def test_what_does_not_fit_is_named(targets, sources, momentum, error, names):
    with pytest.raises(error, match=names):
        ema_update_(targets, sources, momentum)


def test_tensors_with_gaps_cannot_be_flattened():
    with pytest.raises(ValueError, match=r"tensors\[1\] has gaps"):
        flatten_([torch.ones(2), torch.ones(4, 4)[:, ::2]])
    with pytest.raises(ValueError, match=r"tensors\[1\] is torch\.float64"):
        flatten_([torch.ones(2), torch.ones(2).double()])
    with pytest.raises(ValueError, match="empty"):
        flatten_([])
