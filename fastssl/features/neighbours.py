"""`fastssl neighbours`: the images of a data set that an encoder finds most similar to given ones.

Covers: from a run, images and settings to a list and a picture. Does not cover: what an image's name means
(`queries.py`), the search (`fastssl.embeddings.nearest`), drawing (`neighbours_picture.py`).
"""

from __future__ import annotations

import json as json_format
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from fastssl.config import NeighboursConfig, coerce_config
from fastssl.config.paths import run_path
from fastssl.console import say
from fastssl.data.reading import ReadingOptions
from fastssl.data.storage import writing
from fastssl.distributed.world import world
from fastssl.embeddings.nearest import nearest
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.candidates import run_folder_of
from fastssl.evaluation.shared.extraction import check_finite
from fastssl.evaluation.shared.together import together
from fastssl.files import write_atomically
from fastssl.outputs import REMEDY, check_output
from fastssl.runtime import usual_torch_state
from fastssl.training.run_data import given_about_data, reading_of_run

from .neighbours_picture import draw_neighbours
from .neighbours_result import NeighboursResult
from .opened import EncoderAndImages, open_both
from .queries import QueryImage, open_queries
from .searched import SearchedImages

REPORT, FILE = "report", "neighbours.png"
MOST = 50
"""Queries of one picture."""


@usual_torch_state()
def neighbours(
    run: str | Path,
    images: str | Path | Sequence[str | Path],
    config: NeighboursConfig | None = None,
    /,
    *,
    json: bool = False,
    console: Console | None = None,
    **settings: Any,
) -> NeighboursResult:
    """Find the images of a data set whose features are most similar to those of given images, and draw them.

    Similarity is the cosine of the features. Other images of the same patient are left out unless `same_patient` asks
    for them; an image is never its own neighbour.

    Args:
        run: a run folder, whose own data and data_root are the defaults, or an encoder file.
        images: one or several: ids of the data, splits and places ("test/17"), or image files.
        config: what to do; or give its fields as `settings`.
        json: print the result as JSON, and nothing else.
        console: where the list goes; standard output by default.
        **settings: the fields of `NeighboursConfig`, in place of `config`.

    Returns:
        The neighbours, and where the picture is.

    Raises:
        CheckpointError: there is no encoder, or not a sound one.
        DataError: an image or data that cannot be opened, or of other channels than the encoder's.
        ConfigError: settings that cannot be used.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(NeighboursConfig, config, settings)
    given = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    if not 1 <= len(given) <= MOST:
        raise ConfigError([f"images: give 1 to {MOST}, got {len(given)}"])
    if json:
        config = config.model_copy(update={"quiet": True})
    with together(config.device, console) as own_console:
        result = _neighbours(run, [os.fspath(one) for one in given], config, own_console)
        text = json_format.dumps(result.as_json(), indent=1).splitlines() if json else result.lines()
        say(own_console, *text)
        return result


def _neighbours(run: str | Path, names: Sequence[str], config: NeighboursConfig, console: Console) -> NeighboursResult:
    """Do what `neighbours` does, with the processes that were started together."""
    folder = run_folder_of(run_path(run))
    out = config.out or folder / REPORT / FILE
    check_output(out, overwrite=True)
    opened = open_both(run, config, folder, console)
    options = ReadingOptions.of(reading_of_run(folder, given_about_data(config)))
    queries = open_queries(names, opened.source, options)
    searched = SearchedImages(opened)
    left_out = [searched.left_out(query, config.same_patient) for query in queries]
    found = nearest(searched.features, _features(queries, opened), config.k, left_out)
    images = tuple(searched.describe(*one) for one in zip(queries, found, left_out, strict=True))
    result = NeighboursResult(
        encoder=opened.candidate.spec.name,
        data=opened.source.name,
        searched=len(searched.features),
        path=str(out),
        images=images,
    )
    if world().leads:
        content = draw_neighbours(result, [query.pixels for query in queries], opened.source)
        with writing(out.parent, REMEDY):
            out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(out, content)
    return result


def _features(queries: Sequence[QueryImage], opened: EncoderAndImages) -> Tensor:
    """The features of the queries, float32 `[M, D]`: of the data's images those that are kept."""
    extraction, candidate = opened.extraction, opened.candidate
    splits = dict.fromkeys(query.split for query in queries if query.split)
    known = {split: extraction.of_split(candidate, split) for split in splits}
    files = [query.pixels for query in queries if not query.split]
    encoded: Iterator[Tensor] = iter(())
    if files:
        encoder, what = candidate.start(0).encoder, f"{candidate.label}: features of {{count}} files"
        features = extraction.of_images(encoder, np.stack(files), candidate.view, what, extraction.runtime.amp_dtype)
        check_finite(features, candidate.label)
        encoded = iter(features)
    return torch.stack([known[query.split][query.row] if query.split else next(encoded) for query in queries])
