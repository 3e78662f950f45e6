"""Reports from run folders to the page: what is in it, what is left out, what is refused."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import fastssl
from fastssl.cli import main
from fastssl.cli.line import read_line
from fastssl.reports import projection

from .conftest import HOSTILE

EMPTY = {"img", "meta", "br", "link", "line", "rect", "use", "path", "circle", "polyline", "polygon"}


class Page(HTMLParser):
    """A page's elements, its text, and whether every element is closed in its turn."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY or tag == "use":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY or tag == "use":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def written(runs: object, **settings: object) -> Page:
    path = fastssl.report(runs, console=Console(file=io.StringIO()), device="cpu", **settings)  # type: ignore[arg-type]
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    return page


@pytest.fixture
def page(evaluated_run: Path) -> Page:
    return written(evaluated_run, projection="pca")


def test_the_page_tells_what_was_found_drawn_and_asked(page: Page) -> None:
    titles = [attributes["id"] for attributes in page.all("section")]
    expected = [
        "overview",
        "data",
        "training",
        "probe",
        "fewshot",
        "map",
        "neighbours",
        "views",
        "settings",
        "commands",
    ]
    assert titles == [*expected, "missing"]
    for words in (
        "first is better",
        "16x16, 1 channel, 8 bit",
        "Wait for data",
        "kNN accuracy while training",
        "0.12 x batch / 256",
        "fastssl train --data cells.npz --steps 40 --out run",
        "fastssl probe run --seed 1",
        "One training and one solution per encoder",
        "projected by principal components",
    ):
        assert words in page.text
    assert "chance 3.50" in page.text


def test_the_page_needs_no_network_and_runs_no_other_script(evaluated_run: Path, page: Page) -> None:
    source = (evaluated_run / "report" / "index.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [one["content"] or "" for one in page.all("meta") if "http-equiv" in one]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}'" in policy
    places = [
        value or "" for _, attributes in page.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert {place[:5] for place in places if not place.startswith("#")} == {"data:"}
    assert not re.search(r"https?://", source.replace("http://www.w3.org", ""))


def test_names_are_shown_as_they_are_and_never_as_markup(evaluated_run: Path, page: Page) -> None:
    source = (evaluated_run / "report" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in source
    assert "\u202e" not in source
    assert '<script>alert("x")</script> & \\u202e"quoted"' in page.text
    assert HOSTILE not in page.text


def test_the_page_can_be_read_without_seeing_it(page: Page) -> None:
    assert all(image["alt"] for image in page.all("img"))
    drawings = [one for one in page.all("svg") if one.get("role") == "img"]
    assert len(drawings) > 8
    assert all(one["aria-label"] for one in drawings)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(later <= level + 1 for level, later in itertools.pairwise(levels))
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    targets = [(link["href"] or "")[1:] for link in page.all("a")]
    assert set(targets) <= set(names)
    assert all("scope" in heading for heading in page.all("th"))


def test_what_was_not_measured_is_left_out_with_the_command_that_measures_it(page: Page) -> None:
    said = page.text[page.text.index("Not measured") :]
    commands = re.findall(r"fastssl (?:fewshot|finetune|probe)[^F]*?(?= Fr| Fine|$)", said)
    assert len(commands) == 2
    for command in commands:
        assert read_line(shlex.split(command)[1:]).mistakes == ()


def test_two_runs_stand_side_by_side(make_run: Callable[..., Path], evaluated_run: Path) -> None:
    page = written([evaluated_run, make_run("other", seed=9)], projection="pca")
    maps = [one["aria-label"] or "" for one in page.all("svg") if "map" in (one.get("class") or "").split()]
    assert [label.partition(":")[0] for label in maps] == ["run", "other"]
    assert "fastssl probe" in page.text[page.text.index("Not measured") :]


def test_the_map_is_kept_so_that_a_second_report_is_quick(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(run, projection="pca")
    monkeypatch.setattr("fastssl.reports.sections.feature_map.project", lambda *_: pytest.fail("projected again"))
    written(run, projection="pca")


def test_without_labels_there_are_maps_and_neighbours_without_classes(run: Path, data_file: Path) -> None:
    arrays = {name: values for name, values in np.load(data_file).items() if name.endswith("images")}
    np.savez(data_file, **arrays)
    page = written(run, projection="pca")
    assert {"map", "neighbours"} <= {str(one["id"]) for one in page.all("section")}
    assert "of their own class" not in page.text


def test_no_map_opens_no_images(run: Path, data_file: Path) -> None:
    data_file.unlink()
    page = written(run, map=False)
    assert page.all("img") == []
    assert "No images are shown" not in page.text
    assert "No images are shown: the data of" in written(run).text


def test_the_command_says_where_it_wrote(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.html"
    assert main(["report", str(run), "--out", str(out), "--no-map"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"report in {out}"]
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "x.pdf"], "give the name of an .html file"),
        (["--out", "none/x.html"], "there is no folder none"),
        (["--projection", "umap"], "pip install umap-learn"),
        (["--points", "1"], "points='1'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Path,
    options: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    assert main(["report", str(run), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (run / "report").exists()


def test_of_several_processes_one_writes(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastssl.reports.report.launched_rank", lambda: 1)
    assert not fastssl.report(run, map=False).exists()
