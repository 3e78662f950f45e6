"""Images with masks, split and in memory, from folders or from the built-in demo set.

Covers: putting pairs, splits and pixels together, a digest of all of it. Does not cover: finding, splitting and reading
(`pairs.py`, `splits.py`, `files.py`), patches (`patches.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
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
from .pairing import Pair, find_pairs
from .splits import SPLITS, SplitRequest, split_names

DEMO_SIZE = 64
FUNDUS_LIKE = 0
"""The class of the demo set that has vessels."""


@dataclass(frozen=True, kw_only=True)
class SegmentationData:
    """Images with masks, as networks see them.

    Attributes:
        name: of the data, for a person.
        splits: "train", "val" and "test" -> samples, sorted by name.
        channels: of every image.
        fundus_like: whether the images are known to resemble fundus photographs; those of folders never are.
    """

    name: str
    splits: Mapping[str, Sequence[Sample]]
    channels: int
    fundus_like: bool = False

    @property
    def smallest_side(self) -> int:
        """Return the smallest side of any image, in pixels."""
        return min(min(sample.mask.shape) for samples in self.splits.values() for sample in samples)

    def fingerprint(self) -> str:
        """Return a BLAKE2b digest (32 hex digits) of every image and mask, and of who is in which split."""
        digest = hashlib.blake2b(digest_size=16)
        for split, samples in self.splits.items():
            for sample in samples:
                arrays = (sample.image, sample.mask, sample.inside, sample.truth, sample.truth_inside)
                for array in arrays:
                    kind = None if array is None else (array.dtype.str, array.shape)
                    digest.update(f"{split} {sample.name!r} {kind};".encode())
                    digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def open_segmentation_data(config: SegmentConfig, notify: Callable[[str], None]) -> SegmentationData:
    """Open the folders of images and masks, or the built-in demo set where none are given.

    Args:
        config: names them, and says how they are split and resized.
        notify: is told of images that are left out.

    Raises:
        DataError: a folder or file is missing, cannot be read or does not fit the others.
        ConfigError: the splits asked for cannot be made.
    """
    if config.images is None or config.masks is None:
        return _open_demo(config)
    return _open_folders(config.images, config.masks, config, notify)


def _open_folders(images: Path, masks: Path, config: SegmentConfig, notify: Callable[[str], None]) -> SegmentationData:
    """Pairs of files, read and split."""
    images, masks = (_find(folder, config.data_root) for folder in (images, masks))
    fov = None if config.fov is None else _find(config.fov, config.data_root)
    pairing = find_pairs(images, masks, fov, image_suffix=config.image_suffix, mask_suffix=config.mask_suffix)
    pairs = list(pairing.pairs)
    channel: Channel = config.channel if config.channel != "auto" else _common_channel(pairs)
    samples = _read_all(pairs, channel, config, notify)
    request = SplitRequest(test=config.test_images, val=config.val_images, patient=config.patient, file=config.split)
    names = split_names([sample.name for sample in samples], request)
    by_name = {sample.name: sample for sample in samples}
    splits = {split: [by_name[name] for name in names[split]] for split in SPLITS}
    _check_truth(splits["train"], masks)
    return SegmentationData(name=images.resolve().name, splits=splits, channels=samples[0].image.shape[2])


def _open_demo(config: SegmentConfig) -> SegmentationData:
    """The demo set's fundus-like images; its splits are its own."""
    source = open_source(config.data, size=config.size or DEMO_SIZE)
    own: Channel = "grey" if source.image_shape[2] == 1 else "rgb"
    channel = config.channel if config.channel != "auto" else own
    splits = {split: _demo_samples(split, source.splits[split], channel) for split in SPLITS}
    channels = splits["train"][0].image.shape[2]
    return SegmentationData(name=source.name, splits=splits, channels=channels, fundus_like=True)


def _demo_samples(name: str, split: Split, channel: Channel) -> list[Sample]:
    """The images of a demo split that have vessels."""
    if split.labels is None or split.masks is None:
        raise DataError(f"demo: its {name} images have no masks")
    rows = np.flatnonzero(split.labels == FUNDUS_LIKE)
    masks = split.masks > 0
    return [
        Sample.unresized(name=f"{name}-{row:04d}", image=select_channels(split.images[row], channel), mask=masks[row])
        for row in rows
    ]


def _find(folder: Path, root: Path | None) -> Path:
    """The folder that is meant, looked for here and then in `root`."""
    path = folder.expanduser()
    if root is not None and not path.exists() and (root.expanduser() / path).exists():
        return root.expanduser() / path
    return path


def _common_channel(pairs: list[Pair]) -> Channel:
    """The least that holds all images."""
    return "grey" if all(is_grey(pair.image) for pair in pairs) else "rgb"


def _read_all(
    pairs: list[Pair], channel: Channel, config: SegmentConfig, notify: Callable[[str], None]
) -> list[Sample]:
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
    """Refuse training images of which none has any foreground."""
    if not any(sample.mask.any() for sample in samples):
        raise DataError(f"{masks}: no mask of a training image has any foreground; there is nothing to learn")
