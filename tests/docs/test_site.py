"""The documentation site: builds strictly, needs no network, and its option tables are those of the command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastssl import cli

pytest.importorskip("mkdocs", reason="MkDocs is not installed (pip install 'fastssl-engine[docs]')")

ROOT = Path(__file__).parents[2]
COMMANDS = [name for name in cli.app if not name.startswith("-")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [str(Path(sys.executable).with_name("mkdocs")), "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="([^"]+)"|<link[^>]+href="([^"]+)"', page.read_text())
        assert [url for pair in loaded for url in pair if "://" in url or url.startswith("//")] == [], page.name


@pytest.mark.parametrize("command", COMMANDS)
def test_the_site_lists_every_option_of_a_command(site: Path, command: str) -> None:
    page = (site / "command-line.html").read_text()
    own = page.partition(f'id="{command}"')[2].partition("<h2")[0]
    options = [
        name
        for argument in cli.app[command].assemble_argument_collection()
        for name in argument.names
        if name.startswith("--")
    ]
    assert options
    assert [name for name in options if f"<code>{name}</code>" not in own] == []


def test_the_picture_outside_the_documentation_folder_comes_along(site: Path) -> None:
    (picture,) = re.findall(r'<img[^>]+src="([^"]+\.png)"', (site / "index.html").read_text())
    assert (site / picture).read_bytes() == (ROOT / "bench" / "results" / Path(picture).name).read_bytes()
