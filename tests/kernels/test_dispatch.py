"""Which implementation runs. Covers: `impl=`, and that importing needs neither Triton nor a GPU."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from fastssl.kernels import dispatch, info_nce


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


def test_the_package_imports_and_runs_without_triton():
    """In a process where importing Triton fails, as on a machine that lacks it."""
    program = (
        "import sys; sys.modules['triton'] = None\n"
        "import fastssl.kernels as k; assert 'torch' not in sys.modules\n"
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
