"""The command `fastssl pack`: data of any kind as a folder of shards.

Covers: opening the data, where the folder goes, what is printed. Does not cover: writing shards
(`fastssl.data.shards`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import PackConfig, coerce_config
from fastssl.console import new_console, say
from fastssl.data import open_source
from fastssl.data.shards import pack_source


def pack(config: PackConfig | None = None, /, *, console: Console | None = None, **settings: Any) -> Path:
    """Write data as a folder of shards, which `--data` opens and training reads a window at a time.

    Args:
        config: the settings; None: `settings` make them.
        console: where messages go; None: standard output.
        **settings: fields of `PackConfig`, instead of `config`.

    Returns:
        The folder.

    Raises:
        ConfigError: settings that cannot be used.
        DataError: the data cannot be opened, or the folder exists or cannot be written.
    """
    config = coerce_config(PackConfig, config, settings)
    console = console or new_console()

    def notify(line: str) -> None:
        say(console, line)

    source = open_source(config.data, **config.reading, notify=notify)
    if not config.quiet:
        for line in source.report.lines():
            notify(line)
    out = Path(f"{source.name}.shards") if config.out is None else config.out
    folder = pack_source(source, out, shard_bytes=config.shard_megabytes * 1_000_000)
    files = sorted(folder.glob("*-[0-9]*.npy"))
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    notify(f"wrote {len(files)} shards of {megabytes:,.1f} MB in all; open them by --data {out}")
    return folder
