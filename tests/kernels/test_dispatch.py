"""Which implementation runs. Covers: `impl=`, TF32 settings, and that importing needs neither Triton nor a GPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from fastssl.kernels import dispatch, info_nce, nt_xent

MATMUL = torch.backends.cuda.matmul
# Every way in which torch is told that float32 products may be rounded to tf32, or may not.
SETTINGS = {
    "nothing": (lambda: None, "ieee"),
    "set_float32_matmul_precision high": (lambda: torch.set_float32_matmul_precision("high"), "tf32"),
    "allow_tf32": (lambda: setattr(MATMUL, "allow_tf32", True), "tf32"),
    "cuda.matmul.fp32_precision tf32": (lambda: setattr(MATMUL, "fp32_precision", "tf32"), "tf32"),
    "cuda.matmul.fp32_precision ieee": (lambda: setattr(MATMUL, "fp32_precision", "ieee"), "ieee"),
    "fp32_precision tf32": (lambda: setattr(torch.backends, "fp32_precision", "tf32"), "tf32"),
}


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS.keys())
def products(request: pytest.FixtureRequest) -> Iterator[str]:
    """The setting is made; what fp32 products must be under it."""
    change, expected = request.param
    change()
    yield expected
    for backend in (torch.backends, MATMUL, torch.backends.mkldnn.matmul):
        backend.fp32_precision = "none"
    torch.set_float32_matmul_precision("highest")
    for backend in (MATMUL, torch.backends.mkldnn.matmul):
        backend.fp32_precision = "none"


def test_auto_is_torch_on_a_cpu_even_where_triton_interprets(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert not dispatch.runs_triton("auto", torch.ones(1))


def test_triton_on_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with pytest.raises(ValueError, match=r"impl='triton' cannot run: .*cpu"):
        info_nce(torch.ones(2, 4), torch.ones(2, 4), torch.ones(3, 4), impl="triton")


def test_triton_refuses_float64():
    with pytest.raises(TypeError, match="float64"):
        dispatch.runs_triton("triton", torch.ones(1).double())


def test_every_tf32_setting_is_read_and_none_breaks_the_choice(products, monkeypatch):
    on_a_gpu = {
        dtype: SimpleNamespace(dtype=dtype, is_cuda=True, device=torch.device("cuda", 0))
        for dtype in (torch.float32, torch.bfloat16)
    }
    monkeypatch.setattr(dispatch, "triton_problem", lambda device: None)
    assert dispatch.runs_triton("auto", on_a_gpu[torch.float32], products=True) == (products == "tf32")
    assert dispatch.runs_triton("auto", on_a_gpu[torch.bfloat16], products=True)
    assert dispatch.runs_triton("auto", on_a_gpu[torch.float32])


def test_half_precision_has_one_kind_of_product_whatever_the_setting(products):
    product_precision = pytest.importorskip("fastssl.kernels.precision").product_precision
    assert product_precision(torch.float32).products == products
    assert product_precision(torch.bfloat16, torch.float32).products == "tf32"
    assert product_precision(torch.float16).products == "tf32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="Triton does not interpret where there is a GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_both_contrastive_losses_run_under_every_tf32_setting(products, dtype):
    torch.manual_seed(0)
    query, key, queue = (F.normalize(torch.randn(rows, 16), dim=1).to(dtype) for rows in (4, 4, 20))
    logits = torch.cat([(query * key).double().sum(1, keepdim=True), query.double() @ queue.double().T], 1) / 0.2
    expected = F.cross_entropy(logits, torch.zeros(4, dtype=torch.long))
    torch.testing.assert_close(info_nce(query, key, queue, impl="triton").double(), expected, rtol=1e-2, atol=1e-2)
    rows = torch.cat([query, key])
    every = (rows.double() @ rows.double().T / 0.1).fill_diagonal_(-torch.inf)
    expected = F.cross_entropy(every, torch.arange(8).roll(4))
    loss = nt_xent(rows, 0.1, normalize=False, impl="triton")
    torch.testing.assert_close(loss.double(), expected, rtol=1e-2, atol=1e-2)


def test_the_package_imports_and_runs_without_triton():
    """In a process where importing Triton fails, as on a machine that lacks it."""
    program = (
        "import sys; sys.modules['triton'] = None\n"
        "import fastssl.kernels as k\n"
        "import torch; x = torch.ones(4, 8)\n"
        "assert k.info_nce(x, x, x).isfinite() and k.nt_xent(x).isfinite()\n"
        "assert k.masked_mse(x[None, None], x[None, None], x[None, None].bool()) == 0\n"
        "k.ema_update_([x], [x], 0.5)\n"
        "assert set(k.__all__) <= set(dir(k))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_an_unknown_name_is_an_attribute_error():
    import fastssl.kernels

    with pytest.raises(AttributeError, match="nothing_here"):
        _ = fastssl.kernels.nothing_here
