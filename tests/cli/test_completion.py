"""Completion: the script is where the shell looks for it, and completes commands, options and choices."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fastssl.cli import CONFIGS, main
from fastssl.stages.registry import STAGES, stage_entry

Refusal = Callable[..., str]

PLACES = {
    "bash": ".local/share/bash-completion/completions",
    "zsh": ".zsh/completions",
    "fish": ".config/fish/completions",
}
"""Shell -> where it looks for completions, under the home."""
STARTUP = {"bash": ".bashrc", "zsh": ".zshrc"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, as of a user without oh-my-zsh."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("ZSH", "ZSH_CUSTOM", "ZSH_VERSION", "BASH_VERSION", "FISH_VERSION"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.mark.parametrize("shell", PLACES)
def test_the_script_names_commands_and_options_and_is_said_where_it_is(
    shell: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--install-completion", "--shell", shell]) == 0
    (path,) = (home / PLACES[shell]).iterdir()
    assert f"completion for {shell} is in {path}" in capsys.readouterr().out
    script = path.read_text()
    own = {name for stage in STAGES for name in stage_entry(stage).config.model_fields}
    for name in CONFIGS:
        assert name in script
    for option in ("imagenet-weights", "config", *(name.replace("_", "-") for name in own)):
        assert option in script


@pytest.mark.parametrize("shell", STARTUP)
def test_the_startup_file_keeps_what_it_has_and_loads_the_script_once(shell: str, home: Path) -> None:
    startup = home / STARTUP[shell]
    startup.write_text("# mine\n")
    for _ in range(2):
        assert main(["--install-completion", "--shell", shell]) == 0
    lines = startup.read_text().splitlines()
    assert "# mine" in lines
    assert any(str(home / PLACES[shell]) in line for line in lines)
    assert len(lines) == len(set(lines))


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fastssl tr", {"train"}),
        ("fastssl finetune --label-f", {"--label-fraction"}),
        ("fastssl train --queue-s", {"--queue-size"}),
        ("fastssl train --stage to", {"tower"}),
        ("fastssl segment --mask", {"--masks", "--mask-suffix"}),
    ],
)
def test_bash_completes(words: str, expected: set[str], home: Path) -> None:
    assert main(["--install-completion", "--shell", "bash"]) == 0
    program = (
        f'. "{home / PLACES["bash"]}/fastssl"; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); '
        'COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}; _fastssl; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert {word.strip() for word in done.stdout.splitlines()} == expected


def test_a_shell_that_cannot_be_told_is_asked_for(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no ps to ask for the parent process
    monkeypatch.setenv("SHELL", "")
    assert refusal("--install-completion") == "shell: cannot be told; give --shell bash, zsh or fish"


def test_the_shell_is_told_by_its_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FISH_VERSION", "4.0")
    assert main(["--install-completion"]) == 0
    assert (home / PLACES["fish"] / "fastssl.fish").is_file()


@pytest.mark.parametrize("shell", PLACES)
def test_without_a_home_folder_nothing_is_written(
    shell: str, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "")
    said = refusal("--install-completion", "--shell", shell)
    assert said == "the home folder, which shells look in, is not known: HOME is not set"
