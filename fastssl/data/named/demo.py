"""The built-in demo set: synthetic images in four classes, made in seconds, the same on every call.

Covers: how many images of each class, how they are lit, coloured and degraded, and their vessel masks. Does not cover:
what is drawn in each class (`scenes.py`). No image is a patient's, and none says anything about a real disease.

Position, scale, rotation, polarity, illumination, contrast, colour and noise have the same distributions in every
class, and half of the other images have a round field of view as the fundus-like ones do, so that neither the mean
image nor the histogram tells the class: only the structure does.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fastssl.data.facts import report_of
from fastssl.data.fingerprint import fingerprints
from fastssl.data.resize import workers
from fastssl.data.source import Source, Split
from fastssl.errors import DataError

from .scenes import SCENES, Pose, field_of_view

NAMES = ("demo", "demo-colour")
CLASS_NAMES = ("fundus-like", "rib-like", "organ-like", "tissue-like")
COUNTS = {"train": 2000, "val": 400, "test": 800}
DEFAULT_SIZE = 28
SIZES = range(28, 225)
SEED = 20_240_607
# Images drawn together: 8 take 0.7 s of CPU for the whole set at 28 px and 13 s at 224 px; 32 take 0.4 s and 20 s.
CHUNK = 8
"""Images of one class that are drawn together, from one generator."""


def open_demo(
    name: str = "demo",
    size: int | None = None,
    *,
    counts: Mapping[str, int] = COUNTS,
    threads: int | None = None,
) -> Source:
    """Generate the demo set.

    Args:
        name: "demo" (1 channel) or "demo-colour" (3 channels).
        size: side of the images, 28 to 224 pixels; None: 28.
        counts: split -> number of images.
        threads: that draw; None: `workers()`. The images do not depend on it.

    Returns:
        uint8 images `[N, size, size, C]` of four classes in equal numbers, shuffled, with vessel masks that are zero
        outside the fundus-like class.

    Raises:
        DataError: it is not drawn at this size.
    """
    size = DEFAULT_SIZE if size is None else size
    if size not in SIZES:
        raise DataError(f"the demo set is drawn at {SIZES[0]} to {SIZES[-1]} px, not size={size}")
    channels = 3 if name == "demo-colour" else 1
    with ThreadPoolExecutor(threads or workers()) as pool:  # NumPy's loops release the GIL
        splits = {
            split: _draw_split(pool, index, count, size, channels)
            for index, (split, count) in enumerate(counts.items())
        }
    name, digests = f"{name} (synthetic)", fingerprints(splits)
    return Source(
        name=name,
        splits=splits,
        task="multi-class",
        class_names=CLASS_NAMES,
        modality="synthetic",
        fingerprint=digests.whole,
        image_fingerprint=digests.images,
        report=report_of(splits, name=name, task="multi-class", class_names=CLASS_NAMES),
    )


def _draw_split(pool: ThreadPoolExecutor, index: int, count: int, size: int, channels: int) -> Split:
    labels = np.arange(count, dtype=np.int64) % len(SCENES)
    np.random.default_rng([SEED, index]).shuffle(labels)
    images = np.empty((count, size, size, channels), np.uint8)
    masks = np.zeros((count, size, size), np.uint8)

    def draw_chunk(label: int, start: int) -> None:
        rows = np.flatnonzero(labels == label)[start : start + CHUNK]
        rng = np.random.default_rng([SEED, index, label, start])
        pose = Pose.draw(rng, len(rows))
        drawing, vessels = SCENES[label](rng, pose, size)
        view = field_of_view(rng, pose, size, always=label == 0)
        images[rows] = _photograph(rng, drawing, view, channels)
        masks[rows] = vessels * view > 0.5

    chunks = [
        (label, start) for label in range(len(SCENES)) for start in range(0, np.count_nonzero(labels == label), CHUNK)
    ]
    list(pool.map(draw_chunk, *zip(*chunks, strict=True)))
    return Split(images=images, labels=labels, masks=masks)


def _photograph(rng: np.random.Generator, drawing: np.ndarray, view: np.ndarray, channels: int) -> np.ndarray:
    """Turn drawings `[B, H, W]` of about zero mean into uint8 images `[B, H, W, C]`, each with its own light."""
    count, size, _ = drawing.shape

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    drawing = drawing - drawing.mean(axis=(1, 2), keepdims=True)
    drawing /= drawing.std(axis=(1, 2), keepdims=True) + 1e-6
    polarity = rng.choice(np.array([-1, 1], np.float32), (count, 1, 1))
    x = np.linspace(-1, 1, size, dtype=np.float32)
    angle = draw(0, 2 * np.pi)
    gradient = draw(0.0, 0.15) * (np.cos(angle) * x[None, None, :] + np.sin(angle) * x[None, :, None])
    level = draw(0.38, 0.62) + polarity * draw(0.1, 0.18) * drawing + gradient
    level = level * view + draw(0.0, 1.0) * (1 - view)
    level += draw(0.01, 0.06) * rng.standard_normal(level.shape, np.float32)
    level = np.clip(level, 0, 1)[..., None]
    if channels == 3:
        level = _tint(rng, level)
    return np.round(level * 255).astype(np.uint8)


def _tint(rng: np.random.Generator, level: np.ndarray) -> np.ndarray:
    """Colour grey levels `[B, H, W, 1]` by a ramp between a dark and a light colour, drawn for each image.

    The reds, oranges and purples of fundus photographs, dermoscopy and stained sections.
    """
    shape = (len(level), 1, 1, 3)
    dark = rng.uniform([0.1, 0.0, 0.0], [0.4, 0.2, 0.4], shape).astype(np.float32)
    light = rng.uniform([0.8, 0.45, 0.3], [1.0, 0.95, 1.0], shape).astype(np.float32)
    return dark + (light - dark) * level
