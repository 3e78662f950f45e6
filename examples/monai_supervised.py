"""Pre-train an encoder on a MONAI data set without labels, then train it with a head in MONAI's SupervisedTrainer.

Covers: dictionaries and transforms of MONAI on both sides. Does not cover: segmentation (docs/embedding/monai.md).

    pip install 'fastssl-engine[adapters]'
    python examples/monai_supervised.py --steps 200
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedTrainer
from monai.transforms import ScaleIntensityRanged

import fastssl
from fastssl.backend import MonaiSamples, monai_classifier
from fastssl.data.shards import write_shards


def main() -> None:
    """Pre-train with fastssl, train with MONAI."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="steps of pre-training, and then of MONAI's trainer")
    parser.add_argument("--encoder", default="resnet18", help="any timm model")
    parser.add_argument("--out", type=Path, default=Path("monai-example"), help="a new folder for everything")
    arguments = parser.parse_args()

    train = fastssl.open_source("demo").splits["train"]  # stands for scans in Hounsfield units
    scans = train.images.transpose(0, 3, 1, 2).astype(np.float32) * 8 - 1000
    items = [{"image": scan, "label": int(label)} for scan, label in zip(scans, train.labels, strict=True)]
    data = Dataset(items, ScaleIntensityRanged("image", a_min=-1000, a_max=1040, b_min=0, b_max=1, clip=True))

    shards = write_shards(arguments.out / "shards", MonaiSamples(data=data), value_range="0,1")
    run = arguments.out / "run"
    fastssl.train(stage="simclr", data=str(shards), encoder=arguments.encoder, steps=arguments.steps, out=run)

    network = monai_classifier(run, classes=4)
    trainer = SupervisedTrainer(
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        max_epochs=1,
        epoch_length=arguments.steps,
        train_data_loader=DataLoader(data, batch_size=32, shuffle=True),
        network=network,
        optimizer=torch.optim.AdamW(network.parameters(), lr=1e-3),
        loss_function=torch.nn.CrossEntropyLoss(),
    )
    trainer.run()
    print(f"MONAI's trainer: {trainer.state.iteration} steps, loss {trainer.state.output[0]['loss']:.3f}")


if __name__ == "__main__":
    main()
