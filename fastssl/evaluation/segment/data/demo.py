"""The built-in images with masks.

Covers: those of the demo set that have vessels. Does not cover: drawing them (`fastssl.data.named.demo`).
"""

from __future__ import annotations

import numpy as np

from fastssl.config import SegmentConfig
from fastssl.data import open_source
from fastssl.data.source import Split
from fastssl.errors import DataError

from .facts import SegmentationReport
from .sample import Channel, Sample, select_channels
from .segmentation_data import SegmentationData
from .splits import SPLITS

DEMO_SIZE = 64
FUNDUS_LIKE = 0
"""The class of the demo set that has vessels."""


def open_demo_with_masks(config: SegmentConfig) -> SegmentationData:
    """Open the demo set's fundus-like images; its splits are its own.

    Args:
        config: names the set, and says how large its images are and which channels they have.

    Raises:
        DataError: it is not drawn at this size.
    """
    source = open_source(config.data, size=config.size or DEMO_SIZE)
    own: Channel = "grey" if source.image_shape[2] == 1 else "rgb"
    channel = config.channel if config.channel != "auto" else own
    splits = {split: _samples(split, source.splits[split], channel) for split in SPLITS}
    channels = splits["train"][0].image.shape[2]
    truths = [sample.mask for samples in splits.values() for sample in samples]
    height, width = truths[0].shape
    share = float(np.mean([truth.mean() for truth in truths]))
    report = SegmentationReport(
        origin=source.name,
        counts={split: len(samples) for split, samples in splits.items()},
        shape=f"{height}x{width} px, {channels} channel{'s' * (channels > 1)}",
        depth=source.report.depth,
        value_range=source.report.value_range,
        pairs="images that have vessels, with masks of these",
        masks=len(truths),
        foreground=f"1 ({share:.1%})",
        foreground_share=share,
    )
    return SegmentationData(name=source.name, splits=splits, channels=channels, fundus_like=True, report=report)


def _samples(name: str, split: Split, channel: Channel) -> list[Sample]:
    """The images of a split that have vessels."""
    if split.labels is None or split.masks is None:
        raise DataError(f"demo: its {name} images have no masks")
    rows = np.flatnonzero(split.labels == FUNDUS_LIKE)
    masks = split.masks > 0
    return [
        Sample.unresized(name=f"{name}-{row:04d}", image=select_channels(split.images[row], channel), mask=masks[row])
        for row in rows
    ]
