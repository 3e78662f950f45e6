"""The house: one name for one thing, results given by name, no private names across files, a stage in one folder."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastssl.stages.registry import STAGES

ROOT = Path(__file__).parents[1]
FILES = [path for room in ("fastssl", "kernels", "pipelines") for path in sorted((ROOT / room).rglob("*.py"))]
RESULTS = ("Result", "Row", "Trial", "Pair", "Comparison", "Score", "Outcome", "Saving", "Run", "Settings")
"""Endings of the names of classes that carry what was found from one room to another."""

TOWERS_MASK = {"fastssl/previews/gallery.py", "fastssl/previews/subject.py"}
"""Views without a stage take the mask that TOWER chose for their modality."""


def classes(path: Path) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))


def dataclass_call(node: ast.ClassDef) -> ast.Call | None:
    """The `@dataclass(...)` of a class; None for other classes."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id == "dataclass":
            return ast.Call(func=decorator, args=[], keywords=[])
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "dataclass":
            return decorator
    return None


def test_no_two_classes_have_one_name() -> None:
    places = defaultdict(list)
    for path in FILES:
        for node in classes(path):
            if not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_results_are_frozen_and_given_by_name(path: Path) -> None:
    """A swapped float must not pass."""
    for node in classes(path):
        call = dataclass_call(node)
        if call is None or not node.name.endswith(RESULTS) or node.name.startswith("_"):
            continue
        options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        assert (node.name, options.get("frozen"), options.get("kw_only")) == (node.name, True, True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_takes_another_files_private_names(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            assert [name.name for name in node.names if name.name.startswith("_") and name.name != "__version__"] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage_and_is_named_by_no_other_room_but_the_registry(stage: str) -> None:
    """So a new one is a folder and a line; `fastssl.recipes` and what ends a recipe may name the stages they are of."""
    others = {f"fastssl.stages.{name}" for name in STAGES if name != stage}
    for path in (ROOT / "fastssl" / "stages" / stage).rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not {other for other in others for module in named if f"{module}.".startswith(f"{other}.")}
    own = f"fastssl.stages.{stage}"
    elsewhere = [path for path in FILES if ROOT / "fastssl" / "stages" / stage not in path.parents]
    importing = [path.relative_to(ROOT) for path in elsewhere if f"{own}." in path.read_text()]
    assert set(map(str, importing)) <= TOWERS_MASK
