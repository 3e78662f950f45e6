"""Thumbnails: the pixels come back, sheets have each image at its place, sizes are bounded."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastssl.reports.thumbnails import TILE, as_rgb, file_uri, thumbnail_uri, tile_sheet


def opened(uri: str) -> Image.Image:
    head, _, content = uri.partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert head == f"data:image/{image.format.lower()};base64"  # type: ignore[union-attr]
    return image


def test_a_small_image_comes_back_pixel_by_pixel() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(opened(thumbnail_uri(colour)).convert("RGB")), colour)
    grey = np.repeat(colour[..., :1], 3, axis=2)
    assert opened(thumbnail_uri(grey)).mode == "L"


def test_a_large_image_is_made_smaller_in_its_own_proportions() -> None:
    image = opened(thumbnail_uri(np.zeros((200, 400, 3), np.uint8)))
    assert (image.size, image.format) == ((64, 32), "JPEG")


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint16), (4, np.uint8)])
def test_stored_images_become_colour(channels: int, dtype: type) -> None:
    images = np.full((2, 8, 8, channels), np.iinfo(dtype).max, dtype)
    shown = as_rgb(images)
    side = 16 if channels == 4 else 8
    assert [(one.shape, one.dtype, int(one.min())) for one in shown] == [((side, side, 3), np.uint8, 255)] * 2


def test_a_sheet_holds_every_image_at_its_place() -> None:
    images = [np.full((20, 20, 3), 30 * place, np.uint8) for place in range(7)]
    uri, columns = tile_sheet(images)
    sheet = np.asarray(opened(uri).convert("RGB"), dtype=int)
    assert (columns, sheet.shape[:2]) == (3, (3 * TILE, 3 * TILE))
    for place in range(7):
        row, column = divmod(place, columns)
        tile = sheet[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        assert np.abs(tile - 30 * place).max() <= 3


def test_a_file_that_is_no_image_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG nothing")
    assert file_uri(tmp_path / "bad.png", 100) is None
    Image.new("RGB", (300, 100), "red").save(tmp_path / "good.png")
    assert opened(file_uri(tmp_path / "good.png", 150) or "").size == (150, 50)
