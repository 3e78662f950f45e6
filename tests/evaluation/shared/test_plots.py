"""The plots' one style: colours that can be told apart, bands where they belong, legible axes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fastssl.evaluation.shared.plots import (
    PALETTE,
    colours_of,
    draw_curve,
    finish_axes,
    new_figure,
    png_of,
    use_log_axis,
)

# Linear RGB to that of people without green receptors (Vienot, Brettel and Mollon 1999, deuteranopia).
_DEUTERANOPIA = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])


def test_labels_get_colours_in_order_and_again_after_the_last() -> None:
    labels = [f"encoder {index}" for index in range(9)]
    colours = colours_of([*labels, labels[0]])
    assert list(colours) == labels
    assert list(colours.values()) == [*PALETTE, *PALETTE[:2]]


def test_the_first_four_colours_differ_without_green_receptors() -> None:
    levels = np.array([[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in PALETTE[:4]]) / 255
    seen = (levels**2.2 @ _DEUTERANOPIA.T).clip(0) ** (1 / 2.2)
    apart = np.abs(seen[:, None] - seen).max(axis=2)[~np.eye(4, dtype=bool)]
    assert apart.min() > 0.15


def test_a_curve_has_its_values_its_band_and_its_name() -> None:
    axes = new_figure(4, 3).subplots()
    x, mean = [1, 10, 100], np.array([0.5, 0.6, 0.7])
    draw_curve(axes, x, mean, mean - 0.1, mean + 0.2, label="moco", colour=PALETTE[0])
    use_log_axis(axes, x, ["one", "ten", "hundred"])
    finish_axes(axes)
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), np.column_stack([x, mean]))
    edges = axes.collections[0].get_paths()[0].vertices
    assert {(round(a), round(b, 6)) for a, b in edges} >= {(1, 0.4), (1, 0.7), (100, 0.6), (100, 0.9)}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["moco"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["one", "ten", "hundred"]


def test_a_figure_becomes_a_png_file() -> None:
    figure = new_figure(4, 3)
    finish_axes(figure.subplots(), legend=False)
    image = Image.open(io.BytesIO(png_of(figure)))
    assert image.format == "PNG"
    assert min(image.size) > 300
