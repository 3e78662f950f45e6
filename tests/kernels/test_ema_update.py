"""`ema_update_` and `flatten_` as their callers meet them. Covers: the update, the flat layout, what is refused.

Does not cover: the Triton kernel (test_ema_kernel.py).
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from fastssl.kernels import ema_update_, flatten_, lies_in
from fastssl.kernels.ema_update import op


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


def test_what_was_not_given_is_not_written():
    """Two slices of one array, with a gap between them that belongs to somebody else."""
    for target, source in (
        (torch.ones(30), torch.zeros(30)),
        (flatten_([torch.ones(30)]), flatten_([torch.zeros(30)])),
    ):
        ema_update_([target[0:10], target[20:30]], [source[0:10], source[20:30]], 0.5)
        assert target[:30].tolist() == [0.5] * 10 + [1.0] * 10 + [0.5] * 10


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Stand in for a GPU: the addresses of every pair that the kernel would be launched for."""
    launch = pytest.importorskip("fastssl.kernels.ema_update.launch")
    pairs: list[tuple[int, int]] = []
    monkeypatch.setattr(op, "runs_triton", lambda impl, *tensors: True)
    monkeypatch.setattr(launch, "launch_ema", lambda t, s, momentum: pairs.append((t.data_ptr(), s.data_ptr())))
    return pairs


def test_only_one_flat_pair_is_launched_on_a_gpu(launches):
    target, source = torch.ones(64), torch.zeros(64)
    ema_update_([target], [source], 0.5)
    assert launches == [(target.data_ptr(), source.data_ptr())]
    assert target.sum() == 64, "left to the kernel"
    for targets, sources in (
        ([target[:10], target[20:30]], [source[:10], source[20:30]]),
        ([target[::2]], [source[::2]]),
        ([target.view(8, 8).T], [source.view(8, 8)]),
        ([torch.ones(0)], [torch.zeros(0)]),
    ):
        ema_update_(targets, sources, 0.5)
        assert len(launches) == 1
        assert all((t == 0.5).all() for t in targets)
        target.fill_(1.0)


def flat_pair() -> tuple[nn.Module, nn.Module, Tensor, Tensor]:
    """An averaged model and its source, each in one buffer."""
    online = model().to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(online)
    return averaged, online, *(flatten_(list(m.parameters())) for m in (averaged, online))


@pytest.mark.parametrize("momentum", [0.75, torch.tensor(0.75)], ids=["float", "tensor"])
@pytest.mark.parametrize("compiled", [False, True])
def test_one_pair_of_buffers_averages_every_parameter(momentum, compiled):
    averaged, online, target, source = flat_pair()
    with torch.no_grad():
        for parameter in online.parameters():
            parameter.add_(torch.randn_like(parameter))
    pairs = zip(averaged.parameters(), online.parameters(), strict=True)
    expected = [0.75 * a.detach().double() + 0.25 * o.detach().double() for a, o in pairs]
    update = torch.compile(ema_update_, fullgraph=True, backend="aot_eager") if compiled else ema_update_
    update([target], [source], momentum)
    for parameter, exact in zip(averaged.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.detach().double(), exact, rtol=1e-6, atol=1e-6)


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


def test_a_buffer_knows_the_tensors_that_lie_in_it():
    averaged, online, target, _ = flat_pair()
    parameters = list(averaged.parameters())
    assert lies_in(target, parameters)
    assert not lies_in(target, list(online.parameters()))
    assert not lies_in(target, parameters[:-1])
    assert not lies_in(target, [parameters[1], parameters[0], *parameters[2:]])
    assert not lies_in(target[:-64], parameters)


@pytest.mark.parametrize(
    ("event", "stays"),
    [
        (lambda network: network.load_state_dict(model().state_dict()), True),
        (lambda network: network.requires_grad_(False), True),
        (lambda network: network.load_state_dict(model().state_dict(), assign=True), False),
        (lambda network: network.double().float(), False),
        (lambda network: copy.deepcopy(network), False),
    ],
    ids=["load_state_dict", "requires_grad_", "assign", "to", "deepcopy"],
)
def test_what_gives_parameters_new_memory_is_noticed(event, stays):
    averaged, _, target, _ = flat_pair()
    changed = event(averaged)
    network = changed if isinstance(changed, nn.Module) else averaged
    assert lies_in(target, list(network.parameters())) == stays


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


def test_tensors_that_share_memory_are_not_torn_apart():
    tied = torch.ones(10)
    with pytest.raises(ValueError, match=r"tensors\[0\] and tensors\[2\] share memory"):
        flatten_([tied, torch.ones(3), tied[5:]])
