"""The views known by name: all of them can be made, and those that do not suit the images are told."""

from __future__ import annotations

from typing import get_args

import pytest

from fastssl.config.preview import ViewName
from fastssl.errors import ConfigError
from fastssl.pipelines import BlockMask, Masked, RayMask, StripeMask, TowerPairs
from fastssl.previews.gallery import TITLES, fitting_views, make_view


def test_every_name_has_a_title_and_a_view() -> None:
    assert set(TITLES) == set(get_args(ViewName))
    for name in get_args(ViewName):
        view = make_view(name, 32, 3)
        assert (view.size, view.channels) == (32, 3)


def test_the_mask_ratio_is_every_masks() -> None:
    for name, kind in (("block_mask", BlockMask), ("stripe_mask", StripeMask), ("ray_mask", RayMask)):
        assert make_view(name, 32, 1).mask == kind()
        assert make_view(name, 32, 1, mask_ratio=0.4) == Masked(32, 1, horizontal_flip=0.0, mask=kind(0.4))
    assert make_view("tower", 32, 1, mask="ray", mask_ratio=0.4) == TowerPairs(32, 1, mask=RayMask(0.4))


def test_all_views_but_those_that_do_not_suit_the_images() -> None:
    told: list[str] = []
    assert list(fitting_views(28, 3, told.append)) == list(get_args(ViewName)[1:])
    assert told == []
    assert {"colorization", "jigsaw"}.isdisjoint(fitting_views(27, 1, told.append))
    assert len(told) == 2
    assert told[0].startswith("left out: view colorization: colorization needs RGB images")
    assert told[1] == "left out: view jigsaw: size 27 does not divide into 2 tiles: use 28"


@pytest.mark.parametrize(
    ("name", "size", "channels"), [("colorization", 28, 1), ("jigsaw", 29, 3), ("models_genesis", 8, 1)]
)
def test_a_view_asked_for_by_name_that_does_not_suit_is_an_error(name: str, size: int, channels: int) -> None:
    with pytest.raises(ConfigError, match=f"^view {name}: "):
        make_view(name, size, channels)
