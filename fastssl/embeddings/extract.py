"""Running a frozen encoder over images.

Covers: features of all images, in their stored order. Does not cover: keeping them
(`fastssl.evaluation.shared.features`), what they are worth (`knn.py`, `rank.py`, `hypersphere.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

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
    lay_out_on(device, encoder)
    autocast = nullcontext() if amp_dtype is None else torch.autocast(device.type, dtype=amp_dtype)
    loader = Loader(
        images, view, batch_size=batch_size, device=device, shuffle=False, drop_last=False, prefetch=prefetch
    )
    with loader, autocast:
        return embed(encoder, loader, len(images), on_batch=on_batch)["image"]


def embed(
    encoder: nn.Module,
    loader: Loader,
    count: int,
    names: tuple[str, ...] = ("image",),
    *,
    on_batch: Callable[[int], None] | None = None,
) -> dict[str, Tensor]:
    """Return the features of one pass of a loader; the encoder stays where and as it is.

    Args:
        encoder: maps `[B, C, S, S]` to `[B, D]`, on the loader's device; it is run in eval mode, and each of its parts
            is then in the mode that it had.
        loader: of all images once, such as one that neither shuffles nor drops any.
        count: N, images of the loader.
        names: of the images of a batch that are embedded.
        on_batch: called with the number of images of each batch, once it was started.

    Returns:
        Name -> float32 `[N, D]` on the CPU, in the images' stored order.

    Raises:
        ValueError: there are no images.
    """
    found: dict[str, Tensor] = {}
    with evaluating(encoder), torch.inference_mode():
        for batch in loader:
            for name in names:
                part = encoder(batch[name])
                if name not in found:
                    found[name] = torch.empty(count, *part.shape[1:], device=part.device)
                found[name][batch["index"]] = part.float()
            if on_batch is not None:
                on_batch(len(batch["index"]))
    if not found:
        raise ValueError("there are no images to extract features from")
    return {name: one.cpu().clone() for name, one in found.items()}  # outside inference mode: ordinary tensors


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode within the block, and each of its parts back into the mode that it had.

    Args:
        module: of which some parts, such as frozen batch norms, may be in another mode than the whole.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
