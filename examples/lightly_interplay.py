"""lightly and fastssl in one program: our views and loss in lightly's loop, lightly's views in our step.

Covers: `Loader` and `NTXentLoss` in lightly's loop, `SimCLRTransform` in ours. Does not cover: lightly's other methods.

    python examples/lightly_interplay.py --steps 50
"""

from __future__ import annotations

import argparse
from itertools import chain, islice, repeat

import timm
import torch
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch.utils.data import DataLoader, default_collate

import fastssl
from fastssl import backend
from fastssl.backend.lightly import NTXentLoss, batch_of
from fastssl.pipelines import Loader, TwoCrops


def main() -> None:
    """Train both ways on the demo images, printing the last loss of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="steps of each training")
    steps = parser.parse_args().steps
    images = fastssl.open_source("demo").splits["train"].images[:512]

    encoder = timm.create_model("resnet18", in_chans=1, num_classes=0)
    model = torch.nn.Sequential(encoder, SimCLRProjectionHead(512, 512, 128))
    criterion = NTXentLoss(temperature=0.5)  # in place of lightly.loss.NTXentLoss
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06, momentum=0.9)
    with Loader(images, TwoCrops(size=28, channels=1), batch_size=64) as loader:
        for batch in islice(chain.from_iterable(repeat(loader)), steps):
            loss = criterion(model(batch["query"]), model(batch["key"]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"lightly's loop: loss {loss.item():.3f}")

    transform = SimCLRTransform(input_size=28, cj_prob=0.0, normalize={"mean": [0.5], "std": [0.5]})

    def two_views(items: list) -> list:
        return default_collate([(*transform(Image.fromarray(image)), number) for number, image in items])

    run = backend.open_run(images, stage="moco", batch_size=64, steps=steps, device="cpu")
    step = backend.Step(run.stage, run.optimizer, runtime=run.runtime, schedule=run.schedule.lr)
    loader = DataLoader(list(enumerate(images[..., 0])), 64, shuffle=True, drop_last=True, collate_fn=two_views)
    for *views, index in islice(chain.from_iterable(repeat(loader)), steps):
        metrics = step(batch_of(views, index))
    print(f"fastssl's step: loss {float(metrics['loss']):.3f}")


if __name__ == "__main__":
    main()
