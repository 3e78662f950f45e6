"""Write a parquet stream as shards, pre-train on them, and push the encoder as a timm hub model in a local folder.

Covers: `datasets` to a model that timm loads, without a network: a small parquet file is made first. Does not cover:
pushing to the hub itself, which takes `push_encoder(run, repo_id="user/name")`.

    pip install 'fastssl-engine[adapters]'
    python examples/huggingface_dataset.py --steps 200
"""

from __future__ import annotations

import argparse
from pathlib import Path

import datasets
import timm
import torch
from PIL import Image

import fastssl
from fastssl.backend import push_encoder, write_dataset


def make_parquet(path: Path) -> None:
    """Stands for a data set of the hub: an image and a class in each row."""
    train = fastssl.open_source("demo").splits["train"]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = {"image": [Image.fromarray(image[..., 0]) for image in train.images], "label": train.labels.reshape(-1)}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)


def main() -> None:
    """Stream, train, push, load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="steps of pre-training")
    parser.add_argument("--encoder", default="resnet18", help="any timm model")
    parser.add_argument("--out", type=Path, default=Path("huggingface-example"), help="a new folder for everything")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir()
    make_parquet(out / "scans.parquet")
    stream = datasets.load_dataset("parquet", data_files=str(out / "scans.parquet"), split="train", streaming=True)
    shards = write_dataset(out / "shards", stream, label="label")

    fastssl.train(
        stage="simclr",
        data=str(shards),
        encoder=arguments.encoder,
        stem="standard",  # timm's hub format has no word for the small one
        steps=arguments.steps,
        out=out / "run",
    )
    name = push_encoder(out / "run", folder=out / "model")
    model = timm.create_model(name, pretrained=True).eval()
    print(f"timm makes it of {out / 'model'}: {model(torch.zeros(1, 1, 28, 28)).shape[1]} features per image")


if __name__ == "__main__":
    main()
