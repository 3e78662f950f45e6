"""MoCo v2 in plain PyTorch, as one writes it after Algorithm 1 of He et al. (CVPR 2020, arXiv 1911.05722).

Covers: torchvision's v2 transforms on one uint8 tensor at a time, which its documentation advises for speed, a torch
DataLoader with two workers that persist, timm's ResNet-18 in torch's channels-last layout, a head of two layers, a
queue in a buffer, the moving average by `torch.optim.swa_utils`, cross entropy over the positive and the queue, fused
SGD; fp32, or bf16 autocast around forward and loss. Does not cover: GPUs, `torch.compile`, fastssl, which nothing here
imports, and lightly.

What it does not do and ours does, all in its favour: batch norm split into groups of images, leaving out older keys of
a query's own image, a cosine schedule, a check of every loss, a log and checkpoints. What it does otherwise: the steps
of its jitter come in random order, each rounded to 8 bits; contrast is about the crop's mean, not mid-grey; hue is
turned in HSV, not at constant luma; turned crops are read from the nearest pixel. PIL images would be a fifth faster
than tensors in colour, and a fifth slower in grey. Grey images stay so: no greyscale,
saturation or hue, as on lightly's side.
"""

from __future__ import annotations

import copy
import math
import time
from typing import Any

import numpy as np
import torch
from shared_recipe import EMBEDDING, FEATURES, channels_of, endless, make_backbone, make_loader, make_sgd
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import Dataset
from torchvision.transforms import v2

TEMPERATURE, MOMENTUM = 0.2, 0.99


def make_transform(size: int, channels: int, strength: dict[str, Any]) -> v2.Compose:
    """One view `[C, S, S]` of a uint8 image `[C, H, W]`; `strength` is what `starting.lightly_strength` gives.

    What would change nothing is left out.
    """
    s = {"hf_prob": 0.5, "min_scale": 0.2, **strength}
    steps: list[nn.Module] = [v2.RandomResizedCrop(size, scale=(s["min_scale"], 1.0), antialias=True)]
    if s["hf_prob"]:
        steps.append(v2.RandomHorizontalFlip(s["hf_prob"]))
    if s.get("vf_prob"):
        steps.append(v2.RandomVerticalFlip(s["vf_prob"]))
    if s.get("rr_prob"):
        steps.append(v2.RandomApply([v2.RandomRotation(s["rr_degrees"])], s["rr_prob"]))
    if s.get("cj_prob"):
        jitter = v2.ColorJitter(s["cj_bright"], s["cj_contrast"], s["cj_sat"], s["cj_hue"])
        steps.append(v2.RandomApply([jitter], s["cj_prob"]))
    if s.get("random_gray_scale"):
        steps.append(v2.RandomGrayscale(s["random_gray_scale"]))
    if s.get("gaussian_blur"):
        reach = math.ceil(3 * s["sigmas"][1])  # where ours ends too
        steps.append(v2.RandomApply([v2.GaussianBlur(2 * reach + 1, s["sigmas"])], s["gaussian_blur"]))
    steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * channels, [0.5] * channels)]
    return v2.Compose(steps)


class TwoViews(Dataset):
    """Two views `[C, S, S]` of each image of `[N, H, W]` or `[N, H, W, C]`, uint8."""

    def __init__(self, images: np.ndarray, strength: dict[str, Any]) -> None:
        channels = channels_of(images)
        tensor = torch.from_numpy(images).view(*images.shape[:3], channels)
        self.images = tensor.permute(0, 3, 1, 2).contiguous()
        self.transform = make_transform(images.shape[1], channels, strength)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.images[index]
        return self.transform(image), self.transform(image)


class MoCo(nn.Module):
    """Query and key encoder with their heads, and the queue of keys `[K, 128]`, which starts as random directions."""

    def __init__(self, channels: int, queue_size: int) -> None:
        super().__init__()
        backbone = make_backbone(channels)
        head = nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.ReLU(inplace=True), nn.Linear(FEATURES, EMBEDDING))
        self.query = nn.Sequential(backbone, head).to(memory_format=torch.channels_last)
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        self.queue: Tensor
        self.register_buffer("queue", F.normalize(torch.randn(queue_size, EMBEDDING), dim=1))
        self.oldest = 0
        self._move = get_ema_multi_avg_fn(MOMENTUM)

    @torch.no_grad()
    def move_key(self) -> None:
        self._move(list(self.key.parameters()), list(self.query.parameters()), None)

    def embed(self, query_views: Tensor, key_views: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors `[B, 128]` of both; the keys without gradients."""
        queries = F.normalize(self.query(query_views), dim=1)
        with torch.no_grad():
            keys = F.normalize(self.key(key_views), dim=1)
        return queries, keys

    def loss(self, queries: Tensor, keys: Tensor) -> Tensor:
        positive = (queries * keys).sum(dim=1, keepdim=True)
        negative = queries @ self.queue.T
        logits = torch.cat([positive, negative], dim=1) / TEMPERATURE
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """In place of the oldest; a queue holds whole batches."""
        self.queue[self.oldest : self.oldest + len(keys)] = keys
        self.oldest = (self.oldest + len(keys)) % len(self.queue)


class Training:
    """Steps over the images, epoch after epoch."""

    def __init__(self, images: np.ndarray, *, batch_size: int, queue_size: int, strength: dict[str, Any], bf16: bool):
        self.bf16 = bf16
        self.model = MoCo(channels_of(images), queue_size)
        self.optimizer = make_sgd(self.model.query.parameters())
        self.total_loss = torch.zeros(())
        self._batches = endless(make_loader(TwoViews(images, strength), batch_size))

    def step(self) -> float:
        """One optimiser step; returns the seconds that its batch was waited for."""
        asked = time.perf_counter()
        query_views, key_views = next(self._batches)
        waited = time.perf_counter() - asked
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            queries, keys = self.model.embed(
                query_views.to(memory_format=torch.channels_last), key_views.to(memory_format=torch.channels_last)
            )
            loss = self.model.loss(queries, keys)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.model.move_key()
        self.model.enqueue(keys)
        self.total_loss += loss.detach()
        return waited
