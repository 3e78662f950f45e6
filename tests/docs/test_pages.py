"""README, the pages of the documentation and CITATION.cff: complete, short, and with links that lead somewhere."""

from __future__ import annotations

import ast
import re
from itertools import chain
from pathlib import Path

import pytest
import yaml

import fastssl
import fastssl.backend
import fastssl.kernels
import fastssl.pipelines
from fastssl import cli

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]
MOST_LINES = 140
COMMANDS = [name for name in cli.app if not name.startswith("-")]

_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _stages() -> list[str]:
    """The stages that the command line offers."""
    arguments = cli.app["train"].assemble_argument_collection()
    (stage,) = (argument for argument in arguments if "--stage" in argument.names)
    return list(stage.get_choices())


def test_the_readme_is_short() -> None:
    assert len(_text(README).splitlines()) < MOST_LINES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [found["target"] for found in _LINK.finditer(_text(page))]
    files = [target.partition("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
    assert [name for name in files if not (page.parent / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_fragment_of_a_link_is_a_heading(page: Path) -> None:
    for target in (found["target"] for found in _LINK.finditer(_text(page))):
        path, _, fragment = target.partition("#")
        if fragment and "://" not in target:
            linked = page.parent / path if path else page
            headings = re.findall(r"^#+ (.+)$", _text(linked), re.MULTILINE)
            assert fragment in [_anchor(heading) for heading in headings], f"{target} in {page.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_source_file_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"`([\w/-]+/[\w.-]+\.(?:py|sh|json|yml))`", _text(page)))
    own = {name for name in named if not name.startswith(("runs/", "fastssl/stages/NAME/", "tests/stages/NAME/"))}
    assert [name for name in own if not any((root / name).exists() for root in (ROOT, ROOT / "fastssl"))] == []


def _anchor(heading: str) -> str:
    """The fragment that Markdown renderers make of a heading."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def test_the_documentation_names_every_command() -> None:
    text = _text(DOCS / "command-line.md")
    assert [command for command in COMMANDS if f"\n## {command}\n" not in text] == []
    assert [command for command in COMMANDS if f"<!-- options: {command} -->" not in text] == []


def test_every_stage_has_a_page_and_a_row_in_the_readme() -> None:
    for stage in _stages():
        assert (DOCS / "stages" / f"{stage}.md").is_file(), f"docs/stages/{stage}.md is missing"
        assert f"--stage {stage}`" in _text(README), f"README's table of stages lacks {stage}"
        assert f"]({stage}.md)" in _text(DOCS / "stages" / "index.md")


@pytest.mark.parametrize(
    "module", [fastssl, fastssl.backend, fastssl.kernels, fastssl.pipelines], ids=lambda module: module.__name__
)
def test_the_reference_has_every_public_name(module: object) -> None:
    page = _text(DOCS / "reference" / f"{module.__name__.rpartition('.')[2]}.md")
    listed = set(re.findall(r"^::: \S*?(\w+)$", page, re.MULTILINE))
    assert listed == {name for name in module.__all__ if not name.startswith("__")}


def test_the_design_page_has_the_layers_that_are_enforced() -> None:
    (layers,) = re.findall(r"^layers = (\[.*?^\])", _text(ROOT / "pyproject.toml"), re.DOTALL | re.MULTILINE)
    assert "```text\n" + "\n".join(ast.literal_eval(layers)) + "\n```" in _text(DOCS / "design.md")


def test_every_page_is_in_the_site_navigation() -> None:
    settings = yaml.load(_text(ROOT / "mkdocs.yml"), yaml.BaseLoader)

    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        return list(chain.from_iterable(map(pages, entry.values() if isinstance(entry, dict) else entry)))

    assert sorted(pages(settings["nav"])) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_citation_has_what_its_format_requires_and_the_version_of_the_package() -> None:
    citation = yaml.safe_load(_text(ROOT / "CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert all("name" in author or "family-names" in author for author in citation["authors"])
    assert citation["type"] in ("software", "dataset")
    assert citation["version"] == fastssl.__version__


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    versions = re.findall(r"^## \[(.+?)\]", _text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert versions[:2] == ["Unreleased", fastssl.__version__]
