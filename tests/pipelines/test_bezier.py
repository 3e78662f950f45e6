"""Intensity curves against the parametric curve evaluated densely, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fastssl.pipelines import Bezier
from fastssl.pipelines.executors.executor import create, dali_installed
from fastssl.pipelines.ops.curves import DEEP_ENTRIES, bezier_tables

EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]
CORNERS = [[x1, y1, x2, y2] for x1 in (0, 1) for y1 in (0, 1) for x2 in (0, 1) for y2 in (0, 1)]


def _dense_curve(control: np.ndarray, falling: bool) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of Models Genesis' procedure: sample the curve, then sort x, and y too unless it is to fall."""
    (x1, y1), (x2, y2) = control.astype(np.float64)
    t = np.linspace(1, 0, 50_001)
    x = 3 * x1 * t * (1 - t) ** 2 + 3 * x2 * t**2 * (1 - t) + t**3
    y = 3 * y1 * t * (1 - t) ** 2 + 3 * y2 * t**2 * (1 - t) + t**3
    return np.sort(x), (y if falling else np.sort(y))


def _controls(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([np.array(CORNERS, float), rng.uniform(0, 1, (count, 4))]).reshape(-1, 2, 2)


def _tables(controls: np.ndarray, falling: bool, entries: int) -> np.ndarray:
    control = torch.from_numpy(controls.astype(np.float32))
    falls = torch.full((len(control),), falling)
    return bezier_tables(control[..., 0], control[..., 1], falls, entries).numpy()


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("entries", [256, DEEP_ENTRIES])
def test_tables_lie_on_the_curve_within_half_a_grey_level(falling: bool, entries: int) -> None:
    """A level may fall between two samples where the curve is steep, so both neighbours bound it there."""
    controls = _controls(50).astype(np.float32)
    tables = _tables(controls, falling, entries)
    levels = np.linspace(0, 1, entries)
    for control, table in zip(controls, tables, strict=True):
        x, y = _dense_curve(control, falling)
        above = np.clip(np.searchsorted(x, levels - 1e-6), 1, len(x) - 1)
        beyond = np.clip(np.searchsorted(x, levels + 1e-6), 1, len(x) - 1)
        bounds = np.sort(np.stack([y[above - 1], y[beyond]]) * 255, axis=0)
        assert (table >= bounds[0] - 0.5).all()
        assert (table <= bounds[1] + 0.5).all()


@pytest.mark.parametrize("falling", [False, True])
def test_tables_are_monotone_and_span_all_levels(falling: bool) -> None:
    tables = _tables(_controls(300), falling, 256)
    steps = np.diff(tables, axis=1) * (-1 if falling else 1)
    assert steps.min() >= -1e-3
    ends = tables[:, [0, -1]] if not falling else tables[:, [-1, 0]]
    assert np.abs(ends - [0, 255]).max() < 0.05


def test_curves_can_be_undone() -> None:
    """Exchanging x and y inverts a rising curve; two tables in a row give the levels back."""
    controls = np.random.default_rng(1).uniform(0.1, 0.9, (100, 2, 2))
    there, back = _tables(controls, False, 256), _tables(controls[..., ::-1], False, DEEP_ENTRIES)
    positions = np.linspace(0, 255, DEEP_ENTRIES)
    returned = np.stack([np.interp(y, positions, inverse) for y, inverse in zip(there, back, strict=True)])
    assert np.abs(returned - np.arange(256)).max() < 0.5


def test_towers_curves_are_six_and_the_first_is_the_identity_line() -> None:
    drawn = Bezier(28, 1, curves="tower", probability=1.0).draw(0, 0, np.arange(600), (28, 28))
    kinds = {(control.tobytes(), bool(falls)) for control, falls in zip(drawn["control"], drawn["falls"], strict=True)}
    assert len(kinds) == 6
    line = np.array([[[0, 0], [1, 1]]])
    assert np.abs(_tables(line, False, 256) - np.arange(256)).max() < 1e-2
    assert np.abs(_tables(line, True, 256) - np.arange(255, -1, -1)).max() < 1e-2
    for control, expected in (([[0, 1], [1, 0]], 0.479), ([[0.25, 0.75], [0.75, 0.25]], 0.385)):
        assert _tables(np.array([control]), False, 1021)[0, 255] / 255 == pytest.approx(expected, abs=1e-3)


def test_curves_are_drawn_as_often_as_asked() -> None:
    drawn = Bezier(28, 1).draw(0, 0, np.arange(20_000), (28, 28))
    identity = (drawn["control"] == [[0, 0], [1, 1]]).all(axis=(1, 2))
    assert identity.mean() == pytest.approx(0.1, abs=0.01)
    assert drawn["falls"].mean() == pytest.approx(0.9 * 0.5, abs=0.015)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [28, 64, 224])
def test_pictures_take_the_curves_values(
    executor: str, channels: int, dtype: type, size: int, make_images: Callable
) -> None:
    images = make_images(4, size, size, channels, dtype)
    view = Bezier(size, channels, (0.0,) * channels, (1.0,) * channels)
    drawn = view.draw(0, 0, np.arange(4), (size, size))
    renderer = create(executor, view, torch.device("cpu"), torch.float32, 4)
    batch = renderer.render(torch.from_numpy(images), drawn)
    for sample in range(4):
        x, y = _dense_curve(drawn["control"][sample], drawn["falls"][sample])
        clean = batch["target"][sample].numpy()
        whole = np.rint(clean * np.iinfo(dtype).max)
        assert np.abs(clean * np.iinfo(dtype).max - whole).max() < 0.02  # whole levels of the stored depth
        assert {*np.unique(whole)} == {*np.unique(images[sample]).astype(float)}
        error = np.abs(batch["image"][sample].numpy() - np.interp(clean, x, y)).max()
        assert error * 255 < 0.5


def test_unknown_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="curves must be"):
        Bezier(28, 1, curves="spline")
    with pytest.raises(ValueError, match="falling is a probability"):
        Bezier(28, 1, falling=2)
