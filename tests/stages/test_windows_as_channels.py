"""Three windows of a scan, or three slices, are no colours: no stage treats them so."""

from __future__ import annotations

import pytest

from fastssl.pipelines import TwoCrops
from fastssl.stages.registry import stage_defaults, train_config
from fastssl.stages.stage_defaults import RunInfo

WINDOWS = RunInfo(images=200, channels=3, size=32, rgb=False)
COLOURS = RunInfo(images=200, channels=3, size=32)


@pytest.mark.parametrize("stage", ["moco", "simclr"])
def test_two_crops_have_no_hue_saturation_or_greyscale(stage: str) -> None:
    defaults, config = stage_defaults(stage), train_config({"stage": stage})
    settings = config.model_copy(
        update={"size": 32, **{name: value for name, (value, _) in defaults.automatic(config, WINDOWS, 100).items()}}
    )
    windows, colours = defaults.view(settings, WINDOWS), defaults.view(settings, COLOURS)
    assert isinstance(windows, TwoCrops)
    assert isinstance(colours, TwoCrops)
    assert (windows.hue, windows.saturation, windows.greyscale) == (0, 0, 0)
    assert min(colours.hue or 0, colours.saturation or 0, colours.greyscale or 0) > 0


def test_pretext_leaves_colorization_out_and_says_why() -> None:
    defaults, config = stage_defaults("pretext"), train_config({"stage": "pretext"})
    (line,) = [line for line in defaults.messages(config, WINDOWS) if "colorize" in line]
    assert line == "colorize is left out: it needs RGB images, and these have windows or slices as channels"
    assert not [line for line in defaults.messages(config, COLOURS) if "colorize" in line]


def test_channels_that_are_no_colours_are_changed_alike() -> None:
    view = TwoCrops(32, 3, rgb=False)
    with pytest.raises(ValueError, match=r"hue needs RGB images .*channels=3, rgb=False"):
        TwoCrops(32, 3, rgb=False, hue=0.1)
    assert (view.brightness, view.contrast) == (TwoCrops(32, 1).brightness, TwoCrops(32, 1).contrast)
