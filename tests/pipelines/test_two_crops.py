"""What TwoCrops draws: the published distributions, and nothing that would need colour on grey images."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.pipelines import TwoCrops
from fastssl.pipelines.ops.colour import rgb_map
from fastssl.pipelines.ops.geometry import flip_boxes, rotated_boxes

MANY = np.arange(20_000)


def _boxes(view: TwoCrops, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    drawn = view.draw(0, 0, MANY, shape)
    corners = np.stack([drawn["query_start"], drawn["query_stop"]])
    return corners.min(axis=0), corners.max(axis=0)


@pytest.mark.parametrize("shape", [(224, 224), (120, 200), (28, 28), (3, 50)])
def test_crops_lie_inside_the_image_and_are_never_empty(shape: tuple[int, int]) -> None:
    start, stop = _boxes(TwoCrops(28, 3), shape)
    assert (start >= 0).all()
    assert (stop <= shape).all()
    assert (stop - start >= 1).all()


def test_crop_areas_and_aspects_follow_the_published_ranges() -> None:
    start, stop = _boxes(TwoCrops(224, 3), (1000, 1000))
    height, width = (stop - start).T
    area, aspect = height * width / 1e6, width / height
    assert 0.199 < area.min() < 0.21
    assert area.max() > 0.97
    assert aspect.min() == pytest.approx(3 / 4, abs=0.01)
    assert aspect.max() == pytest.approx(4 / 3, abs=0.01)
    assert np.log(aspect).mean() == pytest.approx(0, abs=0.01)


def test_impossible_crops_fall_back_to_the_largest_centred_box() -> None:
    start, stop = _boxes(TwoCrops(28, 3, scale=(1.0, 1.0), ratio=(1.0, 1.0)), (40, 100))
    assert (start == (0, 30)).all()
    assert (stop == (40, 70)).all()


def test_flips_happen_as_often_as_asked_and_independently_per_crop() -> None:
    drawn = TwoCrops(28, 3, vertical_flip=0.25).draw(0, 0, MANY, (28, 28))
    flipped = {crop: drawn[f"{crop}_start"] > drawn[f"{crop}_stop"] for crop in ("query", "key")}
    assert flipped["query"].mean(axis=0) == pytest.approx([0.25, 0.5], abs=0.015)
    assert (flipped["query"][:, 1] & flipped["key"][:, 1]).mean() == pytest.approx(0.25, abs=0.015)


def test_colour_blur_and_greyscale_frequencies_are_the_published_ones() -> None:
    drawn = TwoCrops(224, 3).draw(0, 0, MANY, (224, 224))
    matrix, sigma = drawn["query_colour"].astype(np.float64), drawn["query_sigma"]
    untouched = np.abs(matrix - np.eye(3)).max(axis=(1, 2)) < 1e-4
    grey = np.abs(matrix[:, 0] - matrix[:, 1]).max(axis=1) < 1e-4
    assert untouched.mean() == pytest.approx(0.2 * 0.8, abs=0.01)
    assert grey.mean() == pytest.approx(0.2, abs=0.01)
    blurred = sigma[sigma > 1e-3]
    assert len(blurred) / len(sigma) == pytest.approx(0.5, abs=0.015)
    assert 0.1 <= blurred.min() < 0.11
    assert 1.99 < blurred.max() <= 2.0


@pytest.mark.parametrize(
    ("size", "probability", "largest"), [(28, 0.0, 0.25), (55, 0.0, 0.49), (56, 0.5, 0.5), (448, 0.5, 4)]
)
def test_blur_shrinks_with_the_image_and_is_left_out_below_half_a_pixel(
    size: int, probability: float, largest: float
) -> None:
    view = TwoCrops(size, 3)
    assert view.blur == probability
    assert view.blur_sigma[1] == pytest.approx(largest, abs=0.01)
    assert TwoCrops(28, 3, blur=0.5).blur == 0.5
    assert TwoCrops(28, 3, blur_sigma=(0.1, 2.0)).blur == 0.5


@pytest.mark.parametrize("channels", [1, 4])
def test_channels_that_are_not_colours_get_brightness_and_contrast_alone(channels: int) -> None:
    view = TwoCrops(28, channels)
    assert (view.saturation, view.hue, view.greyscale) == (0, 0, 0)
    matrix = view.draw(0, 0, MANY[:500], (28, 28))["key_colour"]
    assert np.array_equal(matrix, matrix[:, :1, :1] * np.eye(channels, dtype=np.float32))
    for name in ("saturation", "hue", "greyscale"):
        with pytest.raises(ValueError, match=f"{name} needs RGB images"):
            TwoCrops(28, channels, **{name: 0.1})


def test_the_colour_map_equals_its_four_steps_taken_one_by_one() -> None:
    """Hue by turning chrominance as a complex number, then saturation, contrast and brightness, in float64."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 255, (50, 3))
    brightness, contrast, saturation, hue = 1.2, 0.7, 1.3, 25.0
    luma = pixels @ [0.299, 0.587, 0.114]
    chroma = pixels @ np.array([0.595716, -0.274453, -0.321263]) + 1j * (
        pixels @ np.array([0.211456, -0.522591, 0.311135])
    )
    chroma *= saturation * np.exp(1j * np.radians(hue))
    yiq_to_rgb = np.array([[1, 0.9563, 0.6210], [1, -0.2721, -0.6474], [1, -1.1070, 1.7046]])
    rgb = np.stack([luma, chroma.real, chroma.imag], axis=1) @ yiq_to_rgb.T
    expected = brightness * (contrast * (rgb - 128) + 128)
    matrix, offset = rgb_map(*(np.array([x]) for x in (brightness, contrast, saturation, hue)))
    assert np.abs(pixels @ matrix[0].T + offset[0] - expected).max() < 0.1  # that inverse is rounded to 4 digits


def test_a_quarter_turn_is_counter_clockwise_about_the_boxes_centre() -> None:
    start, stop = np.zeros((1, 2), np.float32), np.full((1, 2), 8, np.float32)
    matrix = rotated_boxes(start, stop, np.array([90.0]), 8)[0]
    image = np.arange(64).reshape(8, 8)
    x, y = matrix @ np.stack([*np.mgrid[:8, :8][::-1].reshape(2, -1) + 0.5, np.ones(64)])
    assert np.array_equal(image[np.floor(y).astype(int), np.floor(x).astype(int)].reshape(8, 8), np.rot90(image))


def test_rotation_turns_every_crop_by_its_own_angle_evenly_up_to_the_largest() -> None:
    """A matrix's first column is where the picture's x axis points in the image."""
    drawn = TwoCrops(28, 3, horizontal_flip=0.0, rotation=20).draw(0, 0, MANY, (28, 28))
    query, key = (np.degrees(np.arctan2(*drawn[f"{crop}_matrix"][:, ::-1, 0].T)) for crop in ("query", "key"))
    assert np.percentile(query, [0, 25, 50, 75, 100]) == pytest.approx([-20, -10, 0, 10, 20], abs=0.3)
    assert abs(np.corrcoef(query, key)[0, 1]) < 0.03


@pytest.mark.parametrize("flips", [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_box_is_turned_and_then_mirrored(flips: tuple[bool, bool], turns: int) -> None:
    """Quarter turns of an 8 x 8 picture, which NumPy does by moving whole pixels."""
    start, stop = flip_boxes(np.zeros((1, 2)), np.full((1, 2), 8.0), np.array([flips]))
    matrix = rotated_boxes(start, stop, np.array([90.0 * turns]), 8)[0]
    image = np.arange(64).reshape(8, 8)
    x, y = matrix @ np.stack([*np.mgrid[:8, :8][::-1].reshape(2, -1) + 0.5, np.ones(64)])
    found = image[np.floor(y).astype(int), np.floor(x).astype(int)].reshape(8, 8)
    expected = np.rot90(image, turns)[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be at least 1"),
        ({"channels": 2}, "channels must be 1, 3 or 4"),
        ({"scale": (0.5, 0.2)}, "scale must satisfy"),
        ({"ratio": (0, 1)}, "ratio must satisfy"),
        ({"blur": 1.5}, "blur is a probability"),
        ({"rotation": -1}, "rotation is in degrees, 0 to 180"),
        ({"rotation": 200}, "rotation is in degrees, 0 to 180"),
        ({"blur_sigma": (0.0, 1.0)}, "blur_sigma must satisfy"),
        ({"mean": (0.5,)}, "mean needs one number per channel"),
        ({"std": (0.5, 0.0, 0.5)}, "std must be above 0"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TwoCrops(**{"size": 28, "channels": 3, **arguments})
