"""MoCo's two crops of a MONAI data set: by MONAI's transforms in its DataLoader, and by our source and loader.

Covers: an epoch of 2560 grey images of 28 px as it is consumed, from a dictionary data set in memory. Does not cover:
reading files, which both leave to MONAI, and turning the data set into a source, which is done once.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from bench.embedding.test_plain_loop import BATCH, SIZE, images
from bench.embedding.torchvision_views import WORKERS
from bench.embedding.two_crops import compare_two_crops
from bench.harness import Comparison
from fastssl.backend import MonaiSamples, monai_source


def items() -> list[dict[str, Any]]:
    """Dictionaries of float32 images `[1, S, S]` from 0 to 1."""
    return [{"image": image} for image in images().transpose(0, 3, 1, 2).astype(np.float32) / 255]


def theirs() -> Any:
    from monai.data import DataLoader, Dataset

    return DataLoader(
        Dataset(items(), _two_crops()),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="forkserver",  # a worker forked from a process with OpenMP threads may crash
    )


def _two_crops() -> Any:
    """Crop and resize, flip, contrast, blur, normalise: each view by itself."""
    from monai import transforms as T

    names, smallest, blur = ["query", "key"], round(SIZE * 0.2**0.5), (0.1, 2.0)
    steps: list[Any] = [T.CopyItemsd("image", times=2, names=names), T.SelectItemsd(names)]
    for name in names:
        steps += [
            T.RandSpatialCropd(name, roi_size=(smallest, smallest), max_roi_size=(SIZE, SIZE), random_size=True),
            T.Resized(name, spatial_size=(SIZE, SIZE), mode="bilinear", anti_aliasing=True),
            T.RandFlipd(name, prob=0.5, spatial_axis=1),
            T.RandScaleIntensityd(name, factors=0.4, prob=0.8),
            T.RandAdjustContrastd(name, prob=0.8, gamma=(0.6, 1.4)),
            T.RandGaussianSmoothd(name, prob=0.5, sigma_x=blur, sigma_y=blur),
            T.NormalizeIntensityd(name, subtrahend=0.5, divisor=0.5),
        ]
    return T.Compose(steps)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.benchmark(min_rounds=3)
def test_two_crops_of_a_monai_data_set(compare: Comparison, device: str) -> None:
    warnings.simplefilter("ignore")
    compare_two_crops(
        compare,
        device,
        whose="MONAI data set",
        source=monai_source(MonaiSamples(data=items()), value_range="0,1"),
        way="MONAI transforms and DataLoader",
        package="monai",
        theirs=theirs,
    )
