"""The InfoNCE kernels, on the GPU or in Triton's interpreter.

Covers: numbers against fp64, shapes, layouts, slices, poison, overflow.
Does not cover: the public function's contract (test_info_nce.py), or registers and tensor cores (test_aot.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels.info_nce.options import InfoNCEOptions

pytestmark = pytest.mark.usefixtures("kernel_device", "poisoned")
launch = pytest.importorskip("fastssl.kernels.info_nce.launch")
partial_kernel = pytest.importorskip("fastssl.kernels.info_nce.kernel").partial_kernel
scheduling = pytest.importorskip("fastssl.kernels.scheduling")
pytest.importorskip("fastssl.kernels.info_nce.op")  # registers the operator

LOSS_ALONE = InfoNCEOptions(normalize=True, query_grad=False, key_grad=False, rank=False)

# Small and odd for the odd shapes; few and large where the interpreter, which pays per step, would take too long.
TILE = scheduling.Tile(rows=16, keys=32, warps=4, stages=2, resident=1)
WIDE_TILE = None if torch.cuda.is_available() else TILE._replace(rows=256, keys=4096)


def operands(rows: int, keys: int, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys that agree somewhat, and a queue of unit rows."""
    torch.manual_seed(0)
    query = torch.randn(rows, width)
    key = F.normalize(query + torch.randn(rows, width), dim=1)
    queue = F.normalize(torch.randn(keys, width), dim=1)
    return query.to(dtype), key.to(dtype), queue.to(dtype)


def check(accept, naive, query, key, queue, temperature, normalize, tile=TILE, n_slices=None) -> None:
    every = InfoNCEOptions(normalize=normalize, query_grad=True, key_grad=True, rank=True)
    result = launch.launch_info_nce(query, key, queue, temperature, every, tile, n_slices)
    oracle = naive(query.double(), key.double(), queue.double(), temperature, normalize)
    eager = naive(query, key, queue, temperature, normalize)
    for name, value, exact, plain in zip(("loss", "grad_query", "grad_key"), result, oracle, eager, strict=False):
        accept(name, value, exact, plain, query.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("temperature", [0.03, 0.07, 0.2])
def test_loss_and_gradients_meet_the_oracle_in_every_dtype_and_temperature(accept, naive_info_nce, dtype, temperature):
    check(accept, naive_info_nce, *operands(17, 229, 96, dtype), temperature, True, n_slices=3)


@pytest.mark.parametrize(
    ("rows", "keys"),
    [(1, 1), (1, 229), (16, 31), (16, 32), (16, 33), (17, 1), (17, 32), (17, 229), (47, 33), (48, 32)],
)
def test_any_number_of_rows_and_keys_is_right(accept, naive_info_nce, rows, keys):
    check(accept, naive_info_nce, *operands(rows, keys, 32, torch.float32), 0.2, True)


@pytest.mark.parametrize("width", [1, 32, 64, 96, 128, 200, 256])
@pytest.mark.parametrize("normalize", [True, False])
def test_any_width_is_right_normalised_or_not(accept, naive_info_nce, width, normalize):
    check(accept, naive_info_nce, *operands(17, 66, width, torch.float16), 0.2, normalize)


@pytest.mark.parametrize("rows", [16, pytest.param(256, marks=pytest.mark.slow)])
def test_a_queue_of_65536_keys_is_right(accept, naive_info_nce, rows):
    check(accept, naive_info_nce, *operands(rows, 65536, 128, torch.float32), 0.07, True, WIDE_TILE, n_slices=2)


@pytest.mark.parametrize("n_slices", [1, 2, 5, 8, 20])
def test_the_number_of_slices_does_not_matter_even_when_some_are_empty(accept, naive_info_nce, n_slices):
    check(accept, naive_info_nce, *operands(17, 229, 64, torch.float32), 0.07, True, TILE, n_slices)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_peaked_logits_lose_no_gradient(accept, naive_info_nce, dtype):
    query, key, queue = operands(16, 256, 64, dtype)
    queue[::2] = key.repeat(8, 1)  # half of the negatives are the positives themselves
    check(accept, naive_info_nce, query, key, queue, 0.03, True)


def test_a_dominant_positive_keeps_its_small_gradient(naive_info_nce):
    query, _, queue = operands(16, 256, 64, torch.float32)
    key = F.normalize(query, dim=1)  # the positive's weight is within 1e-6 of one: subtracting from one would cancel
    result = launch.launch_info_nce(query, key, queue, 0.03, replace(LOSS_ALONE, query_grad=True), TILE)
    _, exact, _ = naive_info_nce(query.double(), key.double(), queue.double(), 0.03, True)
    assert (result.grad_query - exact).norm() <= 1e-4 * exact.norm()


def test_equal_logits_give_the_log_of_their_number():
    same = torch.full((99, 32), 32**-0.5)
    result = launch.launch_info_nce(
        same[:16], same[:16], same, 0.2, replace(LOSS_ALONE, query_grad=True, rank=True), TILE
    )
    torch.testing.assert_close(result.loss, torch.full((16,), 100.0).log())
    torch.testing.assert_close(result.grad_query, torch.zeros(16, 32), rtol=0, atol=1e-6)


def test_strided_and_offset_views_amid_nan_do_not_leak(accept, naive_info_nce, guarded):
    query, key, queue = (guarded(t) for t in operands(17, 66, 48, torch.float32))
    check(accept, naive_info_nce, query, key, queue, 0.2, True)


def test_transposed_operands_are_right(accept, naive_info_nce):
    query, key, queue = (t.T.contiguous().T for t in operands(17, 66, 48, torch.float32))
    check(accept, naive_info_nce, query, key, queue, 0.2, True)


def test_fp16_keeps_the_mass_of_many_small_weights(naive_info_nce):
    query, key, queue = operands(16, 4096, 64, torch.float16)
    queue = (queue.float() * 0.05).half()
    queue[0] = key[0]  # one weight of 1, thousands of about 2^-22: fp16 alone would drop those below 2^-24
    result = launch.launch_info_nce(query, key, queue, 0.05, replace(LOSS_ALONE, query_grad=True), WIDE_TILE)
    _, exact, _ = naive_info_nce(query.double(), key.double(), queue.double(), 0.05, True)
    assert (result.grad_query - exact).norm() <= 2e-3 * exact.norm()


def test_the_rank_counts_the_logits_that_reach_the_positive():
    query, key, queue = operands(17, 229, 64, torch.float32)
    rank = launch.launch_info_nce(query, key, queue, 0.2, replace(LOSS_ALONE, rank=True), TILE, 3).rank
    unit, unit_key = (F.normalize(t.double(), dim=1) for t in (query, key))
    torch.testing.assert_close(rank, (unit @ queue.double().T >= (unit * unit_key).sum(1, keepdim=True)).sum(1))


def test_two_runs_agree_bit_for_bit():
    every = InfoNCEOptions(normalize=True, query_grad=True, key_grad=True, rank=True)
    first, second = (
        launch.launch_info_nce(*operands(17, 229, 64, torch.float32), 0.2, every, TILE, 5) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_what_is_not_wanted_is_empty():
    result = launch.launch_info_nce(*operands(4, 8, 16, torch.float32), 0.2, LOSS_ALONE, TILE)
    assert [part.numel() for part in result] == [4, 0, 0, 0]


def test_offsets_beyond_int32_do_not_wrap():
    """Rows 2^30 elements apart: one row has memory behind it, the others of its tile are masked but addressed."""
    query, key, queue = operands(1, 1, 16, torch.float32)
    outputs = [torch.zeros(2), torch.zeros(2), torch.zeros(2, 16), torch.zeros(2, dtype=torch.int32)]
    precision = launch.product_precision(torch.float32)
    constants = launch.partial_constants(precision, TILE, 1, 16, replace(LOSS_ALONE, query_grad=True, rank=True))
    apart = 1 << 30
    partial_kernel[(1, 2)](
        query, key, queue, query, query, *outputs, 1, 1, 16, 64, apart, apart, apart, 1.0, **constants
    )
    assert torch.isfinite(outputs[2][0]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("wanted", [(True, True, True), (False, False, False)])
def test_what_the_kernels_return_is_what_the_registered_operator_promises(dtype, wanted):
    arguments = (*operands(5, 9, 16, dtype), None, None, 0.2, True, *wanted, "triton")
    torch.library.opcheck(torch.ops.fastssl.info_nce_forward, arguments)
