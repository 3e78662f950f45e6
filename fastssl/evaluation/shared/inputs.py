"""What an evaluation is made on: the data asked for, or the run's own, and whether encoders can take it.

Covers: opening it, and refusing what does not fit before anything is computed. Does not cover: opening encoders
(`contenders.py`), dividing the images (`partition.py`).
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from fastssl.config import DataConfig
from fastssl.data import Source, open_source
from fastssl.errors import ConfigError, DataError
from fastssl.models.encoder import feature_dim
from fastssl.training.run_folder import CONFIG, read_settings

from .candidates import Contender


def open_data(config: DataConfig, home: Path, size: int, console: Console) -> Source:
    """The data that `config` asks for, else those of the run in `home`, at side `size`.

    Raises:
        ConfigError: neither names any. DataError: they cannot be opened.
    """
    own = read_settings(home) if (home / CONFIG).is_file() else {}
    data = config.data or own.get("data")
    if data is None:
        raise ConfigError([f"data: {home} has no {CONFIG} that names its data; give --data"])
    return open_source(
        data,
        root=config.data_root or own.get("data_root"),
        size=size,
        skip_corrupt=config.skip_corrupt,
        notify=lambda line: console.print(escape(line)),
    )


def check_fit(contender: Contender, source: Source, size: int) -> None:
    """Refuse images that the encoder cannot take.

    Raises:
        DataError: they have other channels. ConfigError: the encoder is bound to its own size, and this is another.
    """
    channels, label, spec = source.image_shape[2], contender.label, contender.spec
    if channels != spec.in_channels:
        raise DataError(
            f"{source.name}: images have {channels} channel(s), encoder {label!r} takes {spec.in_channels}; "
            "give data of the kind it was trained on"
        )
    if size != spec.size:
        feature_dim(contender.encoder, channels, size)
