"""What README and the documentation tell a reader to type is understood, and what can run in seconds is run.

How a fenced block is marked, by a comment on the lines before it:

    <!-- test: parse -->                            the default: every command is read by the real command line
    <!-- test: run | train --steps 2 | probe -->    commands are carried out, with these options in place of their own
    <!-- test: skip REASON -->                      neither

`bash` blocks are read by a real shell in which nothing but recorders can be started; `console` blocks are commands,
after `$ `, and what they print. `python` blocks are compiled, and executed where they are marked `run`; lines after the
first one of such a comment are Python that goes before. What a page runs, it runs in order, in one folder and one
namespace.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from fastssl import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = [name for name in cli.app if name not in ("--help", "-h")]
RECORDED = ("fastssl", "make", "mkdocs", "pip", "pytest", "python")
LENGTHS = ("--epochs", "--steps", "--minutes")
BASH = shutil.which("bash")

_BLOCK = re.compile(
    r"^(?:<!-- test: (?P<mode>\w+)(?P<rest>.*?)-->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_INLINE = re.compile(r"(?<!`)`(fastssl [^`\n]+)`(?!`)")
_RECORDER = r"""#!/bin/sh
{ printf '%s' "${0##*/}"; for part in "$@"; do printf '\037%s' "$part"; done; printf '\036'; } >> "$RECORD"
"""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block. rest: what its mark says beyond the mode."""

    place: str
    language: str
    text: str
    mode: str
    rest: str

    @property
    def setup(self) -> str:
        """Python that goes before the block."""
        return self.rest.partition("\n")[2]

    @property
    def shorter(self) -> dict[str, list[str]]:
        """Command -> the options that shorten it."""
        parts = [shlex.split(part) for part in self.rest.split("|")[1:]]
        return {words[0]: words[1:] for words in parts}


@cache
def _blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            place=f"{page.relative_to(ROOT)}, line {text.count(chr(10), 0, found.start()) + 1}",
            language=found["language"],
            text=found["text"],
            mode=found["mode"] or "parse",
            rest=found["rest"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def _commands(block: Block, folder: Path) -> list[list[str]]:
    """The words of every command in the block, as a shell passes them on."""
    script = block.text
    if block.language == "console":
        script = "".join(line[2:] + "\n" for line in script.splitlines() if line.startswith("$ "))
    recorders = folder / "bin"
    recorders.mkdir(parents=True, exist_ok=True)
    for name in RECORDED:
        (recorders / name).write_text(_RECORDER)
        (recorders / name).chmod(0o755)
    record = folder / "record"
    record.write_text("")
    environment = {"PATH": str(recorders), "RECORD": str(record)}
    done = subprocess.run(
        [str(BASH), "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{block.place}: {done.stderr}"
    return [command.split("\037") for command in record.read_text().split("\036") if command]


def _check(command: Sequence[str], place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Refuse a command that could not be meant so."""
    name, *words = command
    if name == "fastssl":
        _check_fastssl(words, place, capsys)
    elif name == "make":
        targets = [word for word in words if "=" not in word]
        makefile = (ROOT / "Makefile").read_text()
        assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets), f"{place}: {command}"
    elif name == "pytest":
        paths = [word for word in words if word.startswith(("bench", "tests"))]
        assert all((ROOT / path).exists() for path in paths), f"{place}: {command}"
    elif name == "python":
        ours = words[0] != "-m" or words[1].startswith(("bench.", "tests"))
        path = ROOT / (words[0] if words[0] != "-m" else words[1].replace(".", "/"))
        known = (path.is_file() or path.with_suffix(".py").is_file() or path.is_dir()) if ours else find_spec(words[1])
        assert known, f"{place}: {command}"


def _check_fastssl(words: Sequence[str], place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the real command line up to the call of the command; files of settings that it names are made."""
    for path in (words[at + 1] for at, word in enumerate(words[:-1]) if word == "--config"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("seed: 0\n")
    status = cli.main(words, commands=dict.fromkeys(NOT_RUN, lambda *values, **names: None))
    told = capsys.readouterr().err
    assert (status, told) == (0, ""), f"{place}: fastssl {shlex.join(words)}: {told}"


def _shortened(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """`words` with `options` in place of those that they name, and of other lengths if they give one."""
    given = {word for word in options if word.startswith("--")}
    given |= set(LENGTHS) if given & set(LENGTHS) else set()
    kept, dropping = [], False
    for word in words:
        dropping = word in given or (dropping and not word.startswith("--"))
        kept += [] if dropping else [word]
    return [*kept, *options]


def _is_marked(page: Path, mode: str) -> bool:
    return any(block.mode == mode for block in _blocks(page))


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.skipif(BASH is None, reason="needs bash to read the blocks")
@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_is_understood_by_the_command_line(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in _blocks(page):
        if block.language in ("bash", "console") and block.mode != "skip":
            for command in _commands(block, tmp_path):
                _check(command, block.place, capsys)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_in_running_text_is_understood(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for found in _INLINE.findall(text):
        words = shlex.split(found)[1:]
        if "COMMAND" not in words:
            _check_fastssl(words, f"{_name(page)}, `{found}`", capsys)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_block_says_what_language_it_is_in(page: Path) -> None:
    unnamed = [block.place for block in _blocks(page) if not block.language]
    assert not unnamed


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_blocks_compile_and_import_what_there_is(page: Path) -> None:
    for block in _blocks(page):
        if block.language == "python" and block.mode != "skip":
            compile(block.text, block.place, "exec")
            imports = re.findall(r"^(?:import fastssl|from fastssl\S* import .*)$", block.text, re.MULTILINE)
            exec("\n".join(imports), {})


@pytest.mark.skipif(BASH is None, reason="needs bash to read the blocks")
@pytest.mark.parametrize("page", [page for page in PAGES if _is_marked(page, "run")], ids=_name)
def test_what_is_marked_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "FASTSSL_CACHE", str(tmp_path / "cache"))
    namespace: dict[str, object] = {}
    for block in _blocks(page):
        if block.mode == "run" and block.language == "python":
            smaller = block.text.replace('"resnet18"', '"test_resnet"')
            exec(compile(block.setup + "\n" + smaller, block.place, "exec"), namespace)
        elif block.mode == "run":
            for _, *words in _commands(block, tmp_path):
                words = _shortened(words, block.shorter.get(words[0], []))
                assert cli.main(words) == 0, f"{block.place}: fastssl {shlex.join(words)}"
