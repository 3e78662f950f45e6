"""Images with masks, split and in memory, from folders or from the built-in demo set.

Covers: putting pairs, splits and pixels together. Does not cover: finding, splitting and reading (`pairs.py`,
`splits.py`, `files.py`), patches (`patches.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.config import SegmentConfig
from fastssl.data import open_source
from fastssl.data.resize import workers
from fastssl.data.source import Split
from fastssl.errors import DataError

from .files import Channel, Sample, is_grey, read_sample, select_channels
from .pairs import Pair, find_pairs
from .splits import SPLITS, SplitRequest, split_names

Notify = Callable[[str], None]

DEMO_SIZE = 64
FUNDUS_LIKE = 0
"""The class of the demo set that has vessels."""


@dataclass(frozen=True)
class SegmentationData:
    """Samples of "train", "val" and "test", sorted by name, all with `channels` channels."""

    name: str
    splits: Mapping[str, list[Sample]]
    channels: int

    @property
    def smallest_side(self) -> int:
        """In pixels, over all splits."""
        return min(min(sample.mask.shape) for samples in self.splits.values() for sample in samples)


def open_data(config: SegmentConfig, notify: Notify) -> SegmentationData:
    """Open what `config` names; `notify` gets a line for whatever there is to tell.

    Raises DataError or ConfigError, one line: what is wrong, where, and what to do.
    """
    return _open_demo(config) if len(config.data) == 1 else _open_folders(config, notify)


def _open_folders(config: SegmentConfig, notify: Notify) -> SegmentationData:
    images, masks = (_find(name, config.data_root) for name in config.data)
    fov = None if config.fov is None else _find(str(config.fov), config.data_root)
    pairs = find_pairs(images, masks, fov, image_suffix=config.image_suffix, mask_suffix=config.mask_suffix)
    channel: Channel = config.channel if config.channel != "auto" else _common_channel(pairs)
    samples = _read_all(pairs, channel, config, notify)
    request = SplitRequest(config.test_images, config.val_images, config.patient, config.split)
    names = split_names([sample.name for sample in samples], request)
    by_name = {sample.name: sample for sample in samples}
    splits = {split: [by_name[name] for name in names[split]] for split in SPLITS}
    _check_truth(splits["train"], masks)
    return SegmentationData(images.resolve().name, splits, samples[0].image.shape[2])


def _open_demo(config: SegmentConfig) -> SegmentationData:
    """The demo set's fundus-like images; its splits are its own."""
    source = open_source(config.data[0], size=config.size or DEMO_SIZE)
    own: Channel = "grey" if source.image_shape[2] == 1 else "rgb"
    channel = config.channel if config.channel != "auto" else own
    splits = {split: _demo_samples(split, source.splits[split], channel) for split in SPLITS}
    return SegmentationData(source.name, splits, splits["train"][0].image.shape[2])


def _demo_samples(name: str, split: Split, channel: Channel) -> list[Sample]:
    if split.labels is None or split.masks is None:
        raise DataError(f"demo: its {name} images have no masks")
    rows = np.flatnonzero(split.labels == FUNDUS_LIKE)
    masks = split.masks > 0
    return [
        Sample(f"{name}-{row:04d}", select_channels(split.images[row], channel), masks[row], None, masks[row], None)
        for row in rows
    ]


def _find(name: str, root: Path | None) -> Path:
    """The folder that `name` means, looked for here and then in `root`."""
    path = Path(name).expanduser()
    if root is not None and not path.exists() and (root.expanduser() / path).exists():
        return root.expanduser() / path
    return path


def _common_channel(pairs: list[Pair]) -> Channel:
    return "grey" if all(is_grey(pair.image) for pair in pairs) else "rgb"


def _read_all(pairs: list[Pair], channel: Channel, config: SegmentConfig, notify: Notify) -> list[Sample]:
    """All samples in order, without those that cannot be read where `skip_corrupt` says so."""

    def read(pair: Pair) -> Sample | DataError:
        try:
            return read_sample(pair, channel, config.size)
        except DataError as error:
            return error

    with ThreadPoolExecutor(workers()) as pool:
        found = list(pool.map(read, pairs))
    wrong = [error for error in found if isinstance(error, DataError)]
    if wrong and not config.skip_corrupt:
        raise wrong[0]
    for error in wrong:
        notify(f"{error}; skipped")
    return [sample for sample in found if isinstance(sample, Sample)]


def _check_truth(samples: list[Sample], masks: Path) -> None:
    if not any(sample.mask.any() for sample in samples):
        raise DataError(f"{masks}: no mask of a training image has any foreground; there is nothing to learn")
