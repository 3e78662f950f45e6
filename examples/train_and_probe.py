"""Pre-train an encoder on the built-in demo images, probe it, and load it with timm.

Covers: the way from images to features in a dozen lines. Does not cover: settings, which `fastssl train --help` lists.

    python examples/train_and_probe.py --steps 200
"""

from __future__ import annotations

import argparse
from pathlib import Path

import fastssl

fastssl.share_processors()  # before torch is imported, so that a busy neighbour costs the run little

import timm  # noqa: E402
from safetensors.torch import load_file  # noqa: E402


def main() -> None:
    """Train, probe, and show what the probe found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="steps of pre-training")
    parser.add_argument("--encoder", default="resnet18", help="any timm model")
    parser.add_argument("--out", type=Path, default=Path("runs/example"), help="the run folder")
    arguments = parser.parse_args()

    fastssl.train(
        stage="moco",
        data="demo",
        encoder=arguments.encoder,
        steps=arguments.steps,
        out=arguments.out,
        overwrite=True,
    )
    result = fastssl.probe(arguments.out)
    for row in result.rows:
        print(f"{row.features:12} {row.classifier:7} AUC {row.auc:.3f}  ACC {row.acc:.3f}")

    encoder = timm.create_model(arguments.encoder, in_chans=1, num_classes=0)
    encoder.load_state_dict(load_file(arguments.out / "encoder.safetensors"), strict=True)
    print(f"loaded into timm: {encoder.num_features} features per image")


if __name__ == "__main__":
    main()
