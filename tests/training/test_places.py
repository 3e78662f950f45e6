"""Places in a run's settings: absolute when written, found again when moved; names of weights are no places."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastssl.training.places import absolute_places, moved_places


def test_names_of_published_weights_are_no_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for init, kept in (
        ("imagenet", "imagenet"),
        ("timm:resnet18", "timm:resnet18"),
        ("timm:resnet18=w.pth", f"timm:resnet18={tmp_path / 'w.pth'}"),
        (Path("imagenet"), str(tmp_path / "imagenet")),
    ):
        assert absolute_places({"init": init, "out": None}) == {"init": kept}


@pytest.mark.parametrize("front", ["", "timm:resnet18="])
def test_weights_that_moved_along_with_their_run_are_found(front: str, tmp_path: Path) -> None:
    run, weights = tmp_path / "new" / "run", tmp_path / "new" / "w.pth"
    run.mkdir(parents=True)
    weights.touch()
    settings = {"init": f"{front}{os.sep}gone/w.pth", "out": f"{os.sep}gone/run"}
    assert moved_places(settings, run) == {"init": f"{front}{weights}"}
    assert moved_places({**settings, "init": f"{front}{weights}"}, run) == {}
    assert moved_places({**settings, "init": "imagenet"}, run) == {}
    assert moved_places({**settings, "init": "timm:@"}, run) == {}  # told where settings are checked
