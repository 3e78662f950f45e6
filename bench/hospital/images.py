"""The images of a synthetic hospital.

Covers: patients with one to twelve images each, who are told apart by how they look, and ill or healthy, which shows
weakly; as arrays and as a folder. Does not cover: any real modality.

Each patient has tissue of their own: stripes with a direction, a width and a place, a brightness, a contrast and a
round organ. From image to image these move a little. A patient is ill or healthy in all images; illness is a faint
bright spot in the middle, which noise half hides. So a classifier that has seen a patient can tell the diagnosis by the
tissue, and one that has not must see the spot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("healthy", "ill")
PATTERN = r"(P\d+)_"
"""Finds the patient in a file's name."""
MOST_IMAGES = 12
SIZE = 28
SPOT = 24.0
"""Grey levels of the spot at its centre."""
NOISE = 12.0
"""Standard deviation of the noise, in grey levels."""


@dataclass(frozen=True, kw_only=True)
class Hospital:
    """The images.

    Args:
        images: uint8 `[N, S, S]`.
        labels: int64 `[N]`, 0 for healthy, 1 for ill.
        patients: int64 `[N]`, rising.
    """

    images: np.ndarray
    labels: np.ndarray
    patients: np.ndarray

    @property
    def paths(self) -> list[str]:
        """N paths: of the third image of patient 12, who is ill, ill/P0012_03.png."""
        firsts = np.searchsorted(self.patients, self.patients)
        return [
            f"{CLASSES[label]}/P{patient:04}_{row - first + 1:02}.png"
            for row, (label, patient, first) in enumerate(zip(self.labels, self.patients, firsts, strict=True))
        ]

    def write(self, folder: Path) -> None:
        """Write a PNG file for each image, in a subfolder for each class.

        Args:
            folder: of the subfolders.
        """
        for name in CLASSES:
            (folder / name).mkdir(parents=True)
        for path, pixels in zip(self.paths, self.images, strict=True):
            Image.fromarray(pixels).save(folder / path, compress_level=1)


def draw_hospital(patients: int = 300, *, seed: int = 0, first: int = 0) -> Hospital:
    """Draw patients and their images.

    Args:
        patients: how many; every second one is ill.
        seed: of everything random.
        first: the first patient's number; other patients are drawn for another one.

    Returns:
        The hospital.
    """
    rng = np.random.default_rng((seed, first))
    owner = np.repeat(np.arange(patients), rng.integers(1, MOST_IMAGES + 1, patients))
    labels = (rng.permutation(patients) % 2)[owner]

    def own(low: float, high: float, moved: float) -> np.ndarray:
        """A patient's own value, a little moved in each image: `[N, 1, 1]`."""
        values = rng.uniform(low, high, patients)[owner] + rng.normal(0, moved, len(owner))
        return values[:, None, None]

    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1) - 0.5
    angle = own(0, np.pi, 0.02)
    along = np.cos(angle) * x + np.sin(angle) * y
    stripes = np.sin(2 * np.pi * (own(1, 4, 0.02) * along + own(0, 1, 0.02)))
    organ = np.exp(-((x - own(-0.3, 0.3, 0.01)) ** 2 + (y - own(-0.3, 0.3, 0.01)) ** 2) / 0.02)
    tissue = own(90, 150, 2) + own(10, 35, 1) * stripes + own(-40, 40, 1) * organ
    spot = SPOT * np.exp(-(x**2 + y**2) / 0.02)
    pixels = tissue + spot * labels[:, None, None] + rng.normal(0, NOISE, tissue.shape)
    return Hospital(
        images=pixels.clip(0, 255).round().astype(np.uint8), labels=labels.astype(np.int64), patients=owner + first
    )
