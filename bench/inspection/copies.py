"""Which copies `fastssl inspect` finds: images of real sets, changed in known ways, and looked for among all others.

Covers: the share of changed images that are found, those that are found with another image, near copies in the set as
it is. Does not cover: time. `python -m bench.inspection.copies DATA ...` prints a table.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from fastssl.data import Source, Split, open_source
from fastssl.inspection.duplicates import find_duplicates
from fastssl.inspection.inspect_source import NEAR_DISTANCE
from fastssl.inspection.pixels import look_at_pixels

COUNT = 200
SEED = 0

Change = Callable[[Image.Image], Image.Image]


def jpeg(quality: int) -> Change:
    def change(image: Image.Image) -> Image.Image:
        content = io.BytesIO()
        image.save(content, "JPEG", quality=quality)
        return Image.open(content)

    return change


def half_size(image: Image.Image) -> Image.Image:
    width, height = image.size
    small = image.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def crop(share: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        edge = image.width * (1 - share) / 2
        box = (edge, edge, image.width - edge, image.height - edge)
        return image.resize(image.size, Image.Resampling.BICUBIC, box=box)

    return change


def noise(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image).astype(np.float64)
    drawn = np.random.default_rng(SEED).normal(0, 5, pixels.shape)
    return Image.fromarray(np.clip(pixels + drawn, 0, 255).astype(np.uint8))


CHANGES: dict[str, Change] = {
    "JPEG, quality 75": jpeg(75),
    "JPEG, quality 40": jpeg(40),
    "5 % brighter": lambda image: image.point(lambda level: min(255, level * 1.05)),
    "gamma 1.2": lambda image: image.point(lambda level: 255 * (level / 255) ** 1.2),
    "noise of 5 levels": noise,
    "halved and enlarged": half_size,
    "blurred by 1 px": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "moved by 1 px": lambda image: Image.fromarray(np.roll(np.asarray(image), 1, axis=1)),
    "cropped to 95 %": crop(0.95),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}


def changed(images: np.ndarray, change: Change) -> np.ndarray:
    planes = images[..., 0] if images.shape[-1] == 1 else images
    done = [np.asarray(change(Image.fromarray(np.ascontiguousarray(image)))) for image in planes]
    return np.stack(done).reshape(images.shape)


def shares(images: np.ndarray, change: Change) -> tuple[float, float]:
    """The share of changed images that are found with their original, and that are found with another image alone."""
    rows = np.random.default_rng(SEED).choice(len(images), min(COUNT, len(images)), replace=False)
    source = Source(
        name="copies", splits={"train": Split(images=images), "test": Split(images=changed(images[rows], change))}
    )
    found = find_duplicates(source, look_at_pixels(source), NEAR_DISTANCE)
    right = [copy.other_row == rows[copy.row] for copy in found.across]
    return sum(right) / len(rows), (len(right) - sum(right)) / len(rows)


def main(data: list[str]) -> None:
    for name in data:
        source = open_source(name)
        images = np.concatenate([np.asarray(split.images) for split in source.splits.values()])
        own = find_duplicates(source, look_at_pixels(source), NEAR_DISTANCE)
        print(f"{source.name}: {len(images)} images of {images.shape[1]} px; across splits {own.across_counts()}")
        for title, change in CHANGES.items():
            found, other = shares(images, change)
            print(f"  {title:22} {found:6.1%} found, {other:5.1%} with another image")


if __name__ == "__main__":
    main(sys.argv[1:] or ["demo"])
