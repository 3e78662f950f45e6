"""What the demo set draws: four kinds of structure that medical images have.

Covers: vessel trees on a disc, ribs, organs, tissue. Each is drawn in scene coordinates, in which the image spans -1 to
1 before its pose. Does not cover: light, colour and noise (`demo.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .capsules import stamp_capsules

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Pose:
    """The position of each scene in its image.

    Args:
        angle: of rotation, in radians, float32 `[B]`.
        scale: float32 `[B]`.
        shift: (x, y) in half image widths, float32 `[B, 2]`.
    """

    angle: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    @classmethod
    def draw(cls, rng: Rng, count: int) -> Pose:
        """Draw random poses.

        Args:
            rng: what they are drawn from.
            count: how many, B.

        Returns:
            The poses.
        """
        return cls(
            angle=rng.uniform(0, 2 * np.pi, count).astype(np.float32),
            scale=rng.uniform(0.75, 1.3, count).astype(np.float32),
            shift=rng.uniform(-0.25, 0.25, (count, 2)).astype(np.float32),
        )

    def grid(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Compute the scene coordinates of every pixel's centre.

        Args:
            size: side of the images, in pixels.

        Returns:
            u and v, float32 `[B, size, size]` each.
        """
        centres = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
        x = centres[None, None, :] - self.shift[:, 0, None, None]
        y = centres[None, :, None] - self.shift[:, 1, None, None]
        cos = (np.cos(self.angle) / self.scale)[:, None, None]
        sin = (np.sin(self.angle) / self.scale)[:, None, None]
        return cos * x + sin * y, cos * y - sin * x

    def place(self, points: np.ndarray) -> np.ndarray:
        """Compute the image coordinates of points of the scenes.

        Args:
            points: `[B, ..., 2]` (u, v).

        Returns:
            `[B, ..., 2]` (x, y), from -1 to 1 inside the image.
        """
        lead = (len(points),) + (1,) * (points.ndim - 2)
        cos, sin = (f(self.angle).reshape(lead) * self.scale.reshape(lead) for f in (np.cos, np.sin))
        u, v = points[..., 0], points[..., 1]
        shift = self.shift.reshape(*lead, 2)
        return np.stack([cos * u - sin * v, sin * u + cos * v], axis=-1) + shift


def field_of_view(rng: Rng, pose: Pose, size: int, *, always: bool) -> np.ndarray:
    """Draw the round field of view that some cameras have.

    Args:
        rng: random numbers.
        pose: of B scenes.
        size: side of the images, in pixels.
        always: in every image; False: in half of them.

    Returns:
        float32 `[B, size, size]`, 1 inside and 0 outside; 1 everywhere in images without.
    """
    u, v = pose.grid(size)
    radius = rng.uniform(0.85, 1.0, (len(u), 1, 1)).astype(np.float32)
    disc = _inside(np.hypot(u, v) - radius, pose, size)
    shown = rng.random((len(u), 1, 1)) < (1.0 if always else 0.5)
    return np.where(shown, disc, np.float32(1))


def _fundus(rng: Rng, pose: Pose, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A retina: bright optic disc, dark macula, and dark vessels that branch three times from the optic disc."""
    count = len(pose.angle)
    u, v = pose.grid(size)
    disc_at = rng.uniform([-0.55, -0.15], [-0.3, 0.15], (count, 2)).astype(np.float32)
    vessels = np.zeros((count, size, size), np.float32)
    for start, end, radius in _vessel_tree(rng, disc_at):
        stamp_capsules(vessels, pose.place(start), pose.place(end), radius * pose.scale[:, None])
    optic = _blob(u - disc_at[:, 0, None, None], v - disc_at[:, 1, None, None], 0.13)
    macula = _blob(u - 0.25, v, 0.2)
    return 0.9 * optic - 0.3 * macula - 0.2 * (u * u + v * v) - 1.1 * vessels * (1 - 0.4 * optic), vessels


def _ribs(rng: Rng, pose: Pose, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A chest: pairs of arched ribs over two dark lungs, and the spine between them."""
    u, v = pose.grid(size)
    draw = _drawer(rng, len(u))
    arch = v - draw(0.2, 0.7) * u * u + draw(-0.15, 0.15) * np.abs(u)
    phase = arch * draw(2.2, 3.8) + draw(0, 1)
    stripes = np.clip(draw(1.0, 2.5) * np.cos(2 * np.pi * phase), -1, 1)
    lungs = _blob(np.abs(u) - 0.5, 0.6 * v, 0.33)
    spine = _blob(u, np.zeros_like(v), draw(0.07, 0.13))
    return 0.55 * stripes * (0.35 + lungs) * (1 - spine) - 0.5 * lungs + 0.7 * spine, np.zeros_like(u)


def _organs(rng: Rng, pose: Pose, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A slice of a body: flat elliptic organs, one over the other, inside a wall."""
    u, v = pose.grid(size)
    draw = _drawer(rng, len(u))
    squash = draw(0.65, 0.95)
    body = np.hypot(u, v / squash) - 0.92
    drawing = 0.9 * _inside(body, pose, size) - 0.5 * _inside(body + draw(0.05, 0.12), pose, size)
    for _ in range(9):
        turn, far, long = draw(0, 2 * np.pi), draw(0.1, 0.62), draw(0.1, 0.34)
        du, dv = u - far * np.cos(turn), v - far * squash * np.sin(turn)
        tilt = draw(0, np.pi)
        along, across = np.cos(tilt) * du + np.sin(tilt) * dv, np.cos(tilt) * dv - np.sin(tilt) * du
        organ = _inside(np.hypot(along, across * draw(1.0, 2.2)) - long, pose, size)
        drawing += organ * (draw(-0.6, 1.0) - drawing)
    return drawing, np.zeros_like(u)


def _tissue(rng: Rng, pose: Pose, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A stained section: small elongated nuclei scattered over faint fibres."""
    u, v = pose.grid(size)
    count = len(u)
    draw = _drawer(rng, count)
    wave = 0.25 * np.sin(draw(2, 5) * v + draw(0, 6)) + 0.2 * np.sin(draw(3, 6) * u + draw(0, 6))
    fibres = np.sin(draw(9, 16) * (u + wave) + draw(0, 6))
    side = 11
    cell = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) - (side - 1) / 2
    spacing = rng.uniform(0.19, 0.3, (count, 1, 1))
    centre = ((cell + rng.uniform(-0.45, 0.45, (count, side * side, 2))) * spacing).astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi, (count, 1)) + rng.normal(0, 0.6, (count, side * side))
    half = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * rng.uniform(0.0, 0.3, (count, side * side, 1)) * spacing
    radius = rng.uniform(0.16, 0.3, (count, side * side)) * spacing[:, :, 0] * pose.scale[:, None]
    nuclei = np.zeros_like(u)
    stamp_capsules(nuclei, pose.place(centre - half), pose.place(centre + half), radius)
    return 0.18 * fibres - nuclei, np.zeros_like(u)


SCENES: tuple[Callable[[Rng, Pose, int], tuple[np.ndarray, np.ndarray]], ...] = (_fundus, _ribs, _organs, _tissue)
"""A function for each class, from random numbers, B poses and the side of the images in pixels to drawings and vessel
masks, float32 `[B, size, size]` each: drawings of any mean and scale, masks from 0 to 1."""


def _drawer(rng: Rng, count: int) -> Callable[[float, float], np.ndarray]:
    return lambda low, high: rng.uniform(low, high, (count, 1, 1)).astype(np.float32)


def _blob(u: np.ndarray, v: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    return np.exp(-(u * u + v * v) / (2 * width * width))


def _inside(distance: np.ndarray, pose: Pose, size: int) -> np.ndarray:
    """Coverage of pixels by a shape, from the signed distance to its edge in scene units; the edge is a pixel wide."""
    return np.clip(0.5 - distance * (pose.scale[:, None, None] * size / 2), 0, 1)


def _vessel_tree(rng: Rng, root: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Grow vessels from `root` `[B, 2]`; for each step, (start, end `[B, M, 2]`, radius `[B, M]`) of its segments."""
    count = len(root)
    heading = np.array([0.9, -0.9, 2.3, -2.3]) + rng.normal(0, 0.3, (count, 4))
    tip = np.repeat(root[:, None], 4, axis=1)
    calibre = rng.uniform(0.028, 0.045, (count, 1))
    segments = []
    for level, steps in enumerate((4, 4, 3)):
        if level:
            heading = np.concatenate([heading - 0.45, heading + 0.45], axis=1) + rng.normal(
                0, 0.2, (count, heading.shape[1] * 2)
            )
            tip = np.concatenate([tip, tip], axis=1)
        bend = rng.normal(0, 0.15, heading.shape) - (0.28 * np.sin(heading) if level == 0 else 0)
        for _ in range(steps):
            heading = heading + bend + rng.normal(0, 0.12, heading.shape)
            step = 0.13 * rng.uniform(0.7, 1.3, heading.shape)
            end = tip + np.stack([np.cos(heading), np.sin(heading)], axis=-1) * step[..., None]
            segments.append(
                (tip.astype(np.float32), end.astype(np.float32), np.broadcast_to(calibre, heading.shape) * 0.72**level)
            )
            tip = end
    return segments
