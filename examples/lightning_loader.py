"""fastssl's loader in Lightning: SimCLR's loss on two crops, in a LightningModule.

Covers: handing a `Loader` to `trainer.fit` as it is; its place, to the batch, goes into Lightning's checkpoints.
Does not cover: several GPUs (give the loader `rank` and `world_size`).

    python examples/lightning_loader.py --steps 50
"""

from __future__ import annotations

import argparse

import lightning
import timm
import torch
from torch import Tensor

import fastssl
from fastssl.kernels import nt_xent
from fastssl.pipelines import Loader, TwoCrops


class SimCLR(lightning.LightningModule):
    """An encoder with a linear head under NT-Xent."""

    def __init__(self) -> None:
        super().__init__()
        self.network = timm.create_model("resnet18", in_chans=1, num_classes=128)

    def training_step(self, batch: dict[str, Tensor], batch_index: int) -> Tensor:
        """Return the loss of the batch's two crops."""
        loss = nt_xent(self.network(torch.cat([batch["query"], batch["key"]])), temperature=0.1)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def main() -> None:
    """Train on the demo images and print the last loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="steps of training")
    arguments = parser.parse_args()
    images = fastssl.open_source("demo").splits["train"].images
    trainer = lightning.Trainer(max_steps=arguments.steps, accelerator="auto", devices=1, logger=False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with Loader(images, TwoCrops(size=28, channels=1), batch_size=64, device=device, seed=0) as loader:
        trainer.fit(SimCLR(), loader)
    print(f"loss {float(trainer.callback_metrics['loss']):.3f}")


if __name__ == "__main__":
    main()
