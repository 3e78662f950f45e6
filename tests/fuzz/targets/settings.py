"""Files of settings, alone and beneath a command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from fastssl.cli.line import read_line
from fastssl.config.settings_file import read_settings_file
from fastssl.errors import ConfigError
from tests.fuzz.target import Target


def _files() -> Sequence[bytes]:
    texts = (
        yaml.safe_dump({"stage": "vae", "lr": 0.1, "data": "demo", "amp": False, "out": "~/x", "init": None}),
        yaml.safe_dump({"stage": "pretext", "tasks": ["jigsaw", "inpaint"], "task_weights": {"jigsaw": 2.0}}),
        "a: &a [1, 2]\nb: *a\nc: {d: |\n  text\n  text\n, e: 'x'}\n",
        "# comment\nrecipe: mtcp\nminutes: 3\nvalue_range: 0,4095\n",
    )
    return [text.encode() for text in texts]


def _read(content: bytes, folder: Path) -> None:
    (folder / "settings.yaml").write_bytes(content)
    for numbers in (False, True):
        read_settings_file(folder / "settings.yaml", numbers=numbers)


def _read_under_a_line(content: bytes, folder: Path) -> None:
    (folder / "settings.yaml").write_bytes(content)
    line = read_line(["train", "--config", str(folder / "settings.yaml"), "--seed", "3"])
    if line.mistakes:
        raise ConfigError(list(line.mistakes))


TARGETS = (
    Target(name="settings", seeds=_files, run=_read),
    Target(name="config-option", seeds=_files, run=_read_under_a_line),
)
