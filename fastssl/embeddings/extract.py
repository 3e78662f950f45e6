"""Running a frozen encoder over images.

Covers: features of all images, in their stored order. Does not cover: keeping them
(`fastssl.evaluation.shared.features`), what they are worth (`knn.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from fastssl.data import ShardedImages
from fastssl.pipelines import Loader, View
from fastssl.runtime import lay_out_on


def extract(
    encoder: nn.Module,
    images: np.ndarray | ShardedImages,
    view: View,
    *,
    device: torch.device,
    batch_size: int = 256,
    amp_dtype: torch.dtype | None = None,
    prefetch: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> Tensor:
    """Return the features of all images, in their order: float32 `[N, D]` on the CPU.

    Args:
        encoder: maps `[B, C, S, S]` to `[B, D]`; moved to `device`, run in eval mode, channels-last, without gradients.
        images: `[N, H, W, C]` uint8 or uint16, in memory or in shards.
        view: yields "image", such as `Plain`.
        device: that the encoder runs on.
        batch_size: images per step.
        amp_dtype: autocast to this dtype; None runs in float32.
        prefetch: batches that threads make ahead, as `Runtime.prefetch` has it for the device.
        on_batch: called with the number of images of each batch, once it was started.

    Raises:
        ValueError: there are no images.
    """
    was_training = encoder.training
    lay_out_on(device, encoder).eval()
    autocast = nullcontext() if amp_dtype is None else torch.autocast(device.type, dtype=amp_dtype)
    features: Tensor | None = None
    loader = Loader(
        images, view, batch_size=batch_size, device=device, shuffle=False, drop_last=False, prefetch=prefetch
    )
    with loader, torch.inference_mode(), autocast:
        for batch in loader:
            part = encoder(batch["image"])
            if features is None:
                features = torch.empty(len(images), *part.shape[1:], device=device)
            features[batch["index"]] = part.float()
            if on_batch is not None:
                on_batch(len(part))
    encoder.train(was_training)
    if features is None:
        raise ValueError("there are no images to extract features from")
    return features.cpu().clone()  # a clone outside inference mode is an ordinary tensor
