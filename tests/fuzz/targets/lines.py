"""Command lines: words that may be anything, up to the call that they stand for."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastssl.cli import main
from fastssl.cli.commands import CONFIGS
from fastssl.errors import ConfigError
from tests.fuzz.target import Target

_LINES = (
    "train --stage vae --lr 0.1 --data demo --out=~/x --no-amp --steps 3",
    "train --recipe mtcp --minutes 2 --value-range 0,4095 --resume",
    "train --tasks jigsaw inpaint --stage pretext --task-weights jigsaw=2 --config x.yaml",
    "probe runs/a --size 32 --device cpu",
    "fewshot a b --shots 1,5 10 --seeds 3 --imagenet none",
    "finetune a --label-fraction 1.0 0.1 --frozen --trials 2",
    "segment a --images i --masks m --foreground 255 --patch whole --test-images a,b",
    "preview --views jigsaw plain --epoch 2 --out x.png",
    "--help",
    "train --help",
    "--version",
    "--install-completion --shell bash",
    "fewshot a --weights x",
)


def _lines() -> Sequence[bytes]:
    return ["\0".join(line.split()).encode() for line in _LINES]


def _call(content: bytes, folder: Path) -> None:
    words = [os.fsdecode(word) for word in content.split(b"\0")[:50]]
    called: list[Any] = []
    commands = {name: lambda *_, **__: called.append(True) for name in (*CONFIGS, "doctor", "--install-completion")}
    said, complained = io.StringIO(), io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = main(words, commands=commands)
    finally:
        os.chdir(before)
    assert status in (0, 2), complained.getvalue()
    if status == 2:
        *warnings, line = complained.getvalue().splitlines()
        assert line.startswith("fastssl: error: ")
        assert all(warning.startswith("fastssl: warning: ") for warning in warnings)
        raise ConfigError(line.removeprefix("fastssl: error: ").split("; "))


TARGETS = (Target(name="command-line", seeds=_lines, run=_call),)
