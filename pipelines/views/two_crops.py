"""Two independently augmented crops of each image: the view of MoCo and SimCLR.

Covers: resized crop, flip, rotation, colour jitter, greyscale, blur, with MoCo v2's numbers as defaults (Chen et al.,
"Improved Baselines with Momentum Contrastive Learning", arXiv 2003.04297).
Does not cover: which of the two is the query, beyond their names; the stage decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from torch import Tensor

from fastssl.pipelines.ops import colour, geometry, torch_ops
from fastssl.pipelines.random import uniform
from fastssl.pipelines.views.view import Parameters, View

if TYPE_CHECKING:
    from nvidia.dali.data_node import DataNode

    from fastssl.pipelines.ops.dali_ops import DaliOps

ValueT = TypeVar("ValueT")

CROPS = ("query", "key")
# At the published strengths chest X-rays of 28 pixels could hardly be told apart: embeddings of different images kept a
# mean cosine of 0.70 after 12 epochs, and 0.41 at these; validation AUC of a linear probe was 0.964 and 0.976.
INTENSITY_SCALE, INTENSITY_JITTER = (0.4, 1.0), 0.2
PUBLISHED_SIZE, PUBLISHED_BLUR = 224, (0.1, 2.0)
SMALLEST_BLUR = 0.5
NO_BLUR = 1e-3  # a sigma whose kernel is exactly [0, 1, 0] in float32; DALI reads 0 as "not given"
_OTHER_SLOTS = 11  # two flips, rotation, four of jitter and its coin, greyscale, blur and its coin


class _ResolvedTwoCrops(NamedTuple):
    """Those settings of `TwoCrops` that may be left to it, none of them None."""

    scale: tuple[float, float]
    brightness: float
    contrast: float
    saturation: float
    hue: float
    greyscale: float
    blur_sigma: tuple[float, float]
    blur: float


@dataclass(frozen=True)
class TwoCrops(View):
    """Augment each image twice, independently, with MoCo v2's settings as defaults.

    A batch holds "query" and "key", `[B, C, S, S]` each. Chen et al., "Improved Baselines with Momentum Contrastive
    Learning", arXiv 2003.04297.

    None stands for the published value where there is colour. On 1- or 4-channel images, whose channels are intensities
    and mean something, it stands for weaker changes, alike in every channel.

    Args:
        size: side of the square output, in pixels.
        channels: of the images: 1 (grey), 3 (RGB) or 4 (independent intensity channels).
        mean: per channel, where the darkest pixel is 0 and the brightest 1; empty: 0.5 for every channel.
        std: per channel, above 0, in the unit of `mean`; empty: 0.5. Outputs are (x - mean) / std.
        scale: range of the crop's share of the image area. None: (0.2, 1) for RGB, else (0.4, 1).
        ratio: range of the crop's width / height.
        horizontal_flip: probability of mirroring left to right.
        vertical_flip: probability of mirroring top to bottom.
        rotation: largest angle either way, in degrees, 0 to 180. Turned crops are read without antialiasing, so give
            images that are not much larger than `size`.
        jitter: probability of colour jitter, by the next four settings.
        brightness: factors are drawn from 1 +- this much. None: 0.4 for RGB, else 0.2.
        contrast: as `brightness`, about mid-grey.
        saturation: as `brightness`. None: 0.4 for RGB; other images have to leave it at 0.
        hue: largest turn either way, as a share of the full circle. None: 0.1 for RGB; other images have to leave it at
            0.
        greyscale: probability. None: 0.2 for RGB; other images have to leave it at 0.
        blur: probability. None: the published 0.5 where `blur_sigma` reaches half a pixel (by default from 56 pixels
            on), else 0.
        blur_sigma: range of the Gaussian's standard deviation, in output pixels. None: the published 0.1 to 2.0, which
            is meant for 224 pixels, in proportion to `size`.
        rgb: three channels are red, green and blue; False: they are intensities, such as three windows of one scan, and
            are treated like one or four channels.

    Raises:
        ValueError: a setting lies outside what is stated above.
    """

    scale: tuple[float, float] | None = None
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    horizontal_flip: float = 0.5
    vertical_flip: float = 0.0
    rotation: float = 0.0
    jitter: float = 0.8
    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    hue: float | None = None
    greyscale: float | None = None
    blur: float | None = None
    blur_sigma: tuple[float, float] | None = None
    rgb: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        resolved = self._resolved
        for name, value in resolved._asdict().items():
            object.__setattr__(self, name, value)
        self._check(resolved)

    @property
    def _coloured(self) -> bool:
        return self.rgb and self.channels == 3

    @property
    def _resolved(self) -> _ResolvedTwoCrops:
        coloured = self._coloured
        low, high = (max(sigma * self.size / PUBLISHED_SIZE, 2 * NO_BLUR) for sigma in PUBLISHED_BLUR)
        blur_sigma = _given(self.blur_sigma, (low, high))
        return _ResolvedTwoCrops(
            scale=_given(self.scale, (0.2, 1.0) if coloured else INTENSITY_SCALE),
            brightness=_given(self.brightness, 0.4 if coloured else INTENSITY_JITTER),
            contrast=_given(self.contrast, 0.4 if coloured else INTENSITY_JITTER),
            saturation=_given(self.saturation, 0.4 if coloured else 0.0),
            hue=_given(self.hue, 0.1 if coloured else 0.0),
            greyscale=_given(self.greyscale, 0.2 if coloured else 0.0),
            blur_sigma=blur_sigma,
            blur=_given(self.blur, 0.5 if blur_sigma[1] >= SMALLEST_BLUR else 0.0),
        )

    def _check(self, resolved: _ResolvedTwoCrops) -> None:
        for name in ("saturation", "hue", "greyscale"):
            if getattr(self, name) != 0 and not self._coloured:
                given = f"{name}={getattr(self, name)} with channels={self.channels}" + ", rgb=False" * (not self.rgb)
                raise ValueError(f"{name} needs RGB images (channels=3), got {given}")
        for name in ("horizontal_flip", "vertical_flip", "jitter", "greyscale", "blur"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, got {getattr(self, name)}")
        geometry.check_crop(resolved.scale, self.ratio)
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation is in degrees, 0 to 180, got {self.rotation}")
        if not NO_BLUR < resolved.blur_sigma[0] <= resolved.blur_sigma[1]:
            raise ValueError(f"blur_sigma must satisfy {NO_BLUR} < low <= high, got {resolved.blur_sigma}")

    def draw(self, seed: int, epoch: int, indices: np.ndarray, shape: tuple[int, int]) -> Parameters:
        """Draw, per crop, where it comes from, its colour map and its blur; see `View.draw`.

        Returns:
            Names begin with `query_` or `key_`: `start` and `stop`, or `matrix` if there is rotation, `colour` and
            `offset`, and `sigma` if there is blur.
        """
        drawn: Parameters = {}
        resolved = self._resolved
        for stream, crop in enumerate(CROPS):
            u = uniform(seed, epoch, indices, stream, geometry.CROP_SLOTS + _OTHER_SLOTS)
            box, rest = u[:, : geometry.CROP_SLOTS], u[:, geometry.CROP_SLOTS :].T
            one = self._draw_geometry(box, rest[:3], shape, resolved) | self._draw_colour(rest[3:9], resolved)
            if resolved.blur > 0:
                one["sigma"] = _draw_sigma(rest[9:], resolved)
            drawn |= {f"{crop}_{name}": values for name, values in one.items()}
        return drawn

    def render_torch(self, images: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Render both crops; see `View.render_torch`."""
        pixels = torch_ops.levels(images)
        return {crop: self._render_crop_torch(pixels, _of_crop(parameters, crop)) for crop in CROPS}

    def render_dali(self, ops: DaliOps, images: DataNode, parameters: Mapping[str, DataNode]) -> dict[str, DataNode]:
        """Describe both crops; see `View.render_dali`."""
        return {crop: self._render_crop_dali(ops, images, _of_crop(parameters, crop)) for crop in CROPS}

    def _draw_geometry(
        self, box: np.ndarray, u: np.ndarray, shape: tuple[int, int], resolved: _ResolvedTwoCrops
    ) -> Parameters:
        start, stop = geometry.draw_boxes(box, shape, resolved.scale, self.ratio)
        flips = np.stack([u[0] < self.vertical_flip, u[1] < self.horizontal_flip], axis=1)
        start, stop = geometry.flip_boxes(start, stop, flips)
        if self.rotation == 0:
            return {"start": start, "stop": stop}
        degrees = self.rotation * (2 * u[2] - 1)
        return {"matrix": geometry.rotated_boxes(start, stop, degrees, self.size)}

    def _draw_colour(self, u: np.ndarray, resolved: _ResolvedTwoCrops) -> Parameters:
        jittered = u[0] < self.jitter
        strengths = (resolved.brightness, resolved.contrast, resolved.saturation)
        brightness, contrast, saturation = (
            np.where(jittered, np.maximum(0, 1 + strength * (2 * x - 1)), 1.0)
            for strength, x in zip(strengths, u[1:4], strict=True)
        )
        if self._coloured:
            hue = np.where(jittered, 360 * resolved.hue * (2 * u[4] - 1), 0.0)
            saturation = np.where(u[5] < resolved.greyscale, 0.0, saturation)
            matrix, offset = colour.rgb_map(brightness, contrast, saturation, hue)
        else:
            matrix, offset = colour.intensity_map(brightness, contrast, self.channels)
        return {"colour": matrix, "offset": offset}

    def _render_crop_torch(self, pixels: Tensor, p: Mapping[str, Tensor]) -> Tensor:
        if "matrix" in p:
            crop = torch_ops.warp(pixels, p["matrix"], self.size)
        else:
            crop = torch_ops.resize(pixels, p["start"], p["stop"], self.size)
        crop = torch_ops.recolour(crop, p["colour"], p["offset"])
        if "sigma" in p:
            crop = torch_ops.blur(crop, p["sigma"], self._resolved.blur_sigma[1], NO_BLUR)
        return torch_ops.normalise(crop, self.mean, self.std).transpose(2, 3)

    def _render_crop_dali(self, ops: DaliOps, images: DataNode, p: Mapping[str, DataNode]) -> DataNode:
        if "matrix" in p:
            crop = ops.warp(images, p["matrix"], self.size)
        else:
            crop = ops.resize(images, p["start"], p["stop"], self.size)
        crop = ops.recolour(crop, p["colour"], p["offset"])
        if "sigma" in p:
            crop = ops.blur(crop, p["sigma"])
        return ops.normalise(crop, self.mean, self.std)


def _given(value: ValueT | None, default: ValueT) -> ValueT:
    return default if value is None else value


def _draw_sigma(u: np.ndarray, resolved: _ResolvedTwoCrops) -> np.ndarray:
    low, high = resolved.blur_sigma
    return np.where(u[0] < resolved.blur, low + (high - low) * u[1], NO_BLUR).astype(np.float32)


def _of_crop(parameters: Mapping[str, ValueT], crop: str) -> dict[str, ValueT]:
    """The parameters of one crop, by their own names."""
    return {name.removeprefix(f"{crop}_"): values for name, values in parameters.items() if name.startswith(f"{crop}_")}
