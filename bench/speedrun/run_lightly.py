"""From the raw file to a score with lightly's SimCLR and scikit-learn, as their users would write it; the baseline.

Covers: `run_lightly.py FILE.npz --steps N [--seed S] [--shots K]`: training as in `bench/peers/lightly_simclr.py`, a
cosine schedule, features of all images, logistic regression whose C is chosen on the validation images; prints one line
of JSON with the AUC on the test images, or, with K > 0, the mean accuracy over ten draws of K images per class. Does
not cover: fastssl, which nothing here imports.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1] / "peers"))
from lightly_simclr import Training

BATCH_SIZE = 128
PENALTIES = 10.0 ** np.arange(-4, 3)
STRENGTH = {
    "min_scale": 0.4,
    "cj_prob": 0.8,
    "cj_bright": 0.2,
    "cj_contrast": 0.2,
    "cj_sat": 0.0,
    "cj_hue": 0.0,
    "random_gray_scale": 0.0,
    "gaussian_blur": 0.0,
    "hf_prob": 0.5,
}
"""fastssl's own for grey images, which is gentler than lightly's default."""


@torch.no_grad()
def features(encoder: torch.nn.Module, images: np.ndarray, bf16: bool) -> np.ndarray:
    encoder.eval()
    found = []
    for part in torch.from_numpy(images).split(256):
        pixels = part.unsqueeze(1).float().div(255).sub(0.5).div(0.5)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            found.append(encoder(pixels).float())
    return torch.cat(found).numpy()


def auc(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> float:
    """Of the test images, by the classifier whose C has the best AUC on the validation images."""
    scaler = StandardScaler().fit(parts["train"][0])
    scaled = {name: (scaler.transform(x), y) for name, (x, y) in parts.items()}
    best, test = -1.0, 0.0
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, max_iter=1000).fit(*scaled["train"])
        validation, tested = (roc_auc_score(y, model.decision_function(x)) for x, y in (scaled["val"], scaled["test"]))
        if validation > best:
            best, test = float(validation), float(tested)
    return test


def few_shot_accuracy(parts: dict[str, tuple[np.ndarray, np.ndarray]], shots: int) -> float:
    """The mean over ten draws of `shots` training images per class, C = 1."""
    (x, y), (test_x, test_y) = parts["train"], parts["test"]
    scaler = StandardScaler().fit(x)
    found = []
    for draw in range(10):
        rng = np.random.default_rng(draw)
        rows = np.concatenate([rng.choice(np.flatnonzero(y == c), shots, replace=False) for c in np.unique(y)])
        model = LogisticRegression(max_iter=1000).fit(scaler.transform(x[rows]), y[rows])
        found.append(float((model.predict(scaler.transform(test_x)) == test_y).mean()))
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shots", type=int, default=0)
    parser.add_argument("--bf16", action="store_true", help="under autocast, where the processor multiplies it")
    given = parser.parse_args()
    bf16 = given.bf16
    with np.load(given.file) as file:
        data = {name: file[name] for name in file.files}
    images = data["train_images"]
    training = Training(images, batch_size=BATCH_SIZE, strength=STRENGTH, bf16=bf16, seed=given.seed)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(training.optimizer, given.steps)
    for _ in range(given.steps):
        training.step()
        schedule.step()
    encoder = training.model[0]
    parts = {
        part: (features(encoder, data[f"{part}_images"], bf16), data[f"{part}_labels"].ravel())
        for part in ("train", "val", "test")
    }
    score = few_shot_accuracy(parts, given.shots) if given.shots else auc(parts)
    print(json.dumps({"score": score}))


if __name__ == "__main__":
    main()
