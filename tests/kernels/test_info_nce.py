"""`info_nce` as its callers meet it. Covers: the contract of the public function on the torch reference.

Does not cover: the Triton kernels (test_info_nce_kernel.py).
"""

from __future__ import annotations

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastssl.kernels import info_nce
from fastssl.kernels.info_nce import reference


def operands(rows: int = 5, keys: int = 37, width: int = 16, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    query, key, queue = (torch.randn(n, width).to(dtype) for n in (rows, rows, keys))
    return [query.requires_grad_(), key.requires_grad_(), queue]


def naive(query: Tensor, key: Tensor, queue: Tensor, temperature: float, normalize: bool, reduction: str) -> Tensor:
    if normalize:
        query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long), reduction=reduction)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_it_equals_cross_entropy_over_all_logits(normalize, reduction):
    query, key, queue = operands()
    value = info_nce(query, key, queue, 0.5, normalize=normalize, reduction=reduction)
    expected = naive(query, key, queue, 0.5, normalize, reduction)
    torch.testing.assert_close(value, expected)
    weights = torch.rand_like(value)
    for a, b in zip(
        torch.autograd.grad((value * weights).sum(), (query, key)),
        torch.autograd.grad((expected * weights).sum(), (query, key)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_reference_passes_gradcheck(normalize):
    query, key, queue = operands()
    assert torch.autograd.gradcheck(
        lambda q, k: info_nce(q, k, queue, 0.5, normalize=normalize, reduction="none"), (query, key)
    )


def test_tiles_of_any_size_give_the_same_result(monkeypatch):
    query, key, queue = operands(rows=9, keys=100)
    whole = info_nce(query, key, queue, normalize=True)
    grad = torch.autograd.grad(whole, query)[0]
    monkeypatch.setattr(reference, "TILE_ROWS", 4)
    monkeypatch.setattr(reference, "TILE_KEYS", 7)
    tiled, stats = info_nce(query, key, queue, normalize=True, return_stats=True)
    torch.testing.assert_close(tiled, whole)
    torch.testing.assert_close(torch.autograd.grad(tiled, query)[0], grad)
    assert 0.0 <= stats.top1 <= stats.top5 <= 1.0


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_small_and_huge_logits_are_right(monkeypatch, length):
    monkeypatch.setattr(reference, "TILE_KEYS", 7)
    query, key, queue = operands()
    query = (query.detach() * length).requires_grad_()
    loss, expected = info_nce(query, key, queue), naive(query, key, queue, 0.2, False, "mean")
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(x, query)[0] for x in (loss, expected)))


def test_statistics_are_the_ranks_of_the_positive():
    query, key, queue = operands(rows=64, keys=20)
    _, stats = info_nce(query, key, queue, return_stats=True)
    rank = (query @ queue.T >= (query * key).sum(1, keepdim=True)).sum(1)
    assert stats.top1 == (rank < 1).float().mean()
    assert stats.top5 == (rank < 5).float().mean()


def test_a_collapsed_encoder_scores_nothing():
    same = torch.ones(4, 8)
    assert info_nce(same, same, torch.ones(9, 8), return_stats=True)[1].top5 == 0.0


def test_the_queue_may_be_overwritten_before_backward():
    query, key, queue = operands()
    expected = torch.autograd.grad(info_nce(query, key, queue), query)[0]
    loss = info_nce(query, key, queue)
    queue.zero_()
    torch.testing.assert_close(torch.autograd.grad(loss, query)[0], expected)


@pytest.mark.parametrize("dtypes", [(torch.float32, torch.bfloat16), (torch.bfloat16, torch.bfloat16)], ids=str)
def test_half_precision_queues_and_queries_give_a_float32_loss(dtypes):
    query, key, queue = operands()
    exact = info_nce(query.to(dtypes[0]).double(), key.to(dtypes[0]).double(), queue.to(dtypes[1]).double())
    leaf = query.detach().to(dtypes[0]).requires_grad_()
    loss = info_nce(leaf, key.to(dtypes[0]), queue.to(dtypes[1]))
    loss.backward()
    assert loss.dtype == torch.float32
    assert leaf.grad.dtype == dtypes[0]
    torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=1e-5)


def test_autocast_rounds_the_operands_and_nothing_else():
    query, key, queue = (t.detach().float() for t in operands())
    rounded = info_nce(query.bfloat16(), key.bfloat16(), queue)
    with torch.autocast("cpu", torch.bfloat16):
        inside = info_nce(query.requires_grad_(), key, queue)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, rounded)
    inside.backward()
    assert query.grad.dtype == torch.float32


def test_without_gradient_none_is_made():
    query, key, queue = operands()
    with torch.no_grad():
        assert not info_nce(query, key, queue).requires_grad
    assert not info_nce(query.detach(), key.detach(), queue).requires_grad


def test_only_the_wanted_gradients_are_made():
    query, key, queue = operands()
    info_nce(query, key.detach(), queue).backward()
    assert query.grad is not None
    assert key.grad is None


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_it_is_one_graph_for_every_batch_size(backend):
    def loss_and_rank(query: Tensor, key: Tensor, queue: Tensor) -> tuple[Tensor, Tensor]:
        loss, stats = info_nce(query, key, queue, normalize=True, return_stats=True)
        return loss * 2, stats.top5

    compiled = torch.compile(loss_and_rank, fullgraph=True, backend=backend, dynamic=True)
    for rows in (24, 17, 40):
        query, key, queue = operands(rows=rows, dtype=torch.float32)
        value, top5 = compiled(query, key, queue)
        expected, expected_top5 = loss_and_rank(query, key, queue)
        torch.testing.assert_close(value, expected)
        assert top5 == expected_top5
        for a, b in zip(*(torch.autograd.grad(x, (query, key)) for x in (value, expected)), strict=True):
            torch.testing.assert_close(a, b)
    with torch.no_grad():
        torch.testing.assert_close(compiled(*operands(rows=8, dtype=torch.float32))[0].isfinite(), torch.tensor(True))


def test_compiled_under_autocast_it_agrees_with_eager():
    query, key, queue = (t.detach().float() for t in operands(rows=8))
    compiled = torch.compile(lambda *tensors: info_nce(*tensors), fullgraph=True, backend="aot_eager")
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(compiled(query, key, queue), info_nce(query, key, queue))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("wanted", [(True, True, True), (False, False, False)])
@pytest.mark.parametrize("transposed", [False, True])
def test_the_registered_operator_passes_opcheck(dtype, wanted, transposed):
    query, key, queue = (t.detach() for t in operands(dtype=dtype))
    if transposed:
        query, key, queue = (t.T.contiguous().T for t in (query, key, queue))
    torch.library.opcheck(
        torch.ops.fastssl.info_nce_forward, (query, key, queue, None, None, 0.2, True, *wanted, "auto")
    )


def test_a_module_that_calls_it_can_be_copied_and_saved():
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(16, 16)
            self.register_buffer("queue", torch.randn(32, 16))

        def forward(self, query: Tensor, key: Tensor) -> Tensor:
            return info_nce(self.linear(query), key, self.queue, normalize=True)

    head, reloaded = Head(), Head()
    query, key = torch.randn(2, 4, 16)
    expected = naive(head.linear(query), key, head.queue, 0.2, normalize=True, reduction="mean").detach()
    twin = copy.deepcopy(head)
    file = io.BytesIO()
    torch.save(head.state_dict(), file)
    reloaded.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    with torch.no_grad():
        head.linear.weight.zero_()
    torch.testing.assert_close(twin(query, key), expected)
    torch.testing.assert_close(reloaded(query, key), expected)


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        ({"query": torch.ones(4)}, ValueError, "query .*\\[4\\]"),
        ({"query": torch.ones(0, 8)}, ValueError, "query"),
        ({"key": torch.ones(4, 9)}, ValueError, "key .*\\[4, 8\\].*\\[4, 9\\]"),
        ({"queue": torch.ones(6, 9)}, ValueError, "queue .*\\[6, 9\\]"),
        ({"queue": torch.ones(0, 8)}, ValueError, "queue"),
        ({"queue": torch.ones(6, 8, requires_grad=True)}, ValueError, "queue"),
        ({"query": torch.ones(4, 8).int()}, TypeError, "query .*int32"),
        ({"query": [[1.0]]}, TypeError, "query .*list"),
        ({"key": torch.ones(4, 8, device="meta")}, ValueError, "key .*meta"),
        ({"temperature": 0.0}, ValueError, "temperature .*0.0"),
        ({"temperature": float("nan")}, ValueError, "temperature"),
        ({"temperature": "0.2"}, TypeError, "temperature .*str"),
        ({"reduction": "max"}, ValueError, "reduction .*'max'"),
        ({"impl": "cuda"}, ValueError, "impl .*'cuda'"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(change, error, names):
    arguments = {"query": torch.ones(4, 8), "key": torch.ones(4, 8), "queue": torch.ones(6, 8), **change}
    with pytest.raises(error, match=names) as caught:
        info_nce(**arguments)
    assert "\n" not in str(caught.value)


def test_more_than_256_columns_are_refused():
    with pytest.raises(ValueError, match="D <= 256"):
        info_nce(torch.ones(1, 257), torch.ones(1, 257), torch.ones(1, 257))


def test_gradients_reach_a_distributed_module(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        head = nn.parallel.DistributedDataParallel(nn.Linear(16, 16))
        query, key, queue = (t.detach().float() for t in operands())
        info_nce(head(query), key, queue).backward()
        assert head.module.weight.grad.abs().sum() > 0
    finally:
        torch.distributed.destroy_process_group()
