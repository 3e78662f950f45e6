"""What each list draws, against SciPy and NumPy: the same geometry for image and mask, noise and colours as stated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform
from scipy.stats import kstest

from fastssl.evaluation.segment.augmentation import AUGMENTATIONS, Augmentation, draw
from fastssl.evaluation.segment.data import Sample
from fastssl.evaluation.segment.recolour import gaussian, recoloured
from fastssl.evaluation.segment.table import PixelTable
from fastssl.pipelines.random import keys

MANY = np.arange(20_000)
CPU = torch.device("cpu")


def drawn(augmentation: Augmentation, count: int = 20_000, side: int = 40, patch: int = 16, channels: int = 3) -> dict:
    return draw(augmentation, 3, 1, MANY[:count], np.full((count, 2), side), (patch, patch), channels)


def turns(matrix: np.ndarray) -> np.ndarray:
    """Degrees that a patch's rows are turned by, counter-clockwise."""
    return np.degrees(np.arctan2(-matrix[:, 1, 0], matrix[:, 0, 0]))


@pytest.mark.parametrize("name", ["upright", "xray"])
def test_xray_lists_mirror_left_and_right_alone_and_turn_by_15_degrees_at_most(name: str) -> None:
    matrix = drawn(AUGMENTATIONS[name])["matrix"]
    assert np.percentile(turns(matrix), [0, 25, 75, 100]) == pytest.approx([-15, -7.5, 7.5, 15], abs=0.3)
    assert (np.linalg.det(matrix[:, :, :2]) < 0).mean() == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("name", ["fundus", "ct"])
def test_fundus_and_ct_have_all_eight_symmetries_alike_each_turned_a_little(name: str) -> None:
    matrix = drawn(AUGMENTATIONS[name])["matrix"]
    quarter = np.rint(turns(matrix) / 90).astype(int) % 4
    which, counts = np.unique(4 * (np.linalg.det(matrix[:, :, :2]) < 0) + quarter, return_counts=True)
    assert which.tolist() == list(range(8))
    assert counts / len(matrix) == pytest.approx(np.full(8, 1 / 8), abs=0.01)
    assert np.abs(turns(matrix) - 90 * np.rint(turns(matrix) / 90)).max() == pytest.approx(15, abs=0.1)


def test_horizontal_vertical_and_diagonal_flips_are_the_eight_symmetries() -> None:
    """Why one number stands for TOWER's three coins: the sets of pictures are the same."""
    picture = np.arange(9).reshape(3, 3)
    by_coins = {
        flipped.tobytes()
        for start in (picture, picture.T)
        for sideways in (start, start[:, ::-1])
        for flipped in (sideways, sideways[::-1])
    }
    by_turns = {np.rot90(start, k).tobytes() for start in (picture, picture[:, ::-1]) for k in range(4)}
    assert by_coins == by_turns
    assert len(by_coins) == 8


def test_resized_crops_are_half_to_all_of_a_patchs_area_and_lie_inside_the_image() -> None:
    matrix = drawn(Augmentation(scale=(0.5, 1.0)))["matrix"].astype(np.float64)
    areas = np.abs(np.linalg.det(matrix[:, :, :2]))
    assert np.percentile(areas, [0, 50, 100]) == pytest.approx([0.5, 0.75, 1.0], abs=0.01)
    corners = np.array([[0, 0, 1], [16, 16, 1]]) @ matrix.transpose(0, 2, 1)
    assert -1e-4 < corners.min() < 0.1
    assert 39.9 < corners.max() < 40 + 1e-4


def test_image_and_mask_are_moved_alike_the_one_interpolated_and_the_other_not() -> None:
    """SciPy's affine transform, at the matrices that were drawn; it has pixel centres at whole numbers."""
    rng = np.random.default_rng(0)
    image, mask = (
        rng.integers(0, 256, (40, 40, 3), dtype=np.uint8),
        np.kron(rng.random((10, 10)) > 0.5, np.ones((4, 4))),
    )
    table = PixelTable([Sample.unresized(name="a", image=image, mask=mask > 0)], (16, 16), CPU)
    matrix = drawn(AUGMENTATIONS["xray"], 12)["matrix"]
    cut = table.cut(torch.zeros(12, dtype=torch.int64), torch.from_numpy(matrix), (16, 16), exact=False)
    for number, one in enumerate(matrix.astype(np.float64)):
        offset = one[:, 2] + one[:, :2] @ [0.5, 0.5] - 0.5
        options = {"offset": offset, "output_shape": (16, 16)}
        for channel in range(3):
            plane = affine_transform(image[..., channel].astype(float), one[:, :2], order=1, mode="nearest", **options)
            np.testing.assert_allclose(cut.levels[number, ..., channel], plane, atol=0.02)
        nearest = affine_transform(mask, one[:, :2], order=0, mode="nearest", **options) > 0
        assert (cut.mask[number].numpy() == nearest).mean() > 0.99  # but for ties between two pixels
        beyond = affine_transform(np.ones((40, 40)), one[:, :2], order=0, mode="constant", cval=0.0, **options) == 0
        assert (cut.inside[number].numpy() == ~beyond).mean() > 0.99


def test_pixels_from_beyond_the_image_repeat_its_border_and_are_not_inside() -> None:
    image = np.full((16, 16, 1), 100, np.uint8)
    whole = np.ones((16, 16), bool)
    table = PixelTable([Sample.unresized(name="a", image=image, mask=whole)], (16, 16), CPU)
    matrix = torch.tensor([[[1.0, 0, -4], [0, 1.0, 0]]])
    cut = table.cut(torch.tensor([0]), matrix, (16, 16), exact=False)
    assert cut.levels.unique().tolist() == [100]
    np.testing.assert_array_equal(cut.inside[0].numpy(), np.arange(16)[:, None].repeat(16, 1) >= 4)


def test_gaussian_numbers_are_standard_normal_and_differ_by_key() -> None:
    found = gaussian(torch.from_numpy(keys(0, 0, np.arange(2), 2).view(np.int64)), 50_001).numpy()
    assert found.shape == (2, 50_001)
    assert kstest(found[0], "norm").pvalue > 0.01
    assert abs(np.corrcoef(found)[0, 1]) < 0.02
    assert abs(np.corrcoef(found[0, :25_000], found[0, 25_000:50_000])[0, 1]) < 0.02


def test_noise_is_as_strong_as_drawn_up_to_five_percent_of_white() -> None:
    changes = drawn(Augmentation(noise=0.05), channels=1)
    assert np.percentile(changes["noise"] / 255, [0, 50, 100]) == pytest.approx([0, 0.025, 0.05], abs=0.001)
    some = {name: torch.from_numpy(values[:6]) for name, values in changes.items()}
    levels = recoloured(torch.full((6, 1, 200, 200), 128.0), some)
    np.testing.assert_allclose(levels.std(dim=(1, 2, 3)), changes["noise"][:6], rtol=0.02)
    assert recoloured(torch.full((6, 1, 8, 8), 255.0), some).max() == 255


def test_colours_change_by_a_fifth_at_most_and_a_grey_image_stays_grey() -> None:
    """Brightness times contrast about level 128: white lies between 0.8 (0.8 x 127 + 128) and what clamping leaves."""
    changes = drawn(Augmentation(jitter=0.2, hue=0.05), 2000)
    some = {name: torch.from_numpy(values) for name, values in changes.items()}
    grey = torch.full((2000, 3, 1, 1), 200.0)
    found = recoloured(grey, some)
    assert (found.amax(dim=1) - found.amin(dim=1)).max() < 0.1
    low, high = (factor * (factor * (200 - 128) + 128) for factor in (0.8, 1.2))
    assert found.min() == pytest.approx(low, abs=3)
    assert found.max() == pytest.approx(min(high, 255), abs=3)
    red = recoloured(torch.tensor([200.0, 50, 50])[None, :, None, None].expand(2000, 3, 1, 1), some)
    assert (red[:, 1] - red[:, 2]).std() > 1  # hue
    one = drawn(Augmentation(jitter=0.2, hue=0.05), 2000, channels=1)
    assert one["colour"].shape == (2000, 1, 1)


def test_a_patch_is_changed_the_same_in_any_batch_and_differently_in_the_next_epoch() -> None:
    augmentation, extents = AUGMENTATIONS["fundus"], np.full((50, 2), 40)
    whole = draw(augmentation, 3, 1, np.arange(50), extents, (16, 16), 3)
    part = draw(augmentation, 3, 1, np.array([7, 30]), extents[:2], (16, 16), 3)
    later = draw(augmentation, 3, 2, np.arange(50), extents, (16, 16), 3)
    for name, values in whole.items():
        np.testing.assert_array_equal(part[name], values[[7, 30]])
        assert not np.array_equal(later[name], values)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("xray", "horizontal flips, turns of 15 degrees, crops of 50% on"),
        ("ct", "all flips, turns of 15 degrees, colours within 20%, hue within 5%, noise up to 5%"),
        ("flips", "all flips"),
        ("none", "none"),
    ],
)
def test_a_list_says_what_it_does(name: str, expected: str) -> None:
    assert AUGMENTATIONS[name].describe() == expected
