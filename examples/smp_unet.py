"""A trained encoder in timm and in segmentation-models-pytorch, by their own calls.

Covers: `timm.create_model` with the exported file, `smp.Unet` with the same weights in its encoder. Does not cover:
training on masks, which `fastssl segment` does.

    python examples/smp_unet.py --steps 50
"""

from __future__ import annotations

import argparse
from pathlib import Path

import segmentation_models_pytorch as smp
import timm
import torch

import fastssl


def main() -> None:
    """Train, load the encoder both ways, and print the shapes of what they return."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="steps of pre-training")
    parser.add_argument("--out", type=Path, default=Path("runs/smp"), help="the run folder")
    arguments = parser.parse_args()
    fastssl.train(stage="moco", data="demo", steps=arguments.steps, out=arguments.out, overwrite=True)
    weights = arguments.out / "encoder.safetensors"
    images = torch.randn(2, 1, 64, 64)

    encoder = timm.create_model("resnet18", in_chans=1, num_classes=0, checkpoint_path=str(weights))
    print(f"timm: features {list(encoder(images).shape)}")

    own = {"file": str(weights), "first_conv": None}  # in place of the weights that timm would download
    unet = smp.Unet("tu-resnet18", encoder_weights=True, pretrained_cfg_overlay=own, in_channels=1, classes=1)
    print(f"segmentation-models-pytorch: masks {list(unet(images).shape)}")


if __name__ == "__main__":
    main()
