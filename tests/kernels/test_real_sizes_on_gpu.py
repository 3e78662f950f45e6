"""What only a GPU can show, of the functions and sizes that `test_on_gpu.py` leaves out.

Covers: NT-Xent, masked squared error, the moving average and the pixel transform against fp64 at the sizes they are
used at; repeatability, CUDA graphs and compilation of those that have no gradient. Does not cover: InfoNCE, nor
gradients under graphs and compilation (`test_on_gpu.py`), nor speed (`bench/kernels`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fastssl.kernels import ema_update_, flatten_, masked_mse, nt_xent, transform_pixels

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def tensor_cores() -> Iterator[None]:
    """Let float32 products use tf32, without which impl="auto" leaves them to cuBLAS."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


def naive_nt_xent(embeddings: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Loss and gradient of SimCLR's own form, in the dtype of its input."""
    leaf = embeddings.detach().clone().requires_grad_()
    unit = F.normalize(leaf, dim=1)
    logits = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    loss = F.cross_entropy(logits, torch.arange(len(leaf), device=leaf.device).roll(len(leaf) // 2))
    return loss.detach(), *torch.autograd.grad(loss, leaf)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("rows", [512, 2048, 4096])
@pytest.mark.parametrize("width", [64, 128, 256])
def test_nt_xent_meets_the_oracle(accept: Callable, dtype: torch.dtype, rows: int, width: int) -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(rows, width, device="cuda").to(dtype).requires_grad_()
    loss = nt_xent(embeddings, 0.1, impl="triton")
    (grad,) = torch.autograd.grad(loss, embeddings)
    oracle, eager = naive_nt_xent(embeddings.double(), 0.1), naive_nt_xent(embeddings, 0.1)
    cap = torch.float16 if dtype == torch.float32 else dtype  # tf32 keeps as many bits as fp16
    accept("loss", loss.detach(), oracle[0], eager[0], cap, atol=1e-3)
    accept("grad", grad, oracle[1], eager[1], cap, atol=8e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("size", [28, 64, 224])
@pytest.mark.parametrize("cells", [0, 14], ids=["pixel-mask", "patch-mask"])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels-last"])
def test_masked_mse_meets_the_oracle(dtype: torch.dtype, size: int, cells: int, form: torch.memory_format) -> None:
    cells = cells if cells and size % cells == 0 else size
    torch.manual_seed(0)
    prediction, target = (
        torch.randn(64, 3, size, size, device="cuda").to(dtype).contiguous(memory_format=form) for _ in range(2)
    )
    mask = torch.rand(64, 1, cells, cells, device="cuda") < 0.6
    prediction.requires_grad_()
    loss = masked_mse(prediction, target, mask)
    (grad,) = torch.autograd.grad(loss, prediction)
    pixels = F.interpolate(mask.double(), size=(size, size), mode="nearest").expand(prediction.shape)
    error = (prediction.detach().double() - target.double()) * pixels
    torch.testing.assert_close(loss.double(), error.square().sum() / pixels.sum(), rtol=1e-5, atol=0, check_dtype=False)
    expected = 2 * error / pixels.sum()
    rounding = {torch.bfloat16: 2**-8, torch.float16: 2**-10, torch.float32: 1e-5}[dtype]
    # fp16 has no smaller step than 6e-8, and gradients of a mean over millions are about that large.
    torch.testing.assert_close(grad.double(), expected, rtol=rounding, atol=6e-8 if dtype == torch.float16 else 1e-12)


def pixels(channels: int, size: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Images, and a table, an order of tiles and a mask for each."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (32, size, size, channels), dtype=torch.uint8, device="cuda")
    return images, {
        "lut": torch.rand(32, 256, device="cuda"),
        "permutation": torch.rand(32, 16, device="cuda").argsort(1),
        "mask": torch.rand(32, 1, size, size, device="cuda") < 0.6,
    }


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 64, 224])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_pixels_meet_the_oracle(channels: int, size: int, dtype: torch.dtype) -> None:
    images, options = pixels(channels, size)
    found = transform_pixels(images, **options, mean=(0.4,), std=(0.25,), dtype=dtype)
    levels = options["lut"].double().gather(1, images.flatten(1).long()).view(images.shape)
    tile = size // 4
    tiles = levels.view(32, 4, tile, 4, tile, channels).transpose(2, 3).flatten(1, 2)
    moved = torch.stack([own[order] for own, order in zip(tiles, options["permutation"], strict=True)])
    picture = moved.view(32, 4, 4, tile, tile, channels).transpose(2, 3).reshape(images.shape).permute(0, 3, 1, 2)
    expected = ((picture - 0.4) / 0.25).masked_fill(options["mask"], 0.0)
    tolerance = 2**-8 if dtype == torch.bfloat16 else 2e-6
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=2e-6)


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "list"])
def test_the_average_of_a_resnet50s_parameters_meets_the_oracle(flat: bool) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    shapes = [p.shape for p in timm.create_model("resnet50", num_classes=0).parameters()]
    targets, sources = ([torch.randn(shape, device="cuda") for shape in shapes] for _ in range(2))
    expected = [0.999 * t.double() + 0.001 * s.double() for t, s in zip(targets, sources, strict=True)]
    ema_update_(*([flatten_(targets)], [flatten_(sources)]) if flat else (targets, sources), 0.999)
    for found, exact in zip(targets, expected, strict=True):
        torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=1e-7)


def test_pixels_agree_bit_for_bit_run_twice_and_replayed_from_a_graph() -> None:
    images, options = pixels(3, 224)
    first, second = (transform_pixels(images, **options, mean=(0.4,), std=(0.25,)) for _ in range(2))
    assert torch.equal(first, second)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        replayed = transform_pixels(images, **options, mean=(0.4,), std=(0.25,))
    replayed.fill_(torch.nan)
    graph.replay()
    assert torch.equal(replayed, first)


def test_pixels_and_averages_compile_to_one_graph() -> None:
    images, options = pixels(3, 64)

    def call() -> Tensor:
        return transform_pixels(images, **options, mean=(0.4,), std=(0.25,))

    torch.testing.assert_close(torch.compile(call, fullgraph=True)(), call())
    targets, sources = ([torch.full((1000,), value, device="cuda")] for value in (1.0, 0.0))
    torch.compile(lambda: ema_update_(targets, sources, 0.5), fullgraph=True)()
    torch.testing.assert_close(targets[0], torch.full_like(targets[0], 0.5))
