"""The views that a preview knows by name.

Covers: every view of `fastssl.pipelines` with its own defaults. Does not cover: a stage's view (`subject.py`), the
sections that are made of a view's batch (`sections.py`).
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

TITLES: dict[ViewName, str] = {  # a view's name -> the title of its section
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
    """Make a view by its name.

    Args:
        name: of the view.
        size: side of the images that it renders, in pixels.
        channels: of the images.
        mask: of TOWER's view: "ray", "stripe" or "block".
        mask_ratio: masked share of the pixels, between 0 and 1; None: each mask's default, for TOWER's view that of the
            stage.

    Returns:
        The view.

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
    """Make every view that suits the images, but the plain one, which shows the originals.

    Args:
        size: side of the images that they render, in pixels.
        channels: of the images.
        notify: called with one line of text for each view that does not suit them.
        **masks: `mask` and `mask_ratio` of `make_view`.

    Returns:
        By name, in the order of `ViewName`.
    """
    views = {}
    for name in get_args(ViewName)[1:]:
        try:
            views[name] = make_view(name, size, channels, **masks)
        except ConfigError as error:
            notify(f"left out: {error}")
    return views
