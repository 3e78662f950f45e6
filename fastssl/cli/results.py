"""Commands that draw or write what runs and data hold.

Covers: their help, and the call that each of them makes. Does not cover: their settings (`fastssl.config`).
"""

from typing import Annotated

import fastssl
from fastssl.config import EmbedConfig, ExportConfig, NeighboursConfig, PackConfig, PreviewConfig, ReportConfig
from fastssl.config.flags import AsJson

from .arguments import ConfigFile, Flattened, RunPath


def preview(
    run: RunPath | None = None,
    /,
    *,
    config: Annotated[PreviewConfig, Flattened] = PreviewConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Draw what a stage sees of images, or what a trained run makes of them, as one PNG.

    Parameters
    ----------
    run:
        A run folder, to see its own data and view; without it, views by stage or by name.
    """
    fastssl.preview(run, config)


def report(
    *runs: RunPath,
    config: Annotated[ReportConfig, Flattened] = ReportConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write one HTML file of all that is known of runs: curves, comparisons, a map, images, settings.

    Parameters
    ----------
    runs:
        Run folders, folders of recipes, or encoder files.
    """
    fastssl.report(runs, config)


def embed(
    run: RunPath,
    /,
    *,
    config: Annotated[EmbedConfig, Flattened] = EmbedConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write the features of images as a Parquet or .npz file, with ids, labels and patients; goes on where it was.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    """
    fastssl.embed(run, config)


def neighbours(
    run: RunPath,
    /,
    *images: str,
    config: Annotated[NeighboursConfig, Flattened] = NeighboursConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Find the images of a data set that are most similar to given ones, as a list and as a picture.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    images:
        Image files, ids of the data, or splits and places, such as test/17.
    """
    fastssl.neighbours(run, images, config, json=json)


def export(
    run: RunPath,
    /,
    *,
    config: Annotated[ExportConfig, Flattened] = ExportConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write an encoder for other programs, and check that what they load has the same features.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    """
    fastssl.export(run, config)


def pack(
    *,
    config: Annotated[PackConfig, Flattened] = PackConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write data as a folder of shards, which training reads a window at a time: for data larger than memory."""
    fastssl.pack(config)
