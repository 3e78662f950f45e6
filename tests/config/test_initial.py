"""Weights to start from, as they are written: names stay names, paths become paths, nonsense is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.config.initial import PublishedWeights, parse_initial, path_in, with_path
from fastssl.errors import ConfigError
from fastssl.stages.registry import train_config


@pytest.mark.parametrize(
    ("text", "model", "file"),
    [
        ("imagenet", None, None),
        (" imagenet ", None, None),
        ("timm:resnet18", "resnet18", None),
        ("timm:resnet50.a1_in1k", "resnet50.a1_in1k", None),
        ("timm:resnet18=w.pth", "resnet18", Path("w.pth")),
        ("timm:vit_tiny_patch16_224=/a b/c=d.bin", "vit_tiny_patch16_224", Path("/a b/c=d.bin")),
        ("timm:resnet18=~/w.pth", "resnet18", Path.home() / "w.pth"),
    ],
)
def test_published_weights_are_told_from_paths(text: str, model: str | None, file: Path | None) -> None:
    assert parse_initial(text) == PublishedWeights(model=model, file=file)
    kept = train_config({"init": text}).init
    assert isinstance(kept, str)
    assert parse_initial(kept) == parse_initial(text)


@pytest.mark.parametrize("given", ["runs/moco", "w.pth", "imagenet/w.pth", "timm/w.pth", "/x/timm:a", Path("timm/a")])
def test_all_else_is_a_path(given: str | Path) -> None:
    assert train_config({"init": given}).init == Path(given)


@pytest.mark.parametrize("given", ["./imagenet", "./timm:a", Path("imagenet"), Path("timm:a")])
def test_a_path_that_reads_like_a_name_stays_a_path_when_it_is_written_down(given: str | Path) -> None:
    kept = train_config({"init": given}).init
    assert kept == Path(given).absolute()
    assert train_config({"init": str(kept)}).init == kept


@pytest.mark.parametrize("text", ["timm:", "timm:a b", "timm:resnet18@224", "timm:resnet18=", "", "a\0b"])
def test_what_is_neither_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train_config({"init": text})
    assert str(caught.value).startswith("init=")
    assert "\n" not in str(caught.value)


def test_the_path_in_a_setting_is_found_and_changed_where_there_is_one() -> None:
    def below(place: str) -> str:
        return f"/new/{place}"

    assert (path_in("imagenet"), path_in("timm:a"), path_in("timm:a=b.pth")) == (None, None, Path("b.pth"))
    found = [with_path(value, below) for value in ("imagenet", "timm:a", "timm:a=b.pth", "b.pth", Path("imagenet"))]
    assert found == ["imagenet", "timm:a", "timm:a=/new/b.pth", "/new/b.pth", "/new/imagenet"]
