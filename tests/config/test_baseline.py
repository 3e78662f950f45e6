"""Baselines as settings: one or several, with files of any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastssl.config import BenchmarkConfig, build
from fastssl.config.baseline import parse_baseline
from fastssl.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("timm:resnet18", ("timm:resnet18",)),
        (
            "timm:resnet18.a1_in1k timm:vit_base_patch16_224.dino",
            ("timm:resnet18.a1_in1k", "timm:vit_base_patch16_224.dino"),
        ),
        (["timm:a,timm:b", "timm:c"], ("timm:a", "timm:b", "timm:c")),
        ("timm:a=/my weights, 2.pth,timm:b", ("timm:a=/my weights, 2.pth", "timm:b")),
        ("timm:a=x=1.pth", ("timm:a=x=1.pth",)),
        ([], ()),
    ],
)
def test_one_or_several_are_stored_one_each(given: Any, stored: tuple[str, ...]) -> None:
    assert build(BenchmarkConfig, {"baseline": given}).baseline == stored


@pytest.mark.parametrize(
    "given", ["resnet18", "timm:", "timm:a=", "timm: a", "hub:a", ["timm:a", ""], 3, {"timm:a": 1}]
)
def test_what_is_none_is_refused_by_name(given: Any) -> None:
    with pytest.raises(ConfigError, match="baseline="):
        build(BenchmarkConfig, {"baseline": given})


def test_the_same_one_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="timm:a is given twice"):
        build(BenchmarkConfig, {"baseline": ["timm:a", "timm:b", "timm:a"]})


def test_a_file_is_a_path_and_the_home_folder_is_known() -> None:
    found = parse_baseline("timm:resnet18=~/weights.pth")
    assert (found.name, found.weights) == ("resnet18", Path.home() / "weights.pth")
    assert parse_baseline("timm:resnet18").weights is None
