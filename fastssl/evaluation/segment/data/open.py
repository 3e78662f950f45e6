"""Opening images with masks: the folders that are given, or the built-in demo set.

Covers: pairs of files, read, brought to one range of values and one meaning of masks, split, and told about. Does not
cover: any of these by itself (the other files here).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastssl.config import SegmentConfig
from fastssl.data.patients import count_shared
from fastssl.data.patients.options import NOBODY
from fastssl.data.reading import ImageFileError
from fastssl.data.resize import workers
from fastssl.errors import DataError

from .demo import open_demo_with_masks
from .facts import SegmentationReport, describe_files, describe_sizes
from .files import MaskFitError, RawSample, read_pair
from .image_names import ImageNames
from .levels import RangeRequest, SetLevels, find_levels
from .masks import Foreground, choose_foreground, field_tables
from .pairing import Pair, Pairing, find_pairs
from .sample import Channel, Sample, select_channels
from .segmentation_data import SegmentationData
from .splits import SPLITS, Division, SplitRequest, split_names

SHOWN = 3
"""Files that were skipped and are named."""


def open_segmentation_data(config: SegmentConfig, trained: Sequence[str | None] = ()) -> SegmentationData:
    """Open the folders of images and masks, or the built-in demo set where none are given.

    Args:
        config: names them, and says how they are split and resized.
        trained: the value range that each encoder was trained with, as `EncoderSpec.value_range` keeps it; empty where
            all encoders are new.

    Raises:
        DataError: a folder or file is missing, cannot be read or does not fit the others, or what is foreground is not
            clear.
        ConfigError: the splits asked for cannot be made.
    """
    if config.images is None or config.masks is None:
        return open_demo_with_masks(config)
    images, masks = (_find(folder, config.data_root) for folder in (config.images, config.masks))
    fov = None if config.fov is None else _find(config.fov, config.data_root)
    pairing = find_pairs(images, masks, fov, image_suffix=config.image_suffix, mask_suffix=config.mask_suffix)
    read = _read_all(pairing.pairs, config, images)
    given = "value_range" in config.model_fields_set
    levels = find_levels(read.samples, RangeRequest(given=given, setting=config.value_range, trained=trained))
    foreground = _foreground_of(read.samples, config, masks)
    samples = _finish(read.samples, levels, foreground, config, fov)
    division = _divide(samples, pairing, read, config)
    splits = {split: [samples[name] for name in division.parts[split]] for split in SPLITS}
    if not any(sample.mask.any() for sample in splits["train"]):
        raise DataError(f"{masks}: no mask of a training image has any foreground; there is nothing to learn")
    channels = splits["train"][0].image.shape[2]
    groups = division.groups()
    place = str(images.absolute())
    report = SegmentationReport(
        origin=f"{images.resolve().name}, {place}",
        path=place,
        counts={split: len(own) for split, own in splits.items()},
        shape=describe_sizes(read.samples, channels, config.size),
        depth=levels.depth,
        value_range=levels.text,
        passed_over=dict(pairing.passed_over),
        notes=(
            *levels.notes,
            *pairing.notes,
            *foreground.notes,
            *pairing.leftovers(),
            *read.skipped,
            *describe_files(read.samples),
            *division.notes,
        ),
        pairs=pairing.how,
        masks=sum(len(sample.masks) for sample in read.samples),
        foreground=foreground.text,
        foreground_share=foreground.share,
        division=division.how,
        patients={split: len(np.unique(own)) for split, own in groups.items()},
        shared_patients=count_shared(groups),
    )
    return SegmentationData(
        name=images.resolve().name,
        splits=splits,
        channels=channels,
        white=float(np.iinfo(levels.dtype).max),
        value_range=None if levels.value_range is None else str(levels.value_range),
        patients=division.patients,
        report=report,
    )


@dataclass(frozen=True, kw_only=True)
class _ReadFiles:
    """Samples that could be read, and a line on those that were skipped."""

    samples: list[RawSample]
    skipped: tuple[str, ...]
    skipped_images: tuple[str, ...]


def _find(folder: Path, root: Path | None) -> Path:
    """The folder that is meant, looked for here and then in `root`."""
    path = folder.expanduser()
    if root is not None and not path.exists() and (root.expanduser() / path).exists():
        return root.expanduser() / path
    return path


def _read_all(pairs: Sequence[Pair], config: SegmentConfig, images: Path) -> _ReadFiles:
    """All samples in order, without those that cannot be read where `skip_corrupt` says so."""
    channel: Channel | None = None if config.channel == "auto" else config.channel

    def read(pair: Pair) -> RawSample | DataError:
        try:
            return read_pair(pair, channel, config.size, config.max_megapixels)
        except (ImageFileError, MaskFitError) as error:
            if isinstance(error, ImageFileError) and error.passing:
                raise
            return error

    with ThreadPoolExecutor(workers()) as pool:
        found = list(pool.map(read, pairs))
    wrong = {pair: one for pair, one in zip(pairs, found, strict=True) if isinstance(one, DataError)}
    if wrong and not config.skip_corrupt:
        raise next(iter(wrong.values()))
    samples = [one for one in found if isinstance(one, RawSample)]
    if not samples:
        raise DataError(f"{images}: none of {len(pairs)} images with masks can be read; {next(iter(wrong.values()))}")
    named = "; ".join(str(error) for error in list(wrong.values())[:SHOWN]) + (" ..." if len(wrong) > SHOWN else "")
    skipped = (f"{len(wrong)} of {len(pairs)} images skipped: {named}",) if wrong else ()
    return _ReadFiles(
        samples=samples, skipped=skipped, skipped_images=tuple(pair.place + pair.image.suffix for pair in wrong)
    )


def _foreground_of(samples: Sequence[RawSample], config: SegmentConfig, masks: Path) -> Foreground:
    """What is foreground in all masks."""
    return choose_foreground([mask for sample in samples for mask in sample.masks], config.foreground, masks)


def _finish(
    samples: Sequence[RawSample], levels: SetLevels, foreground: Foreground, config: SegmentConfig, fov: Path | None
) -> dict[str, Sample]:
    """Samples as networks see them, by name."""
    tables = iter(foreground.tables)
    views = [sample.fov for sample in samples if sample.fov is not None]
    fields = iter(field_tables(views, fov) if fov is not None else ())
    colour = config.channel == "auto" and any(sample.image.shape[2] == 3 for sample in samples)
    finished = {}
    for sample in samples:
        image = select_channels(sample.image, "rgb") if colour else sample.image
        own = [next(tables) for _ in sample.masks]
        finished[sample.pair.name] = sample.finished(levels.of(image), own, next(fields, None))
    return finished


def _divide(samples: dict[str, Sample], pairing: Pairing, read: _ReadFiles, config: SegmentConfig) -> Division:
    """Who is in which split; an error says as well how many images are left out."""
    pairs = [pair for pair in pairing.pairs if pair.name in samples]
    known = ImageNames.of(pairs, left_out=(*pairing.images_alone, *read.skipped_images))
    group = None if config.group == NOBODY else config.group
    request = SplitRequest(
        test=config.test_images,
        val=config.val_images,
        patient=config.patient or group,
        allow_leak=config.allow_leak,
        file=config.split,
    )
    try:
        return split_names(known, request)
    except DataError as error:
        raise DataError("; ".join((str(error), *pairing.leftovers(), *read.skipped))) from None
