"""Running a command line: what is called, exit status, the first screen."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, NoReturn

import pytest

import fastssl
from fastssl.cli import main
from fastssl.cli.commands import OF_A_STAGE
from fastssl.cli.entry import BEGIN_WITH


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{fastssl.__version__}\n"


def test_without_arguments_it_shows_three_commands_to_begin_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert len(said.splitlines()) < 10
    for command in ("fastssl train ", "fastssl probe runs/moco-demo ", "fastssl train --stage tower --help "):
        assert command in said


@pytest.mark.parametrize("command", [command for command, _ in BEGIN_WITH])
def test_the_commands_to_begin_with_are_understood(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *rest = command.split()
    assert name == "fastssl"
    called: list[str] = []
    commands = {name: lambda *_, name=name, **__: called.append(name) for name in ("train", "probe")}
    assert main(rest, commands={} if "--help" in rest else commands) == 0
    assert called == ([] if "--help" in rest else rest[:1])


def test_an_interrupt_exits_as_shells_expect(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(**_: Any) -> NoReturn:
        raise KeyboardInterrupt

    assert main(["train"], commands={"train": interrupted}) == 130
    assert capsys.readouterr().err == "fastssl: interrupted\n"


def test_a_command_stands_for_the_call_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, tuple[Any, ...]] = {}
    names, without_run = ("train", "estimate", "probe", "fewshot", "finetune", "segment", "preview"), OF_A_STAGE
    for name in names:
        call = lambda *given, name=name, **options: called.update({name: given})  # noqa: E731
        monkeypatch.setattr(fastssl, name, call, raising=False)
    for name in names:
        assert main([name, *(() if name in without_run else ("run",)), "--seed", "7"]) == 0
    assert {name: given[-1].seed for name, given in called.items()} == dict.fromkeys(names, 7)
    assert {name: len(given) for name, given in called.items()} == {
        **dict.fromkeys(names, 2),
        **dict.fromkeys(without_run, 1),
    }


def test_the_module_can_be_run() -> None:
    done = subprocess.run([sys.executable, "-m", "fastssl.cli", "probe"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("fastssl: error: ")
