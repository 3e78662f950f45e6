"""The host's share of each operation's launch: checks, plans, buffers, with kernels that do nothing in their place.

Covers: the time that Python takes between a call and its kernels, which the device waits for wherever the operation is
shorter than that. Goals, on a quiet processor: 60 us for `launch_info_nce`, a few tens for `ema_update_` of a flat
pair. Does not cover: Triton's own launch (about 11 us each: facebookexperimental/triton 1231), nor autograd.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from bench.harness import Comparison
from fastssl import kernels
from fastssl.kernels.info_nce.options import InfoNCEOptions
from fastssl.kernels.masked_mse.options import MaskedMSEOptions

pytest.importorskip("triton", reason="needs Triton: pip install triton")
from bench.kernels.no_kernels import no_kernels
from fastssl.kernels.info_nce import launch as info_nce
from fastssl.kernels.masked_mse import launch as masked_mse
from fastssl.kernels.nt_xent import launch as nt_xent
from fastssl.kernels.nt_xent.reference import NTXentResult
from fastssl.kernels.transform_pixels import launch as transform_pixels

CALLS = 100  # per timing: a clock's own resolution is a good share of one call


def calls_of(device: str) -> dict[str, Callable[[], object]]:
    """Every launch by its function, and, where there is more to the public function, that as well, without gradient."""
    query, key, queue = (torch.randn(rows, 128, device=device, dtype=torch.bfloat16) for rows in (256, 256, 65536))
    embeddings = torch.randn(2048, 128, device=device, dtype=torch.bfloat16)
    loss, lse, norm, grad_loss = (torch.rand(2048, device=device) for _ in range(4))
    forward = NTXentResult(loss=loss, lse=lse, unit=embeddings, norm=norm)
    prediction, target = torch.randn(2, 64, 3, 64, 64, device=device, dtype=torch.bfloat16)
    mask = torch.rand(64, 1, 16, 16, device=device) < 0.6
    images = torch.randint(0, 256, (64, 64, 64, 3), dtype=torch.uint8, device=device)
    lut, orders = torch.rand(64, 256, device=device), torch.rand(64, 4, device=device).argsort(1)
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]
    averaged, online = ([torch.rand(1 << 16, device=device)] for _ in range(2))
    options = {"lut": lut, "permutation": orders, "mask": mask, "mean": mean, "std": std, "dtype": torch.bfloat16}
    contrast = InfoNCEOptions(normalize=True, query_grad=True, key_grad=False, rank=False)
    error = MaskedMSEOptions(mean=True, grad=True)
    return {
        "launch_info_nce": lambda: info_nce.launch_info_nce(query, key, queue, 0.2, contrast),
        "info_nce": lambda: kernels.info_nce(query, key, queue, normalize=True),
        "nt_xent forward": lambda: nt_xent.launch_forward(embeddings, 0.1, True),
        "nt_xent backward": lambda: nt_xent.launch_backward(forward, grad_loss, 0.1, True),
        "nt_xent": lambda: kernels.nt_xent(embeddings),
        "launch_masked_mse": lambda: masked_mse.launch_masked_mse(prediction, target, mask, error),
        "masked_mse": lambda: kernels.masked_mse(prediction, target, mask),
        "launch_transform": lambda: transform_pixels.launch_transform(
            images, lut, orders, mask, mean, std, torch.bfloat16
        ),
        "transform_pixels": lambda: kernels.transform_pixels(images, **options),
        "ema_update_, flat pair": lambda: kernels.ema_update_(averaged, online, 0.99),
    }


@pytest.mark.benchmark(max_time=0.15)
def test_time_on_the_host(compare: Comparison, device: str) -> None:
    def repeated(call: Callable[[], object]) -> Callable[[], None]:
        def calls() -> None:
            for _ in range(CALLS):
                call()

        return calls

    with no_kernels():
        variants = {f"fastssl {name}": repeated(call) for name, call in calls_of(device).items()}
        compare("launches on the host, without their kernels", variants, calls=CALLS, device="cpu")
