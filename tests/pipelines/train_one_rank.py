"""One of several processes that train a linear layer on a loader's batches; `test_loader_in_trainers.py` runs it."""

from __future__ import annotations

import numpy as np
import torch
from torch import distributed, nn

from fastssl.pipelines import Loader, Plain

GLOBAL_BATCH = 16


def train_one_rank(store: str, rank: int, world_size: int) -> None:
    """Train an epoch, and write what was seen and learned to STORE-RANK.pt."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", store=distributed.FileStore(store, world_size), rank=rank, world_size=world_size
    )
    torch.manual_seed(0)
    head = nn.parallel.DistributedDataParallel(nn.Linear(16 * 16, 1))
    optimizer = torch.optim.SGD(head.parameters(), lr=0.05)
    images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 1), dtype=np.uint8)
    seen = []
    share = {"batch_size": GLOBAL_BATCH // world_size, "rank": rank, "world_size": world_size}
    with Loader(images, Plain(16, 1), labels=np.arange(50) % 2, **share) as loader:
        for batch in loader:
            seen.append(batch["index"].tolist())
            optimizer.zero_grad()
            (head(batch["image"].flatten(1))[:, 0] - batch["label"]).square().mean().backward()
            optimizer.step()
    torch.save({"seen": seen, "weight": head.module.weight.detach()}, f"{store}-{rank}.pt")
    distributed.barrier()  # gloo aborts a process whose neighbour has left in the middle of its own leaving
    distributed.destroy_process_group()
