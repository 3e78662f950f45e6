"""What docstrings and comments point to exists: every file they name, and every dotted name of the package.

Covers: `name.py` and `folder/name.py`, sought in the file's own folder and in those above it, a package's own docstring
also in the folders that it holds; `fastssl.x.y` in backticks, imported. Does not cover: whether what they say of it is
true.
"""

from __future__ import annotations

import ast
import importlib
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("fastssl", "kernels", "pipelines", "bench")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

_FILE = re.compile(r"(?<![\w/.*-])((?:[\w-]+/)*[\w-]+\.(?:py|sh))\b")
_DOTTED = re.compile(r"`(fastssl(?:\.\w+)+)(?=[`(])")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every docstring, string that stands alone, and comment."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def missing_files(path: Path, text: str, root: Path = ROOT) -> list[str]:
    """The files that `text`, in the file `path`, names and that are not there."""
    above = [folder for folder in path.parents if folder == root or root in folder.parents]
    below = [folder for folder in path.parent.iterdir() if folder.is_dir()] if path.name == "__init__.py" else []
    return [name for name in _FILE.findall(text) if not any((folder / name).is_file() for folder in above + below)]


def missing_names(text: str) -> list[str]:
    """The dotted names of the package in backticks that cannot be imported."""
    return [name for name in _DOTTED.findall(text) if not _exists(name)]


def _exists(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("fastssl"):
                return True  # it is there, and needs what is not installed
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute, None)
        return found is not None
    return False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_and_name_that_is_pointed_to_exists(path: Path) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for line, text in texts(path)
        for name in [*missing_files(path, text), *missing_names(text)]
    ]
    assert not wrong, "\n".join(wrong)


def test_a_pointer_to_nothing_is_found(tmp_path: Path) -> None:
    """Both kinds, in docstrings, strings under a value, and comments; what is there is not complained of."""
    here = tmp_path / "package" / "part"
    here.mkdir(parents=True)
    source = here / "one.py"
    source.write_text(
        '"""See `gone.py`."""\nA = 1\n"""As part/one.py, part/gone.sh."""\nB = 2  # package/no.py, one.py\n'
    )
    found = [name for _, text in texts(source) for name in missing_files(source, text, tmp_path)]
    assert found == ["gone.py", "part/gone.sh", "package/no.py"]
    assert missing_names("`fastssl.train(x=1)`, `fastssl.nothing`, `fastssl.data.open.gone`, `fastssl.kernels`") == [
        "fastssl.nothing",
        "fastssl.data.open.gone",
    ]
