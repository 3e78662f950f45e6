"""Patches on a GPU: those of a CPU, made ahead on another stream, and without the host waiting for the device.

Not yet run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from fastssl.evaluation.segment import table
from fastssl.evaluation.segment.augmentation import AUGMENTATIONS
from fastssl.evaluation.segment.data import Sample
from fastssl.evaluation.segment.patches import PatchLoader

pytestmark = pytest.mark.gpu

MakeSample = Callable[..., Sample]


def loader(samples: list[Sample], name: str, device: str, prefetch: int = 0) -> PatchLoader:
    return PatchLoader(
        samples,
        (16, 16),
        white=float(np.iinfo(samples[0].image.dtype).max),
        batch_size=4,
        mean=(0.5, 0.4, 0.3),
        std=(0.5, 0.2, 0.3),
        device=device,
        augmentation=AUGMENTATIONS[name],  # type: ignore[index]
        prefetch=prefetch,
    )


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["flips", "xray", "fundus"])
def test_batches_are_those_of_a_cpu(
    sample: MakeSample, monkeypatch: pytest.MonkeyPatch, name: str, dtype: type, resident: bool, prefetch: int
) -> None:
    if not resident:
        monkeypatch.setattr(table, "RESIDENT_SHARE", 0.0)
    samples = [sample(40, 50, 3, 1), sample(33, 64, 3, 2)]
    wide = 1 if dtype is np.uint8 else 257
    samples = [replace(s, image=s.image.astype(dtype) * wide) for s in samples]
    for expected, found in zip(loader(samples, name, "cpu"), loader(samples, name, "cuda", prefetch), strict=True):
        assert all(values.is_cuda for values in found.values())
        torch.testing.assert_close(found["image"].cpu(), expected["image"], atol=2e-3, rtol=1e-3)
        for flag in ("mask", "inside"):  # a pixel between two may fall to either
            assert (found[flag].cpu() == expected[flag]).float().mean() > 0.999


def test_making_a_batch_waits_for_nothing_on_the_device(sample: MakeSample) -> None:
    patches = iter(loader([sample(40, 50, 3)], "fundus", "cuda"))
    next(patches)
    torch.cuda.set_sync_debug_mode("error")
    try:
        next(patches)
    finally:
        torch.cuda.set_sync_debug_mode("default")
