"""The features of a data set's parts, from the cache or from the encoder, with progress shown.

Covers: one data set, one view, one precision; any number of encoders. Does not cover: running an encoder and storing
features (`features.py`), choosing the parts (`partition.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from fastssl.data import Source
from fastssl.errors import CheckpointError
from fastssl.models.encoder import EncoderSpec
from fastssl.pipelines import Plain
from fastssl.runtime import Runtime

from .features import FeatureCache, FeatureKey, encoder_digest, extract
from .partition import Part, Partition


class PartFeatures(NamedTuple):
    """Features float32 `[N, D]` of each part, rows as in the partition."""

    train: Tensor
    val: Tensor
    test: Tensor


@dataclass(frozen=True)
class Extraction:
    """How features are made, shown and kept."""

    source: Source
    parts: Partition
    view: Plain
    runtime: Runtime
    batch_size: int
    console: Console
    cache: FeatureCache

    def of_encoder(self, encoder: nn.Module, spec: EncoderSpec, label: str) -> PartFeatures:
        """Cached features; `label` names the encoder where progress is shown."""
        return self._by_part({split: self.of_split(encoder, spec, label, split) for split in self._splits()})

    def of_split(self, encoder: nn.Module, spec: EncoderSpec, label: str, split: str) -> Tensor:
        """Cached features of every image of a split, `[N, D]` in its own order.

        Raises:
            CheckpointError: one of them is not a finite number.
        """
        precision = str(self.runtime.compute_dtype).removeprefix("torch.")
        digest = encoder_digest(encoder, repr(spec))
        key = FeatureKey(digest, self.source.fingerprint, split, repr(self.view), precision)
        features = self.cache.get(key, lambda: self._run(encoder, split, label, self.runtime.amp_dtype))
        if not bool(features.isfinite().all()):
            raise CheckpointError(f"{label}: features are not finite numbers; the encoder is damaged or has diverged")
        return features

    def of_pixels(self) -> PartFeatures:
        """The view's pixels themselves, flattened; cheaper to render than to store."""
        return self._by_part({split: self._run(nn.Flatten(), split, "raw pixels", None) for split in self._splits()})

    def _splits(self) -> list[str]:
        return list(dict.fromkeys(part.split for part in self.parts.all))

    def _by_part(self, splits: dict[str, Tensor]) -> PartFeatures:
        def rows(part: Part) -> Tensor:
            return splits[part.split][torch.from_numpy(part.rows)]

        return PartFeatures(*(rows(part) for part in self.parts.all))

    def _run(self, encoder: nn.Module, split: str, label: str, amp_dtype: torch.dtype | None) -> Tensor:
        images = self.source.splits[split].images
        what = f"{label}: features of {len(images)} {split} images"
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(escape(what), total=len(images))
            return extract(
                encoder,
                images,
                self.view,
                device=self.runtime.device,
                batch_size=self.batch_size,
                amp_dtype=amp_dtype,
                prefetch=self.runtime.prefetch,
                on_batch=lambda count: bar.advance(task, count),
            )
