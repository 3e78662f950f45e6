"""Baselines as they are typed: names, sides, files whose names have anything in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.config import FewshotConfig, FinetuneConfig, ProbeConfig, build
from fastssl.config.baselines import BaselineText, parse_baseline
from fastssl.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timm:resnet18", BaselineText(name="resnet18")),
        ("timm:resnet18.a1_in1k@64", BaselineText(name="resnet18.a1_in1k", size=64)),
        ("timm:resnet18=w.pth", BaselineText(name="resnet18", weights=Path("w.pth"))),
        ("timm:vit-b@224=a b,c@2=d.pth", BaselineText(name="vit-b", size=224, weights=Path("a b,c@2=d.pth"))),
    ],
)
def test_a_baseline_is_a_name_with_a_side_and_a_file(text: str, expected: BaselineText) -> None:
    assert parse_baseline(text) == expected


def test_the_home_folder_of_a_file_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_baseline("timm:m=~/w.pth").weights == tmp_path / "w.pth"


@pytest.mark.parametrize("kind", [ProbeConfig, FewshotConfig, FinetuneConfig])
@pytest.mark.parametrize(
    "given",
    ["timm:a, timm:b=my file, 2.pth", "timm:a timm:b=my file, 2.pth", ["timm:a", "timm:b=my file, 2.pth", "timm:a"]],
    ids=["commas", "spaces", "list"],
)
def test_several_are_told_apart_by_their_beginnings(kind: type, given: object) -> None:
    assert build(kind, {"baseline": given}).baseline == ("timm:a", "timm:b=my file, 2.pth")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet18", "'resnet18': give timm:NAME, timm:NAME@SIZE or timm:NAME=FILE"),
        ("timm:", "'timm:': give timm:NAME"),
        ("timm:a b", "'timm:a b': give timm:NAME"),
        ("timm:a@4", "'timm:a@4': the side after @ is 8 to 1024 pixels"),
        ("timm:a=~nobody-of-this-name/x", "baseline="),
    ],
)
def test_what_is_no_baseline_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(ProbeConfig, {"baseline": text})
    (problem,) = caught.value.problems
    assert message in problem
    assert "\n" not in problem


def test_weights_without_a_name_are_refused_by_the_probe_as_by_the_others() -> None:
    with pytest.raises(ConfigError, match="imagenet_weights given without imagenet"):
        build(ProbeConfig, {"imagenet_weights": "w.pth"})
