"""MoCo in Lightning: any stage as a LightningModule, its views as a LightningDataModule, Lightning's own callbacks.

Covers: `StageModule` and `ViewsDataModule` under Lightning's Trainer with a logger, checkpoints and early stopping; the
encoder as a file that `fastssl probe` and timm read. Does not cover: several GPUs (`Trainer(devices=N)` is all).

    python examples/lightning_stage.py --epochs 5
    python examples/lightning_stage.py --epochs 10 --resume runs/lightning/last.ckpt
"""

from __future__ import annotations

import argparse

import lightning
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

import fastssl
from fastssl.backend import StageModule, ViewsDataModule

FOLDER = "runs/lightning"


def main() -> None:
    """Train on the demo images, print the last loss, and write the encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5, help="epochs of training")
    parser.add_argument("--steps", type=int, default=-1, help="steps of training at most; -1: all of the epochs")
    parser.add_argument("--encoder", default="resnet18", help="any timm encoder")
    parser.add_argument("--resume", help="a checkpoint of Lightning to go on from")
    arguments = parser.parse_args()
    module = StageModule("moco", "demo", encoder=arguments.encoder, batch_size=64, queue_size=1024)
    data = ViewsDataModule(module.run)
    trainer = lightning.Trainer(
        max_epochs=arguments.epochs,
        max_steps=arguments.steps,
        logger=CSVLogger(FOLDER, name="log"),
        log_every_n_steps=1,
        callbacks=[
            ModelCheckpoint(FOLDER, save_last=True, every_n_train_steps=1, enable_version_counter=False),
            EarlyStopping("loss_epoch", patience=3),
            LearningRateMonitor("step"),
        ],
    )
    trainer.fit(module, data, ckpt_path=arguments.resume)
    print(f"step {trainer.global_step}: loss {float(trainer.callback_metrics['loss']):.3f}")
    _, spec = fastssl.load_encoder(module.export(FOLDER))
    print(f"{FOLDER}/encoder.safetensors: {spec.name}")


if __name__ == "__main__":
    main()
