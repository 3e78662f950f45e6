"""What is done to training patches: TOWER's augmentations, by modality.

Covers: which flips, turns, crops, colours and noise each list holds, drawing them, and where a patch's pixels then come
from. Does not cover: reading the pixels (`table.py`), changing their levels (`recolour.py`), putting a batch together
(`producer.py`).

TOWER (Neural Networks 167, 2023) augments X-ray images by resized crops, horizontal flips and rotation; fundus
photographs and CT by rotation, Gaussian noise, colour jitter, and horizontal, vertical and diagonal flips. It states no
strengths: those here are ours. "upright" holds what its lists have in common, for images of a modality unknown; "flips"
moves whole pixels and interpolates nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fastssl.pipelines.ops.colour import intensity_map, rgb_map
from fastssl.pipelines.random import keys, uniform
from fastssl.pipelines.views.view import Parameters

from .recolour import WHITE

Augment = Literal["xray", "fundus", "ct", "upright", "flips", "none"]

ROTATION = 15.0
JITTER = 0.2
HUE = 0.05
NOISE = 0.05
SMALLEST_CROP = 0.5
_ASPECTS = (3 / 4, 4 / 3)

# The streams of random numbers: where a patch lies and how it is flipped; all other changes; noise, pixel by pixel.
_PLACE, _CHANGE, _NOISE = 0, 1, 2
_CHANGES = 8

# Quarter turns counter-clockwise of (row, column) from the centre, exact, and what they make of a mirrored column.
_QUARTERS = np.array([[[1, 0], [0, 1]], [[0, 1], [-1, 0]], [[-1, 0], [0, -1]], [[0, -1], [1, 0]]], np.float64)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """One list of changes. Geometry is the same for image, mask and field of view; colour and noise are the image's.

    Attributes:
        flips: "all" are the eight symmetries of a square, which horizontal, vertical and diagonal flips make up (the
            four without a diagonal where patches are not square).
        rotation: largest angle either way, in degrees.
        scale: range of the share of the patch's area that is enlarged to it, of an aspect from 3/4 to 4/3.
        jitter: brightness, contrast and saturation are multiplied by 1 +- this much. Saturation and hue are changed in
            images of three channels alone.
        hue: largest turn, as a share of the circle.
        noise: largest standard deviation, where white is 1.
    """

    flips: Literal["all", "horizontal", "none"] = "none"
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    jitter: float = 0.0
    hue: float = 0.0
    noise: float = 0.0

    def describe(self) -> str:
        """Return one line that says what is changed, such as "all flips, turns of 15 degrees"."""
        parts = [
            (self.flips != "none", f"{self.flips} flips"),
            (self.rotation, f"turns of {self.rotation:g} degrees"),
            (self.scale != (1.0, 1.0), f"crops of {self.scale[0]:.0%} on"),
            (self.jitter, f"colours within {self.jitter:.0%}"),
            (self.hue, f"hue within {self.hue:.0%}"),
            (self.noise, f"noise up to {self.noise:.0%}"),
        ]
        return ", ".join(text for there, text in parts if there) or "none"

    @property
    def exact(self) -> bool:
        """Say whether whole pixels are moved, and none is interpolated."""
        return self.rotation == 0 and self.scale == (1.0, 1.0)

    @property
    def recolours(self) -> bool:
        """Say whether levels are changed."""
        return bool(self.jitter or self.hue or self.noise)


_LIKE_FUNDUS = Augmentation(flips="all", rotation=ROTATION, jitter=JITTER, hue=HUE, noise=NOISE)

AUGMENTATIONS: dict[Augment, Augmentation] = {
    "xray": Augmentation(flips="horizontal", rotation=ROTATION, scale=(SMALLEST_CROP, 1.0)),
    "fundus": _LIKE_FUNDUS,
    "ct": _LIKE_FUNDUS,
    "upright": Augmentation(flips="horizontal", rotation=ROTATION),
    "flips": Augmentation(flips="all"),
    "none": Augmentation(),
}


def draw(
    augmentation: Augmentation,
    seed: int,
    epoch: int,
    indices: np.ndarray,
    extents: np.ndarray,
    patch: tuple[int, int],
    channels: int,
) -> Parameters:
    """Draw the changes of some patches, a pure function of (seed, epoch, index) for each.

    Args:
        augmentation: which changes there are.
        seed: of the trial.
        epoch: counted from 0.
        indices: int64 `[B]`, the numbers of the patches within the epoch.
        extents: int64 `[B, 2]`, (height, width) of the images they are cut from, which are no smaller than `patch`.
        patch: (height, width) in pixels.
        channels: of the images.

    Returns:
        "matrix", float32 `[B, 2, 3]`: (row, column, 1) of the patch to (row, column) of the image, pixel centres at
        half-integers. Where the list has them: "colour" and "offset", float32 `[B, C, C]` and `[B, C]`, on levels up to
        255; "noise", float32 `[B]`, standard deviations on that scale, and its "keys", int64 `[B]`.
    """
    place = uniform(seed, epoch, indices, _PLACE, 3)
    u = uniform(seed, epoch, indices, _CHANGE, _CHANGES).T
    sides = np.array(patch, np.float64)
    box, corner = _boxes(augmentation, place[:, :2], u[:2], extents, sides)
    quarters, mirrored = _symmetries(augmentation, place[:, 2], square=patch[0] == patch[1])
    step = box / sides
    step[:, 1] *= np.where(mirrored, -1, 1)
    linear = (_QUARTERS[quarters] @ _rotations(augmentation.rotation * (2 * u[2] - 1))) * step[:, None, :]
    shift = corner + box / 2 - linear @ (sides / 2)
    drawn = {"matrix": np.concatenate([linear, shift[:, :, None]], axis=2).astype(np.float32)}
    if augmentation.jitter or augmentation.hue:
        drawn["colour"], drawn["offset"] = _colours(augmentation, u[3:7], channels)
    if augmentation.noise:
        drawn["noise"] = (WHITE * augmentation.noise * u[7]).astype(np.float32)
        drawn["keys"] = keys(seed, epoch, indices, _NOISE).view(np.int64)
    return drawn


def _boxes(
    augmentation: Augmentation, place: np.ndarray, u: np.ndarray, extents: np.ndarray, patch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(extent, upper left corner) of what each patch shows, float64 `[B, 2]`, inside the image."""
    if augmentation.scale == (1.0, 1.0):
        box = np.broadcast_to(patch, extents.shape)
        return box, np.floor(place * (extents - patch + 1))
    low, high = augmentation.scale
    area, aspect = low + (high - low) * u[0], np.exp(np.log(_ASPECTS[0]) + np.log(_ASPECTS[1] / _ASPECTS[0]) * u[1])
    box = np.minimum(patch * np.sqrt(np.stack([area / aspect, area * aspect], axis=1)), extents)
    return box, place * (extents - box)


def _symmetries(augmentation: Augmentation, u: np.ndarray, *, square: bool) -> tuple[np.ndarray, np.ndarray]:
    """(quarter turns, whether mirrored after them) of each patch."""
    if augmentation.flips == "none":
        return np.zeros(len(u), np.int64), np.zeros(len(u), bool)
    if augmentation.flips == "horizontal":
        return np.zeros(len(u), np.int64), u < 0.5
    turns = 4 if square else 2
    mirrored, turn = np.divmod((u * 2 * turns).astype(np.int64), turns)
    return turn * (4 // turns), mirrored == 1


def _rotations(degrees: np.ndarray) -> np.ndarray:
    """Counter-clockwise turns of (row, column), `[B, 2, 2]`."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)


def _colours(augmentation: Augmentation, u: np.ndarray, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """(colour, offset) of each patch, from uniform numbers `[4, B]`."""
    brightness, contrast, saturation = 1 + augmentation.jitter * (2 * u[:3] - 1)
    if channels != 3:
        return intensity_map(brightness, contrast, channels)
    return rgb_map(brightness, contrast, saturation, 360 * augmentation.hue * (2 * u[3] - 1))
