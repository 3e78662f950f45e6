"""The instruments of the kernel tests. Covers: that the overflow detector and the poison find what they are for."""

from __future__ import annotations

import pytest
import torch

triton = pytest.importorskip("triton")
tl = pytest.importorskip("triton.language")


@triton.jit
def _address_kernel(source, target, stride, WIDE: tl.constexpr):
    o_n = tl.arange(0, 4)
    if WIDE:
        o_n = o_n.to(tl.int64)
    tl.store(target + tl.arange(0, 4), tl.load(source + o_n * stride, mask=o_n < 1, other=0.0))


@pytest.mark.skipif(torch.cuda.is_available(), reason="the detector belongs to the interpreter")
@pytest.mark.usefixtures("kernel_device")
def test_an_int32_offset_that_wraps_raises_and_an_int64_one_does_not():
    source, target = torch.ones(1), torch.zeros(4)
    _address_kernel[(1,)](source, target, 1 << 30, WIDE=True)
    assert target.tolist() == [1.0, 0.0, 0.0, 0.0]
    with pytest.raises(Exception, match="overflow"):
        _address_kernel[(1,)](source, target, 1 << 30, WIDE=False)


@pytest.mark.usefixtures("poisoned")
def test_memory_that_is_only_allocated_is_poison():
    assert torch.empty(2).isnan().all()
    assert torch.ones(1).new_empty(2, dtype=torch.int32).tolist() == [2**31 - 1] * 2
    assert torch.empty_like(torch.ones(2)).isnan().all()
