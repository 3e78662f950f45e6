"""The views that a preview knows by name.

Covers: every view of `fastssl.pipelines` with its own defaults. Does not cover: a stage's view (its `defaults.py`), nor
drawing any (`cells.py`, `sheet.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from fastssl.config.preview import ViewName
from fastssl.errors import ConfigError
from fastssl.pipelines import (
    Bezier,
    BlockMask,
    CentrePatch,
    Colorization,
    Jigsaw,
    Mask,
    Masked,
    ModelsGenesis,
    Plain,
    RandomCrop,
    RayMask,
    StripeMask,
    TowerPairs,
    TwoCrops,
    View,
)
from fastssl.stages.tower.defaults import MASKS, RATIOS

TITLES: dict[ViewName, str] = {
    "plain": "Plain",
    "random_crop": "Random crop",
    "two_crops": "Two crops",
    "colorization": "Colorization",
    "centre_patch": "Inpainting",
    "jigsaw": "Jigsaw",
    "bezier": "Bezier",
    "block_mask": "Block mask",
    "stripe_mask": "Stripe mask",
    "ray_mask": "Ray mask",
    "tower": "TOWER",
    "models_genesis": "Models Genesis",
}

_MASKS: dict[ViewName, type[Mask]] = {"block_mask": BlockMask, "stripe_mask": StripeMask, "ray_mask": RayMask}
_UNMASKED: dict[ViewName, Callable[[int, int], View]] = {
    "plain": Plain,
    "random_crop": RandomCrop,
    "two_crops": TwoCrops,
    "colorization": Colorization,
    "centre_patch": CentrePatch,
    "jigsaw": Jigsaw,
    "bezier": Bezier,
    "models_genesis": ModelsGenesis,
}


def make_view(
    name: ViewName, size: int, channels: int, *, mask: str = "stripe", mask_ratio: float | None = None
) -> View:
    """The view of that name.

    Args:
        mask: "ray", "stripe" or "block": TOWER's. mask_ratio: masked share of the pixels; None: each mask's default,
            for TOWER's that of the stage.

    Raises:
        ConfigError: the view cannot be made for images of this size or these channels.
    """
    ratio = {} if mask_ratio is None else {"mask_ratio": mask_ratio}
    try:
        if name == "tower":
            return TowerPairs(size, channels, mask=MASKS[mask](mask_ratio or RATIOS[mask][0]))
        if name in _MASKS:
            # Not mirrored, so that the target is the original and need not be shown again.
            return Masked(size, channels, horizontal_flip=0.0, mask=_MASKS[name](**ratio))
        return _UNMASKED[name](size, channels)
    except ValueError as error:
        raise ConfigError([f"view {name}: {error}"]) from None


def fitting_views(size: int, channels: int, notify: Callable[[str], None], **masks: Any) -> dict[ViewName, View]:
    """Every view that shows more than the originals and suits the images; the others are told, one line each."""
    views = {}
    for name in get_args(ViewName)[1:]:
        try:
            views[name] = make_view(name, size, channels, **masks)
        except ConfigError as error:
            notify(f"left out: {error}")
    return views
