"""The features of an evaluation's images, from the cache or from the encoder, with progress shown.

Covers: one data set and one precision; any number of candidates. Does not cover: running an encoder
(`fastssl.embeddings.extract`), storing features (`features.py`), dividing the images (`partition.py`).
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
from fastssl.data import Source
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
class Extraction:
    """How features are made, shown and kept. Of several processes each makes those of its part of the images.

    Attributes:
        source: the images.
        parts: which of them.
        runtime: device and precision.
        batch_size: images per step of the encoder.
        console: where progress is shown, and what is wrong with kept features told.
        run: runs an encoder over images, with the parameters of `extract`.
    """

    source: Source
    parts: Partition
    runtime: Runtime
    batch_size: int
    console: Console
    run: Callable[..., Tensor] = extract

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
        splits = {split: self._run(nn.Flatten(), view, split, RAW_PIXELS, None) for split in _splits(parts)}
        return [_rows(splits, part) for part in parts]

    def _of_parts(self, candidate: Candidate, parts: Sequence[Part], seed: int) -> list[Tensor]:
        encoder = candidate.start(seed).encoder
        splits = {split: self._of_split(candidate, encoder, split) for split in _splits(parts)}
        return [_rows(splits, part) for part in parts]

    def _of_split(self, candidate: Candidate, encoder: nn.Module, split: str) -> Tensor:
        """The features of every image of a split, in its own order."""
        key = FeatureKey(
            encoder=encoder_digest(encoder, repr(candidate.spec)),
            data=self.source.fingerprint,
            split=split,
            view=repr(candidate.view),
            precision=str(self.runtime.compute_dtype).removeprefix("torch."),
        )
        cache = FeatureCache(candidate.folder / FEATURES, self._tell)
        label, amp_dtype = candidate.label, self.runtime.amp_dtype
        features = cache.find(key)
        if not on_all(features is not None) or features is None:  # machines may share no disk
            features = self._run(encoder, candidate.view, split, label, amp_dtype)
            if world().leads:
                cache.keep(key, features)
        if not bool(features.isfinite().all()):
            raise CheckpointError(f"{label}: features are not finite numbers; the encoder is damaged or has diverged")
        return features

    def _run(self, encoder: nn.Module, view: View, split: str, label: str, amp_dtype: torch.dtype | None) -> Tensor:
        whole, here = self.source.splits[split].images, world()
        shares = [len(part) for part in np.array_split(np.empty(len(whole)), here.size)]
        divided = min(shares) > 0
        first = sum(shares[: here.rank])
        images = whole[first : first + shares[here.rank]] if divided else whole
        what = f"{label}: features of {len(images)} {split} images"
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(printable(what), total=len(images))
            own = self.run(
                encoder,
                images,
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


def _splits(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.split for part in parts))


def _rows(splits: dict[str, Tensor], part: Part) -> Tensor:
    return splits[part.split][torch.from_numpy(part.rows)]
