"""MoCo v2: momentum contrast over a queue of keys.

Covers: the objective of He et al., "Momentum Contrast for Unsupervised Visual Representation Learning" (CVPR 2020,
arXiv 1911.05722, Algorithm 1) with the head and temperature of MoCo v2 (Chen et al., arXiv 2003.04297), and, in place
of shuffled batch norm over devices, split batch norm, on one or over several. Unlike there, older keys of the query's
own image are no negatives: on a small set they come often. Does not cover: augmentation, the loop, mixed precision.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.distributed.collectives import gather_rows, own_rows
from fastssl.kernels import ema_update_, flatten_, info_nce
from fastssl.models.heads import projection_head
from fastssl.models.normalization import deal, split_batch_norm, undeal
from fastssl.stages.stage import Batch, Stage, StageOutput

EMBEDDING_DIM = 128
NO_SAMPLE = -1
"""The sample id of rows of the queue that are noise, or whose sample is not known."""


class MoCo(Stage):
    """Query encoder trained against a slowly moving key encoder and a queue of past keys.

    Args:
        encoder: maps `[B, C, H, W]` to `[B, D]`; becomes the query encoder.
        feature_dim: D.
        queue_size: K, the number of negatives.
        momentum: m of the key encoder, theta_k <- m theta_k + (1 - m) theta_q, before each key pass.
        temperature: tau of the softmax.
        bn_splits: groups of a batch whose statistics batch norm takes apart; must divide the batch size, and divide the
            number of processes or be divided by it. 1: no groups.
        fill_queue: fill the queue with keys of real images before the first step. The paper starts it random, and the
            first steps then teach all embeddings one common direction, away from the random rows; a long run forgets
            that, a short one does not.
        queue_dtype: dtype in which past keys are kept (the compute dtype of the run).
        epoch_images: how many images an epoch has, for what is said about the queue; None: enough to fill it.
        seed: of the head's weights and the queue's first, random rows.

    The batch holds "query" and "key", two views `[B, C, H, W]` of the same images, and "index", int64 `[B]`, which
    samples they are; without it every row of the queue is a negative of every query.
    """

    def __init__(
        self,
        encoder: nn.Module,
        feature_dim: int,
        *,
        queue_size: int = 65536,
        momentum: float = 0.999,
        temperature: float = 0.2,
        bn_splits: int = 8,
        fill_queue: bool = False,
        queue_dtype: torch.dtype = torch.float32,
        epoch_images: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.momentum = momentum
        self.temperature = temperature
        self.bn_splits = bn_splits
        self.encoder = split_batch_norm(encoder, bn_splits)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = projection_head(feature_dim, EMBEDDING_DIM)
            queue = F.normalize(torch.randn(queue_size, EMBEDDING_DIM), dim=1)
        self.key_encoder = copy.deepcopy(self.encoder).requires_grad_(False)
        self.key_head = copy.deepcopy(self.head).requires_grad_(False)
        self.queue: Tensor
        self.queue_ids: Tensor
        self.queue_pointer: Tensor
        self.register_buffer("queue", queue.to(queue_dtype))
        self.register_buffer("queue_ids", torch.full((queue_size,), NO_SAMPLE, dtype=torch.int64))
        self.register_buffer("queue_pointer", torch.zeros((), dtype=torch.int64))
        self._flat: tuple[Tensor, Tensor] | None = None
        self.chance_loss = math.log(queue_size + 1)
        self.warm_up_images = queue_size if fill_queue else 0
        self.epoch_images = queue_size if epoch_images is None else epoch_images

    def messages(self) -> list[str]:
        """Tell the loss of a guess, how the loss moves at first, and what a queue longer than an epoch holds."""
        chance = f"ln(K+1) = {self.chance_loss:.2f} is the loss of a guess"
        rows, images = len(self.queue), self.epoch_images
        if not self.warm_up_images:
            lines = [f"{chance}: the loss rises towards it while real keys replace the random queue, then falls."]
        elif images >= rows:
            lines = [f"{chance}; real keys fill the queue before the first step."]
        else:
            lines = [
                f"{chance}; before the first step real keys fill {images} rows of the queue, and noise stays in the "
                f"other {rows - images} until training has made more keys."
            ]
        if images < rows:
            lines.append(
                f"The queue of {rows} is longer than an epoch of {images} images: it holds several keys of an image; "
                "keys of a query's own image are left out of its negatives."
            )
        return lines

    @torch.no_grad()
    def warm_up(self, batch: Batch) -> None:
        """Put the keys of a batch into the queue."""
        self.after_step(_carry(self._embed_keys(batch["key"]), batch.get("index")))

    def lay_out(self) -> None:
        """Give the parameters of both encoders one buffer each, so that one launch moves the average."""
        keys, queries = self._averaged()
        self._flat = flatten_(keys), flatten_(queries)

    @torch.no_grad()
    def before_step(self) -> None:
        """Move the key encoder towards the query encoder (equation 2), ahead of the key pass."""
        if not torch.compiler.is_compiling() and self._flat is not None and self._lies_flat():
            keys, queries = ([buffer] for buffer in self._flat)
        else:
            keys, queries = self._averaged()
        ema_update_(keys, queries, self.momentum)

    def loss(self, batch: Batch) -> StageOutput:
        """Compute InfoNCE (equation 1) of each query against its key and the queue, without this batch's keys in it.

        And without older keys of the query's own image. A query that has no other negative has loss 0.

        Metrics, where the step is measured: how often the key is the most similar ("top1") or among five ("top5").
        """
        query = self.head(self.encoder(batch["query"]))
        keys = self._embed_keys(batch["key"])
        ids = batch.get("index")
        carry = _carry(keys, ids)
        result = info_nce(
            query,
            own_rows(keys),
            self.queue,
            self.temperature,
            normalize=True,
            query_ids=ids,
            queue_ids=None if ids is None else self.queue_ids,
            return_stats=self.measuring,
        )
        if isinstance(result, Tensor):
            return StageOutput(loss=result, metrics={}, carry=carry)
        loss, stats = result
        return StageOutput(loss=loss, metrics={"top1": stats.top1, "top5": stats.top5}, carry=carry)

    @torch.no_grad()
    def after_step(self, carry: dict[str, Tensor]) -> None:
        """Write the keys over the oldest rows of the queue; a ring, so any batch size fits."""
        keys = carry["key"][-len(self.queue) :].to(self.queue.dtype)
        offsets = torch.arange(len(keys), device=keys.device)
        rows = (self.queue_pointer + offsets) % len(self.queue)
        self.queue.index_copy_(0, rows, keys)
        if "index" in carry:
            self.queue_ids.index_copy_(0, rows, carry["index"][-len(self.queue) :])
        else:
            self.queue_ids.index_fill_(0, rows, NO_SAMPLE)
        self.queue_pointer.add_(len(keys)).remainder_(len(self.queue))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Runs of before have keys whose samples are not known."""
        state_dict.setdefault(f"{prefix}queue_ids", torch.full_like(self.queue_ids, NO_SAMPLE))
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def _embed_keys(self, images: Tensor) -> Tensor:
        """Keys `[B, 128]` of the batch of all processes, which every one of them puts into its queue.

        They are grouped otherwise than their queries, so that batch norm cannot leak which are pairs.
        """
        features = self.key_head(self.key_encoder(deal(images, self.bn_splits)))
        return undeal(gather_rows(F.normalize(features.float(), dim=1)), self.bn_splits)

    def _averaged(self) -> tuple[list[Tensor], list[Tensor]]:
        """The parameters of the key encoder and head, and those that they follow."""
        keys: list[Tensor] = [*self.key_encoder.parameters(), *self.key_head.parameters()]
        return keys, [*self.encoder.parameters(), *self.head.parameters()]

    def _lies_flat(self) -> bool:
        """Whether the parameters still lie where `lay_out` put them; what moves a module moves its first one, too."""
        firsts = (next(self.key_encoder.parameters()), next(self.encoder.parameters()))
        return all(
            first.data_ptr() == buffer.data_ptr() for first, buffer in zip(firsts, self._flat or (), strict=True)
        )


def _carry(keys: Tensor, ids: Tensor | None) -> dict[str, Tensor]:
    """What goes into the queue: the keys of all processes and, where the batch says it, whose they are."""
    return {"key": keys} if ids is None else {"key": keys, "index": gather_rows(ids)}
