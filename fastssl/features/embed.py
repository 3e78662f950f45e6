"""`fastssl embed`: the features of a data set by a run's encoder, as a file for other programs.

Covers: from a run and settings to a Parquet or `.npz` file, whole or not at all; going on after an interruption. Does
not cover: making the features (`parts.py`), the files (`parquet_file.py`, `npz_file.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch.nn import functional as F

import fastssl
from fastssl.config import EmbedConfig, coerce_config
from fastssl.config.paths import run_path
from fastssl.console import say
from fastssl.distributed.leader import by_leader
from fastssl.distributed.world import world
from fastssl.errors import ConfigError
from fastssl.evaluation.shared.candidates import name_of, run_folder_of
from fastssl.evaluation.shared.together import together
from fastssl.outputs import check_output, finish
from fastssl.runtime import usual_torch_state

from .embed_result import EmbedResult
from .npz_file import write_npz
from .opened import EncoderAndImages, open_both
from .parquet_file import check_pyarrow, write_parquet
from .parts import FeaturePart, PartFolder, counts_of, parts_of
from .rows import ImageRows, rows_of

FILE = "embeddings.parquet"
"""In the run's folder, where no other file is asked for."""
PARQUET, NPZ = ".parquet", ".npz"


@usual_torch_state()
def embed(
    run: str | Path, config: EmbedConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> EmbedResult:
    """Write the features of a data set by an encoder, with ids, splits, labels and patients beside them.

    Images are seen as the evaluations see them. Features are made in parts; a call that was interrupted goes on where
    it was when it is given again, and its file is equal, byte for byte, to that of a call that was not.

    Args:
        run: a run folder, whose own data and data_root are the defaults, or an encoder file.
        config: what to do; or give its fields as `settings`.
        console: where messages go; standard output by default.
        **settings: the fields of `EmbedConfig`, in place of `config`.

    Returns:
        What was written.

    Raises:
        CheckpointError: there is no encoder, or not a sound one.
        DataError: data that cannot be opened, or with other channels than the encoder's; or the disk is full.
        ConfigError: settings that cannot be used, or a file that is there already.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(EmbedConfig, config, settings)
    with together(config.device, console) as own_console:
        return _embed(run, config, own_console)


def _embed(run: str | Path, config: EmbedConfig, console: Console) -> EmbedResult:
    """Do what `embed` does, with the processes that were started together."""
    path = run_path(run)
    folder = run_folder_of(path)
    out = config.out or folder / FILE
    if out.suffix not in (PARQUET, NPZ):
        raise ConfigError([f"out={str(out)!r}: give a file that ends in {PARQUET} or {NPZ}"])
    check_output(out, overwrite=config.overwrite)
    if out.suffix == PARQUET:
        check_pyarrow()
    opened = open_both(run, config, folder, console)
    if out.resolve() == Path(opened.source.report.path or ".").resolve():
        raise ConfigError([f"out={str(out)!r}: holds the images themselves; give another --out"])
    out.parent.mkdir(parents=True, exist_ok=True)
    parts, store = parts_of(opened), PartFolder(out)
    with store.held(parts) if world().leads else nullcontext():
        resumed = store.complete(parts, opened)
        about = _about(opened, config, name_of(path), parts[0].key.encoder)
        width = by_leader(lambda: _write(out, store, parts, opened, config, about))
    result = EmbedResult(
        path=str(out),
        encoder=opened.candidate.spec.name,
        data=opened.source.name,
        counts=counts_of(parts),
        width=width,
        dtype=config.dtype,
        normalized=config.normalize,
        resumed=resumed,
    )
    say(console, *opened.candidate.notes, *result.lines())
    return result


def _write(
    out: Path,
    store: PartFolder,
    parts: Sequence[FeaturePart],
    opened: EncoderAndImages,
    config: EmbedConfig,
    about: Mapping[str, Any],
) -> int:
    """Write the file from the finished parts; return the length of a vector."""
    rows = {split: rows_of(opened.source, split) for split in opened.splits}
    dtype, width = np.dtype(config.dtype), store.features(parts[0]).shape[1]

    def pieces() -> Iterator[tuple[ImageRows, np.ndarray]]:
        for part in parts:
            features = store.features(part)
            features = F.normalize(features, dim=1) if config.normalize else features
            yield rows[part.split].between(part.start, part.stop), _as(features, dtype)

    write = write_parquet if out.suffix == PARQUET else write_npz
    write(store.path / out.name, pieces(), rows, width, dtype, about)
    finish(store.path / out.name, out)
    store.remove()
    return width


def _as(features: torch.Tensor, dtype: np.dtype) -> np.ndarray:
    largest, limit = float(features.abs().max()), float(np.finfo(dtype).max)
    if largest > limit:
        raise ConfigError([
            f"dtype={dtype}: a feature is {largest:.3g}, beyond {limit:.0f}; use float32, or add --normalize"
        ])  # fmt: skip
    return features.numpy().astype(dtype, copy=False)


def _about(opened: EncoderAndImages, config: EmbedConfig, run: str, digest: str) -> dict[str, Any]:
    """What a reader of the file should know of its features; no dates, so that equal features make equal files."""
    candidate, source = opened.candidate, opened.source
    spec, steps = candidate.spec, candidate.start(0).steps
    return {
        "fastssl": fastssl.__version__,
        "run": run,
        "encoder": spec.name,
        "stem": spec.stem,
        "encoder_digest": digest,
        "steps": None if steps is None else steps.step,
        "data": source.name,
        "data_fingerprint": source.fingerprint,
        "splits": {split: len(source.splits[split]) for split in opened.splits},
        "task": source.task,
        "class_names": list(source.class_names),
        "modality": source.modality,
        "size": candidate.size,
        "channels": spec.in_channels,
        "mean": list(spec.channel_mean),
        "std": list(spec.channel_std),
        "value_range": source.value_range or "0,255",
        "precision": str(opened.extraction.runtime.compute_dtype).removeprefix("torch."),
        "normalized": config.normalize,
        "dtype": config.dtype,
    }
