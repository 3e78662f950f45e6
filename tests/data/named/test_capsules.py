"""Thick line segments: the area that they cover, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data.named.capsules import stamp_capsules


def test_a_stamped_capsule_covers_the_area_of_a_capsule():
    canvas = np.zeros((1, 200, 200), np.float32)
    start, end = np.array([[[-0.4, -0.2]]]), np.array([[[0.5, 0.3]]])
    stamp_capsules(canvas, start, end, np.array([[0.1]]))
    length = np.hypot(0.9, 0.5)
    expected = (2 * 0.1 * length + np.pi * 0.1**2) * 100**2
    assert canvas.sum() == pytest.approx(expected, rel=0.01)


def test_capsules_outside_the_canvas_leave_it_untouched():
    canvas = np.zeros((2, 32, 32), np.float32)
    far = np.full((2, 3, 2), 5.0)
    stamp_capsules(canvas, far, far + 0.1, np.full((2, 3), 0.05))
    assert not canvas.any()
