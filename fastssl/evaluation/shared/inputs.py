"""What an evaluation is made on: the data asked for, or the run's own, and whether encoders can take them.

Covers: opening data, refusing what does not fit before anything is computed. Does not cover: opening
encoders (`candidates.py`), dividing the images (`partition.py`), where the report goes (`report_folder.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fastssl.config import DataConfig
from fastssl.config.data import FULL_RANGE
from fastssl.console import say
from fastssl.data import Source
from fastssl.distributed.leader import first_on_each_machine
from fastssl.errors import DataError
from fastssl.models.encoder import feature_dim
from fastssl.training.run_data import given_about_data, open_run_data

from .candidates import NamedEncoder


def open_data(
    config: DataConfig, run_folder: Path, encoders: Sequence[NamedEncoder], size: int, console: Console
) -> Source:
    """Open the data that are asked for, else those of a run, and tell what was read.

    What is not asked for is as the run has it; the value range is the first encoder's.

    Args:
        config: names the data, or leaves that to the run.
        run_folder: with the run's configuration.
        encoders: what will see the images.
        size: side in pixels that images are opened at.
        console: told what to know of the data.

    Returns:
        The data.

    Raises:
        ConfigError: neither names any data.
        DataError: they cannot be opened.
    """
    given = given_about_data(config)
    with first_on_each_machine():  # which decodes; the others find the result in its cache
        source = open_run_data(
            run_folder,
            given,
            known_range=encoders[0].spec.value_range,
            size=size,
            notify=lambda line: say(console, line),
        )
    differing = () if "value_range" in given else _differing_ranges(encoders)
    source = replace(source, report=replace(source.report, notes=(*source.report.notes, *differing)))
    if not config.quiet:
        say(console, *source.report.lines())
    return source


def _differing_ranges(encoders: Sequence[NamedEncoder]) -> tuple[str, ...]:
    """A line on encoders that were trained on images of different ranges, all of which see the same images here."""
    ranges = {encoder.label: encoder.spec.value_range or FULL_RANGE for encoder in encoders}
    if len(set(ranges.values())) == 1:
        return ()
    found = ", ".join(f"{label} on {value_range}" for label, value_range in ranges.items())
    return (
        f"warning: the encoders were trained on different value ranges ({found}); all see the images by the first "
        "one's, unless --value-range is given",
    )


def check_fit(encoder: NamedEncoder, source: Source, size: int) -> None:
    """Refuse images that an encoder cannot take.

    Args:
        encoder: what would see them.
        source: the images.
        size: side in pixels that it would see them at.

    Raises:
        DataError: they have other channels.
        ConfigError: the encoder is bound to its own size, and this is another.
    """
    channels, label, spec = source.image_shape[2], encoder.label, encoder.spec
    if channels != spec.in_channels:
        raise DataError(
            f"{source.name}: images have {channels} channel(s), encoder {label!r} takes {spec.in_channels}; "
            "give data of the kind it was trained on"
        )
    if size != spec.size:
        feature_dim(encoder.encoder, channels, size)
