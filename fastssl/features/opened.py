"""A trained encoder and the images that it is run over.

Covers: opening both, by the run's own settings where nothing else is asked for; the splits that are asked for. Does
not cover: what is done with the features (`embed.py`, `neighbours.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fastssl.config import EmbedConfig, NeighboursConfig
from fastssl.config.paths import run_path
from fastssl.data import Source
from fastssl.errors import DataError
from fastssl.evaluation.shared.candidates import Candidate, open_runs, run_candidates
from fastssl.evaluation.shared.extraction import SplitExtraction
from fastssl.evaluation.shared.inputs import check_fit, open_data
from fastssl.runtime import resolve_runtime


@dataclass(frozen=True, kw_only=True)
class EncoderAndImages:
    """What features are made of.

    Attributes:
        candidate: the encoder, and how it sees images.
        splits: names of the splits that are asked for, in the order train, val, test.
        extraction: makes features; it has the images.
    """

    candidate: Candidate
    splits: tuple[str, ...]
    extraction: SplitExtraction

    @property
    def source(self) -> Source:
        """The images."""
        return self.extraction.source


def open_both(
    run: str | Path, config: EmbedConfig | NeighboursConfig, folder: Path, console: Console
) -> EncoderAndImages:
    """Open the encoder of a run, and the data that are asked for or the run's own.

    Args:
        run: a run folder or an encoder file.
        config: which images, on which device.
        folder: of the run (`fastssl.evaluation.shared.candidates.run_folder_of`).
        console: told what to know of the data.

    Returns:
        Both.

    Raises:
        CheckpointError: there is no encoder, or not a sound one.
        ConfigError: neither names any data, or the encoder cannot take the size.
        DataError: data that cannot be opened, have other channels than the encoder's, or lack a split.
    """
    path = run_path(run)
    (encoder,) = open_runs([path])
    (candidate,) = run_candidates([encoder], [path], config.size)
    runtime = resolve_runtime(config.device, config.amp, False, config.precision)
    source = open_data(config, folder, [encoder], candidate.size, console)
    check_fit(encoder, source, candidate.size)
    there = tuple(name for name in ("train", "val", "test") if name in source.splits)
    lacking = [name for name in config.split if name not in there]
    if lacking:
        raise DataError(f"{source.name}: has no split {', '.join(lacking)}; there are {', '.join(there)}")
    extraction = SplitExtraction(source=source, runtime=runtime, batch_size=config.batch_size, console=console)
    splits = tuple(name for name in there if not config.split or name in config.split)
    return EncoderAndImages(candidate=candidate, splits=splits, extraction=extraction)
