"""MoCo in a plain PyTorch loop, with fastssl's loader and kernels and nothing else of fastssl.

Covers: `Loader`, `info_nce` and `ema_update_` in somebody else's loop. Does not cover: checkpoints, schedules, split
batch norm, which `fastssl train` has.

    python examples/pytorch_loop_with_kernels.py --steps 50
"""

from __future__ import annotations

import argparse
import copy
from itertools import chain, repeat

import numpy as np
import timm
import torch
from torch.nn import functional as F

from fastssl.kernels import ema_update_, info_nce
from fastssl.pipelines import Loader, TwoCrops

QUEUE, DIM, BATCH = 1024, 128, 64


def main() -> None:
    """Train on random images, printing the loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="steps of training")
    steps = parser.parse_args().steps
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = np.random.default_rng(0).integers(0, 256, (4096, 28, 28, 1), dtype=np.uint8)

    encoder = timm.create_model("resnet18", in_chans=1, num_classes=DIM).to(device)
    key_encoder = copy.deepcopy(encoder).requires_grad_(False)
    queue = F.normalize(torch.randn(QUEUE, DIM, device=device), dim=1)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)

    with Loader(images, TwoCrops(size=28, channels=1), batch_size=BATCH, device=device, seed=0) as loader:
        batches = chain.from_iterable(repeat(loader))  # epoch after epoch
        for step, batch in zip(range(steps), batches, strict=False):
            ema_update_(list(key_encoder.parameters()), list(encoder.parameters()), 0.99)
            with torch.no_grad():
                key = F.normalize(key_encoder(batch["key"]), dim=1)
            loss = info_nce(encoder(batch["query"]), key, queue, temperature=0.2, normalize=True)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            queue = torch.cat([key, queue[:-BATCH]])
            print(f"step {step}: loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
