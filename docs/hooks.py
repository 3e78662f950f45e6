"""What the documentation site takes from the repository while it is built.

Covers: tables of options, made from the command line itself; files outside docs/ that pages link to; the package tree
that the Python reference is read from. Does not cover: any text.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
ROOT = DOCS.parent
TREE = ROOT / "build" / "docs" / "fastssl"
"""The package as it is installed: `kernels/` and `pipelines/` lie beside `fastssl/` in the repository."""

_OUTSIDE = re.compile(r"(?<=\]\()(?P<path>(?:\.\./)+[^)#\s]+)")

sys.path.insert(0, str(DOCS))  # mkdocs takes it away again after this module is loaded
from option_tables import fill_option_tables  # noqa: E402


def on_startup(*, command: str, dirty: bool) -> None:
    """Make the folder of the package tree: mkdocstrings, configured first, takes only folders that are there."""
    TREE.mkdir(parents=True, exist_ok=True)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Copy the package tree that mkdocstrings reads; it does not follow links."""
    shutil.rmtree(TREE, ignore_errors=True)
    for source, target in (
        (ROOT / "fastssl", TREE),
        (ROOT / "kernels", TREE / "kernels"),
        (ROOT / "pipelines", TREE / "pipelines"),
    ):
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return config


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the tables of options, and bring along the files outside docs/ that the page links to."""
    return _with_outside_files(fill_option_tables(markdown), page, config, files)


def _with_outside_files(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = posixpath.dirname(page.file.src_uri)

    def replace(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", here, match["path"]))
        if path.startswith("docs/") or not (ROOT / path).is_file():
            return match["path"]  # a page of the site, or a broken link, which mkdocs reports
        target = f"repository/{path}"
        if files.get_file_from_path(target) is None:
            files.append(File.generated(config, target, abs_src_path=str(ROOT / path)))
        return posixpath.relpath(target, here or ".")

    return _OUTSIDE.sub(replace, markdown)
