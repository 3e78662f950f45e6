"""What only a GPU can show: the launch table's own tiles, CUDA graphs, no host waits, compiled graphs, huge queues.

Covers: the public functions with impl="auto" on CUDA. Does not cover: numbers of every shape (test_*_kernel.py run on
the GPU too, where there is one) or speed (bench/kernels).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels import ema_update_, flatten_, info_nce, masked_mse, nt_xent, transform_pixels

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def tensor_cores() -> Iterator[None]:
    """Let float32 products use tf32, without which impl="auto" leaves them to cuBLAS."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Raise where the host would wait for the device."""
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


def operands(rows: int, keys: int, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    query, key, queue = (F.normalize(torch.randn(n, width, device="cuda"), dim=1).to(dtype) for n in (rows, rows, keys))
    return query.requires_grad_(), key, queue


def steps() -> dict[str, tuple[Callable[[], Tensor], list[Tensor]]]:
    """Each loss as a closure over its inputs, and the leaves that get a gradient."""
    query, key, queue = operands(256, 4096, 128, torch.bfloat16)
    ids = torch.arange(4096, device="cuda") % 1000
    embeddings = torch.randn(1024, 128, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    prediction, target = torch.randn(2, 8, 3, 64, 64, device="cuda")
    prediction.requires_grad_()
    mask = torch.rand(8, 1, 8, 8, device="cuda") < 0.6
    return {
        "info_nce": (lambda: info_nce(query, key, queue, normalize=True), [query]),
        "info_nce with ids": (
            lambda: info_nce(query, key, queue, normalize=True, query_ids=ids[:256], queue_ids=ids),
            [query],
        ),
        "nt_xent": (lambda: nt_xent(embeddings), [embeddings]),
        "masked_mse": (lambda: masked_mse(prediction, target, mask), [prediction]),
    }


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("rows", [17, 64, 256, 1024])
@pytest.mark.parametrize("width", [96, 128, 256])
def test_the_launch_table_meets_the_oracle(accept, naive_info_nce, dtype, rows, width):
    query, key, queue = operands(rows, 65536, width, dtype)
    loss = info_nce(query, key, queue, 0.07, reduction="none")
    (grad,) = torch.autograd.grad(loss.sum(), query)
    oracle = naive_info_nce(query.double(), key.double(), queue.double(), 0.07, False)
    eager = naive_info_nce(query, key, queue, 0.07, False)
    cap = torch.float16 if dtype == torch.float32 else dtype  # tf32 keeps as many bits as fp16
    accept("loss", loss.detach(), oracle[0], eager[0], cap)
    accept("grad", grad, oracle[1], eager[1], cap, atol=8e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("rows", [64, 256])
def test_own_keys_are_left_out_by_the_tables_own_tiles(dtype, rows):
    query, key, queue = operands(rows, 65536, 128, dtype)
    ids = torch.arange(rows, device="cuda"), torch.arange(65536, device="cuda") % 700
    loss, stats = info_nce(
        query, key, queue, 0.07, reduction="none", return_stats=True, query_ids=ids[0], queue_ids=ids[1]
    )
    negatives = (query.double() @ queue.double().T).masked_fill(ids[0].unsqueeze(1) == ids[1], -torch.inf)
    logits = torch.cat([(query.double() * key.double()).sum(1, keepdim=True), negatives], 1) / 0.07
    expected = F.cross_entropy(logits, torch.zeros(rows, dtype=torch.long, device="cuda"), reduction="none")
    torch.testing.assert_close(loss.double(), expected, rtol=2e-3, atol=2e-3)
    assert stats.top1.isfinite()


@pytest.mark.parametrize("name", ["info_nce", "info_nce with ids", "nt_xent", "masked_mse"])
def test_two_runs_agree_bit_for_bit(name):
    step, leaves = steps()[name]
    first, second = ([loss := step(), *torch.autograd.grad(loss, leaves)] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["info_nce", "info_nce with ids", "nt_xent", "masked_mse"])
def test_no_step_makes_the_host_wait(name, no_waits):
    step, leaves = steps()[name]
    torch.autograd.grad(step(), leaves)


@pytest.mark.parametrize("name", ["info_nce", "info_nce with ids", "nt_xent", "masked_mse"])
def test_a_cuda_graph_replays_loss_and_gradient(name):
    step, leaves = steps()[name]
    expected = torch.autograd.grad(step(), leaves)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.autograd.grad(step(), leaves)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        grads = torch.autograd.grad(step(), leaves)
    for grad in grads:
        grad.zero_()
    graph.replay()
    assert all(torch.equal(a, b) for a, b in zip(grads, expected, strict=True))


@pytest.mark.parametrize("name", ["info_nce", "info_nce with ids", "nt_xent", "masked_mse"])
def test_compiled_by_inductor_each_step_is_one_graph(name):
    step, leaves = steps()[name]
    compiled = torch.compile(step, fullgraph=True)
    losses = step(), compiled()
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*(torch.autograd.grad(loss, leaves) for loss in losses))


def test_flat_averages_replay_in_a_cuda_graph_with_a_momentum_that_changes():
    targets, sources = ([torch.full((n,), v, device="cuda") for n in (3, 1000)] for v in (1.0, 0.0))
    pair = [flatten_(targets)], [flatten_(sources)]
    momentum = torch.tensor(0.5, device="cuda")
    ema_update_(*pair, momentum)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        ema_update_(*pair, momentum)
    momentum.fill_(0.1)
    graph.replay()
    for target in targets:
        torch.testing.assert_close(target, torch.full_like(target, 0.05))


def test_pixels_meet_the_reference():
    images = torch.randint(0, 256, (8, 224, 224, 3), dtype=torch.uint8, device="cuda")
    options = {
        "lut": torch.rand(8, 256, device="cuda"),
        "permutation": torch.rand(8, 16, device="cuda").argsort(1),
        "mask": torch.rand(8, 1, 14, 14, device="cuda") < 0.6,
        "mean": (0.4, 0.5, 0.6),
        "std": (0.2, 0.3, 0.2),
    }
    torch.testing.assert_close(*(transform_pixels(images, **options, impl=impl) for impl in ("triton", "torch")))


@pytest.mark.slow
def test_a_queue_beyond_int32_elements_is_read_to_its_end():
    n_keys = 2**24 + 128  # times 128 columns: 2^31 + 2^14 elements, 4.3 GB in bf16
    query, key, _ = operands(64, 1, 128, torch.bfloat16)
    queue = torch.zeros(n_keys, 128, device="cuda", dtype=torch.bfloat16)
    queue[-1] = query[0].detach()  # only a read past 2^31 finds the one key that matters
    loss = info_nce(query, key, queue, 0.05, reduction="none")
    gap = torch.tensor(n_keys - 1.0, device="cuda").log() - (query * key).float().sum(1) / 0.05
    with_last = torch.logaddexp(gap, (query @ queue[-1] - (query * key).sum(1)).float() / 0.05)
    torch.testing.assert_close(loss, F.softplus(with_last), rtol=2e-2, atol=2e-2)
