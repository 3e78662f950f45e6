"""Rows of the queue that are the query's own sample are no negatives of `info_nce`: the reference and the kernels.

Covers: loss, gradients and ranks against fp64 logits that are masked one by one; queries without a negative; that ids
which match nothing change no bit. Does not cover: second derivatives (test_second_order.py), MoCo's buffer of ids
(tests/stages/moco).
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels import info_nce
from fastssl.kernels.info_nce import reference
from fastssl.kernels.info_nce.options import InfoNCEOptions, SampleIds

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # the interpreter's, of sums of nothing
    pytest.mark.usefixtures("poisoned"),
]
TEMPERATURE = 0.2
on_a_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="Triton does not interpret where there is a GPU")
both_ways = pytest.mark.parametrize("impl", ["torch", pytest.param("triton", marks=on_a_cpu)])


def operands(rows: int, keys: int, width: int = 16, samples: int = 20) -> tuple[Tensor, Tensor, Tensor, SampleIds]:
    """Keys and a queue of unit rows, from few samples, so that a query meets older keys of its own image."""
    torch.manual_seed(0)
    query, key, queue = torch.randn(rows, width), torch.randn(rows, width), torch.randn(keys, width)
    ids = SampleIds(torch.randint(0, samples, (rows,)), torch.randint(-3, samples, (keys,)))
    return query.requires_grad_(), F.normalize(key, dim=1).requires_grad_(), F.normalize(queue, dim=1), ids


def masked_logits(query: Tensor, key: Tensor, queue: Tensor, ids: SampleIds, normalize: bool = True) -> Tensor:
    """[B, 1 + K] in fp64, -inf where the ids of a query and of a row are one and not negative."""
    query, key, queue = query.double(), key.double(), queue.double()
    if normalize:
        query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
    negatives = query @ queue.T
    for row, query_id in enumerate(ids.query.tolist()):
        for column, queue_id in enumerate(ids.queue.tolist()):
            if query_id == queue_id and query_id >= 0:
                negatives[row, column] = -torch.inf
    return torch.cat([(query * key).sum(1, keepdim=True), negatives], 1) / TEMPERATURE


def check(impl: str, query: Tensor, key: Tensor, queue: Tensor, ids: SampleIds, normalize: bool = True) -> None:
    """Losses and gradients against cross-entropy of the masked logits."""
    options = {"query_ids": ids.query, "queue_ids": ids.queue, "normalize": normalize, "impl": impl}
    loss, stats = info_nce(query, key, queue, TEMPERATURE, reduction="none", return_stats=True, **options)
    logits = masked_logits(query, key, queue, ids, normalize)
    expected = F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long), reduction="none")
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    weights = torch.linspace(0.5, 2.0, len(query))
    ours = torch.autograd.grad((loss * weights).sum(), (query, key))
    theirs = torch.autograd.grad((expected * weights).sum(), (query, key))
    for value, oracle in zip(ours, theirs, strict=True):
        torch.testing.assert_close(value, oracle, rtol=1e-4, atol=1e-5)
    rank = (logits[:, 1:] >= logits[:, :1]).sum(1)
    assert (stats.top1, stats.top5) == ((rank < 1).float().mean(), (rank < 5).float().mean())


@both_ways
@pytest.mark.parametrize(("rows", "keys"), [(1, 1), (5, 37), (17, 64), (17, 130), (33, 65)])
@pytest.mark.parametrize("normalize", [True, False])
def test_own_keys_are_left_out_of_loss_gradients_and_ranks(impl: str, rows: int, keys: int, normalize: bool) -> None:
    query, key, queue, ids = operands(rows, keys)
    check(impl, query, key, queue, ids, normalize)


@both_ways
def test_huge_logits_are_right_where_tiles_hold_own_keys_alone(impl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "TILE_KEYS", 7)
    query, key, queue, ids = operands(6, 150)
    query = (query.detach() * 100).requires_grad_()
    ids = SampleIds(torch.tensor([1, 1, 2, 2, 3, 4]), torch.tensor([1] * 70 + [2] * 40 + [3] * 40))
    check(impl, query, key, queue, ids, normalize=False)


@both_ways
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("length", [1.0, 1000.0])
def test_a_query_without_a_negative_has_no_loss_and_no_gradient(impl: str, normalize: bool, length: float) -> None:
    query, key, queue, _ = operands(4, 9)
    query = (query.detach() * length).requires_grad_()
    ids = SampleIds(torch.tensor([5, 5, 6, 5]), torch.full((9,), 5))
    options = {"query_ids": ids.query, "queue_ids": ids.queue, "normalize": normalize, "impl": impl}
    loss = info_nce(query, key, queue, TEMPERATURE, reduction="none", **options)
    grads = torch.autograd.grad(loss.sum(), (query, key))
    left = torch.tensor([True, True, False, True])
    assert loss[left].tolist() == [0.0] * 3
    assert loss[2] > 0
    for grad in grads:
        assert grad.isfinite().all()
        assert not grad[left].any()
        assert grad[2].any()


@both_ways
def test_negative_ids_match_nothing_and_change_no_bit(impl: str) -> None:
    query, key, queue, _ = operands(9, 70)
    nothing = {"query_ids": torch.full((9,), -1), "queue_ids": torch.full((70,), -1)}
    results = [
        info_nce(query, key, queue, normalize=True, reduction="none", return_stats=True, impl=impl, **ids)
        for ids in ({}, nothing, {"query_ids": torch.arange(9) - 4, "queue_ids": torch.arange(70) + 100})
    ]
    grads = [torch.autograd.grad(loss.sum(), (query, key)) for loss, _ in results]
    for (loss, stats), grad in zip(results[1:], grads[1:], strict=True):
        assert torch.equal(loss, results[0][0])
        assert stats == results[0][1]
        assert all(torch.equal(a, b) for a, b in zip(grad, grads[0], strict=True))


@both_ways
def test_ids_are_compared_in_all_of_their_64_bits(impl: str) -> None:
    query, key, queue, _ = operands(4, 8)
    large = torch.tensor([1, 2**32 + 1, 2**62 + 3, 2**63 - 1])
    check(impl, query, key, queue, SampleIds(large, torch.cat([large.flip(0), large - 2**31 - 7])))


@both_ways
def test_ids_of_any_stride_are_read(impl: str) -> None:
    query, key, queue, ids = operands(5, 37)
    strided = SampleIds(*(torch.stack([part, part + 1], 1)[:, 0] for part in ids))
    check(impl, query, key, queue, strided)
    check(impl, query, key, queue, SampleIds(torch.tensor(4).expand(5), ids.queue))


def test_compiled_it_is_the_same_for_every_batch_size() -> None:
    def loss(query: Tensor, key: Tensor, queue: Tensor, query_ids: Tensor, queue_ids: Tensor) -> Tensor:
        return info_nce(query, key, queue, normalize=True, query_ids=query_ids, queue_ids=queue_ids)

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager", dynamic=True)
    for rows in (24, 17):
        query, key, queue, ids = operands(rows, 37)
        values = [f(query, key, queue, *ids) for f in (loss, compiled)]
        torch.testing.assert_close(*values)
        torch.testing.assert_close(*(torch.autograd.grad(value, (query, key)) for value in values))


@both_ways
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_registered_operator_passes_opcheck_with_ids(impl: str, dtype: torch.dtype) -> None:
    query, key, queue, ids = operands(5, 9)
    given = (*(t.detach().to(dtype).requires_grad_(t.requires_grad) for t in (query, key, queue)), *ids)
    torch.library.opcheck(torch.ops.fastssl.info_nce_forward, (*given, 0.2, True, True, True, True, impl))


@pytest.mark.usefixtures("kernel_device")
@pytest.mark.parametrize("n_slices", [1, 3, 13])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_slices_of_own_keys_alone_do_not_matter(n_slices: int, dtype: torch.dtype) -> None:
    launch = pytest.importorskip("fastssl.kernels.info_nce.launch")
    query, key, queue, _ = operands(17, 777)
    query, key, queue = (t.detach().to(dtype) for t in (query, key, queue))
    ids = SampleIds(torch.arange(17) % 3, torch.arange(777) // 300)  # whole slices of one sample
    options = InfoNCEOptions(normalize=True, query_grad=True, key_grad=True, rank=True, mask_own=True)
    tile = launch.Tile(rows=32, keys=64, warps=4, stages=2, resident=1)
    result = launch.launch_info_nce(query, key, queue, TEMPERATURE, options, tile, n_slices, ids)
    exact = query.double().requires_grad_()
    logits = masked_logits(exact, key, queue, ids)
    losses = F.cross_entropy(logits, torch.zeros(17, dtype=torch.long), reduction="none")
    (gradient,) = torch.autograd.grad(losses.sum(), exact)
    torch.testing.assert_close(result.loss.double(), losses, rtol=2e-3, atol=2e-3)
    assert (result.grad_query - gradient).norm() <= 1e-2 * gradient.norm()
    assert torch.equal(result.rank, (logits[:, 1:] >= logits[:, :1]).sum(1)) or dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        ({"queue_ids": None}, ValueError, "query_ids and queue_ids must both be given"),
        ({"query_ids": None}, ValueError, "query_ids and queue_ids must both be given"),
        ({"query_ids": torch.zeros(4)}, TypeError, "query_ids must be int64, got torch.float32"),
        ({"queue_ids": torch.zeros(6, dtype=torch.int32)}, TypeError, "queue_ids must be int64, got torch.int32"),
        ({"query_ids": torch.zeros(4, 1, dtype=torch.long)}, ValueError, r"query_ids must be \[4\].*\[4, 1\]"),
        ({"queue_ids": torch.zeros(4, dtype=torch.long)}, ValueError, r"queue_ids must be \[6\].*\[4\]"),
        ({"query_ids": [0, 1, 2, 3]}, TypeError, "query_ids must be a torch.Tensor, got list"),
        ({"queue_ids": torch.zeros(6, dtype=torch.long, device="meta")}, ValueError, "queue_ids is on meta"),
    ],
)
def test_ids_that_do_not_fit_are_named(change: dict, error: type[Exception], names: str) -> None:
    ids = {"query_ids": torch.zeros(4, dtype=torch.long), "queue_ids": torch.zeros(6, dtype=torch.long), **change}
    with pytest.raises(error, match=names):
        info_nce(torch.ones(4, 8), torch.ones(4, 8), torch.ones(6, 8), **ids)
