"""What an evaluation is made on: the data asked for, or the run's own, and whether encoders can take them.

Covers: opening data, refusing what does not fit before anything is computed. Does not cover: opening
encoders (`candidates.py`), dividing the images (`partition.py`), where the report goes (`report_folder.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import DataConfig
from fastssl.config.base import FULL_RANGE
from fastssl.console import say
from fastssl.data import Source, open_source
from fastssl.errors import ConfigError, DataError
from fastssl.models.encoder import feature_dim
from fastssl.training.stored_settings import CONFIG, read_settings

from .candidates import NamedEncoder


def open_data(config: DataConfig, run_folder: Path, size: int, console: Console) -> Source:
    """Open the data that are asked for, else those of a run.

    Args:
        config: names the data, or leaves that to the run.
        run_folder: with the run's configuration.
        size: side in pixels that images are opened at.
        console: told what to know of the data.

    Raises:
        ConfigError: neither names any data.
        DataError: they cannot be opened.
    """
    own = read_settings(run_folder) if (run_folder / CONFIG).is_file() else {}
    data = config.data or own.get("data")
    if data is None:
        raise ConfigError([f"data: {run_folder} has no {CONFIG} that names its data; give --data"])
    source = open_source(
        data,
        root=config.data_root or own.get("data_root"),
        size=size,
        skip_corrupt=config.skip_corrupt or bool(own.get("skip_corrupt")),
        value_range=config.value_range or _own_range(own, other_data=bool(config.data)),
        max_megapixels=config.max_megapixels,
        notify=lambda line: say(console, line),
    )
    if not config.quiet:
        say(console, *source.report.lines())
    return source


def _own_range(own: Mapping[str, Any], *, other_data: bool) -> str | None:
    """The range that a run's encoder knows; "full" is that of the run's own files, and says nothing of others."""
    value = own.get("value_range")
    return None if other_data and value == FULL_RANGE else value


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
