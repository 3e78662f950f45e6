"""The features of an evaluation's images, from the cache or from the encoder, with progress shown.

Covers: one data set and one precision; any number of candidates; whole splits and parts of them. Does not cover:
running an encoder (`fastssl.embeddings.extract`), storing features (`features.py`), dividing the images
(`partition.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from fastssl.console import say
from fastssl.data import ShardedImages, Source
from fastssl.distributed.collectives import gather_uneven
from fastssl.distributed.leader import on_all
from fastssl.distributed.world import world
from fastssl.embeddings.extract import extract
from fastssl.errors import CheckpointError
from fastssl.pipelines import View
from fastssl.runtime import Runtime
from fastssl.text import printable

from .candidates import Candidate
from .features import FeatureCache, FeatureKey, encoder_digest
from .partition import Part, Partition
from .raw_pixels import RAW_PIXELS

FEATURES = "features"
"""Folder that features are kept in, in that of a run."""


class PartFeatures(NamedTuple):
    """Features float32 `[N, D]` of each part, rows as in the partition."""

    train: Tensor
    val: Tensor
    test: Tensor


@dataclass(frozen=True, kw_only=True)
class SplitExtraction:
    """How features are made, shown and kept. Of several processes each makes those of its part of the images.

    Attributes:
        source: the images.
        runtime: device and precision.
        batch_size: images per step of the encoder.
        console: where progress is shown, and what is wrong with kept features told.
        run: runs an encoder over images, with the parameters of `extract`.
    """

    source: Source
    runtime: Runtime
    batch_size: int
    console: Console
    run: Callable[..., Tensor] = extract

    def of_split(self, candidate: Candidate, split: str, seed: int = 0) -> Tensor:
        """Return the features of every image of a split, in its own order: float32 `[N, D]`.

        Args:
            candidate: its features are kept in its folder.
            split: the split's name.
            seed: which of its encoders, where it has one for each seed.

        Raises:
            CheckpointError: a feature is not a finite number.
        """
        encoder, label = candidate.start(seed).encoder, candidate.label
        key = feature_key(encoder, candidate, self.source, split, self.runtime)
        cache = FeatureCache(candidate.folder / FEATURES, self._tell)
        features = cache.find(key)
        if not on_all(features is not None) or features is None:  # machines may share no disk
            images = self.source.splits[split].images
            what = f"{label}: features of {{count}} {split} images"
            features = self.of_images(encoder, images, candidate.view, what, self.runtime.amp_dtype)
            if world().leads:
                cache.keep(key, features)
        check_finite(features, label)
        return features

    def of_images(
        self,
        encoder: nn.Module,
        images: np.ndarray | ShardedImages,
        view: View,
        what: str,
        amp_dtype: torch.dtype | None,
    ) -> Tensor:
        """Return the features of any images, which are not kept: float32 `[N, D]`.

        Args:
            encoder: maps `[B, C, S, S]` to `[B, D]`.
            images: `[N, H, W, C]` uint8 or uint16; of several processes each has all of them.
            view: how images are seen.
            what: shown with the progress; {count} becomes the number of this process's images.
            amp_dtype: autocast to this dtype; None runs in float32.
        """
        here = world()
        shares = [len(part) for part in np.array_split(np.empty(len(images)), here.size)]
        divided = min(shares) > 0
        first = sum(shares[: here.rank])
        own_images = consecutive(images, first, first + shares[here.rank]) if divided else images
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            shown = printable(what.replace("{count}", str(len(own_images))))
            task = bar.add_task(shown, total=len(own_images))
            own = self.run(
                encoder,
                own_images,
                view,
                device=self.runtime.device,
                batch_size=self.batch_size,
                amp_dtype=amp_dtype,
                prefetch=self.runtime.prefetch,
                on_batch=lambda count: bar.advance(task, count),
            )
        return gather_uneven(own, shares) if divided else own

    def _tell(self, line: str) -> None:
        say(self.console, line)


@dataclass(frozen=True, kw_only=True)
class Extraction(SplitExtraction):
    """The same for the labelled images that an evaluation is made on.

    Attributes:
        parts: which images.
    """

    parts: Partition

    def of_all(self, candidate: Candidate, seed: int = 0) -> PartFeatures:
        """Return the features of all parts.

        Args:
            candidate: its features are kept in its folder.
            seed: which of its encoders, where it has one for each seed.

        Raises:
            CheckpointError: a feature is not a finite number.
        """
        train, val, test = self._of_parts(candidate, self.parts.all, seed)
        return PartFeatures(train, val, test)

    def of_part(self, candidate: Candidate, part: Part, seed: int = 0) -> Tensor:
        """Return the features of one part, float32 `[M, D]`; other parameters and errors as `of_all`."""
        return self._of_parts(candidate, [part], seed)[0]

    def of_pixels(self, view: View, parts: Sequence[Part]) -> list[Tensor]:
        """Return the pixels themselves as features; they are cheaper to render than to keep.

        Args:
            view: how images are seen.
            parts: whose pixels.

        Returns:
            float32 `[M, D]` of each part.
        """
        images = {split: self.source.splits[split].images for split in _splits(parts)}
        what = f"{RAW_PIXELS}: features of {{count}} images"
        splits = {split: self.of_images(nn.Flatten(), own, view, what, None) for split, own in images.items()}
        return [_rows(splits, part) for part in parts]

    def _of_parts(self, candidate: Candidate, parts: Sequence[Part], seed: int) -> list[Tensor]:
        splits = {split: self.of_split(candidate, split, seed) for split in _splits(parts)}
        return [_rows(splits, part) for part in parts]


def consecutive(images: np.ndarray | ShardedImages, start: int, stop: int) -> np.ndarray | ShardedImages:
    """Choose images that follow each other, without reading any from the disk.

    Args:
        images: `[N, H, W, C]`, in memory, memory-mapped, or in shards.
        start: the first.
        stop: the one after the last.
    """
    return images.subset(np.arange(start, stop)) if isinstance(images, ShardedImages) else images[start:stop]


def feature_key(encoder: nn.Module, candidate: Candidate, source: Source, split: str, runtime: Runtime) -> FeatureKey:
    """Return all that the features of a split depend on.

    Args:
        encoder: of the candidate.
        candidate: how it sees images.
        source: the images.
        split: the split's name.
        runtime: precision.
    """
    return FeatureKey(
        encoder=encoder_digest(encoder, repr(candidate.spec)),
        data=source.fingerprint,
        split=split,
        view=repr(candidate.view),
        precision=str(runtime.compute_dtype).removeprefix("torch."),
    )


def check_finite(features: Tensor, label: str) -> None:
    """Refuse features that are no numbers.

    Args:
        features: float `[N, D]`.
        label: of the encoder, for the error's text.

    Raises:
        CheckpointError: a feature is not a finite number.
    """
    if not bool(features.isfinite().all()):
        raise CheckpointError(f"{label}: features are not finite numbers; the encoder is damaged or has diverged")


def _splits(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.split for part in parts))


def _rows(splits: dict[str, Tensor], part: Part) -> Tensor:
    return splits[part.split][torch.from_numpy(part.rows)]
