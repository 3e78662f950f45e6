"""The pixels of all training images as one table, from which any patches are read at once.

Covers: images of different sizes, with their masks and fields of view; on the GPU where they fit.
Does not cover: which pixels (`augmentation.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines.store import RESIDENT_SHARE

from .data import Sample


@dataclass(frozen=True, kw_only=True)
class CutPatches:
    """Patches as they are read from the images, all on one device.

    Attributes:
        levels: float32 `[B, P, Q, C]`, on the scale of the stored pixels.
        mask: bool `[B, P, Q]`, the foreground.
        inside: bool `[B, P, Q]`, inside the field of view and the image.
    """

    levels: Tensor
    mask: Tensor
    inside: Tensor


class PixelTable:
    """Samples side by side: a row for each pixel, which holds its channels, its mask, and whether it is inside.

    Args:
        samples: smaller ones than `patch` are padded by repeating their border; pixels added are not inside. Their
            images have one type.
        patch: (height, width) of the patches that will be read, in pixels.
        device: where batches go. `self.device` is where the table lies: the CPU if the table would take more than half
            of the GPU's free memory.
    """

    def __init__(self, samples: Sequence[Sample], patch: tuple[int, int], device: torch.device) -> None:
        if len({sample.image.dtype for sample in samples}) > 1:
            raise ValueError("all images of a table have one type: uint8 or uint16")
        padded = [_padded(sample, patch) for sample in samples]
        self.extents = np.array([pixels.shape[:2] for pixels in padded])
        self.channels = padded[0].shape[2] - 2
        areas = self.extents.prod(axis=1)
        wide = padded[0].dtype == np.uint16
        rows = np.empty((areas.sum(), self.channels + 2), np.uint16 if wide else np.uint8)
        starts = areas.cumsum() - areas
        for start, area, pixels in zip(starts, areas, padded, strict=True):
            rows[start : start + area] = pixels.reshape(area, -1)
        table = torch.from_numpy(rows.view(np.int16) if wide else rows)  # torch gathers int16, but not uint16
        resident = device.type == "cuda" and rows.nbytes <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]
        self.device = device if resident else torch.device("cpu")
        self._rows = table.to(self.device)
        self._places = torch.from_numpy(np.column_stack([starts, self.extents])).to(self.device)

    def cut(self, owners: Tensor, matrix: Tensor, patch: tuple[int, int], *, exact: bool) -> CutPatches:
        """Read patches, on the table's device.

        The image is read by linear interpolation, its border repeated, mask and inside at the nearest pixel, and
        nothing beyond the image is inside.

        Args:
            owners: int64 `[B]`, the sample that each patch is of, on the table's device.
            matrix: float32 `[B, 2, 3]`, as `augmentation.draw` returns it, on the table's device.
            patch: (height, width) in pixels.
            exact: `matrix` moves whole pixels (see `Augmentation`), so that nothing is interpolated.
        """
        y, x = _positions(matrix, patch)
        start, height, width = (column[:, None, None] for column in self._places[owners].T)
        near_y, near_x = y.floor().long(), x.floor().long()
        within = (near_y >= 0) & (near_y < height) & (near_x >= 0) & (near_x < width)

        def read(row: Tensor, column: Tensor) -> Tensor:
            place = start + row.clamp(min=0).minimum(height - 1) * width + column.clamp(min=0).minimum(width - 1)
            return self._rows.index_select(0, place.flatten()).unflatten(0, place.shape)

        nearest = read(near_y, near_x)
        if exact:
            levels = self._levels(nearest)
        else:
            top, left = (y - 0.5).floor(), (x - 0.5).floor()
            down, along = (y - 0.5 - top).unsqueeze(-1), (x - 0.5 - left).unsqueeze(-1)
            top, left = top.long(), left.long()
            upper, lower = (
                torch.lerp(self._levels(read(row, left)), self._levels(read(row, left + 1)), along)
                for row in (top, top + 1)
            )
            levels = torch.lerp(upper, lower, down)
        return CutPatches(
            levels=levels,
            mask=nearest[..., -2] != 0,
            inside=(nearest[..., -1] != 0) & within,
        )

    def _levels(self, pixels: Tensor) -> Tensor:
        """The channels of rows of the table, float32."""
        channels = pixels[..., : self.channels]
        return (channels.int() & 0xFFFF if channels.dtype == torch.int16 else channels).float()


def _positions(matrix: Tensor, patch: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(row, column) in the image of every pixel's centre, float32 `[B, P, Q]` each."""
    rows, columns = (torch.arange(side, device=matrix.device) + 0.5 for side in patch)
    along = matrix[:, :, :, None, None]
    y, x = (along[:, axis, 0] * rows[:, None] + along[:, axis, 1] * columns + along[:, axis, 2] for axis in (0, 1))
    return y, x


def _padded(sample: Sample, patch: tuple[int, int]) -> np.ndarray:
    """Image, mask and what is inside, `[H, W, C + 2]` of the image's dtype, at least as large as a patch."""
    inside = np.ones_like(sample.mask) if sample.inside is None else sample.inside
    missing = [(0, max(0, side - own)) for side, own in zip(patch, sample.mask.shape, strict=True)]
    image = np.pad(sample.image, [*missing, (0, 0)], mode="edge")
    flags = np.pad(np.stack([sample.mask, inside], axis=-1), [*missing, (0, 0)])
    return np.concatenate([image, flags.astype(image.dtype)], axis=-1)
