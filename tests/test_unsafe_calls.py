"""No code of this package unpickles, evaluates text, or unpacks archives into the file system."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for room in ("fastssl", "kernels", "pipelines", "examples") for path in (ROOT / room).rglob("*.py"))

MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve", "pty"}
"""That run what they read, or make it easy."""
NEVER = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.unsafe_load_all", "yaml.full_load_all"),
    *("shutil.unpack_archive", "torch.hub.load", "torch.jit.load", "torch.package.PackageImporter"),
    *("pandas.read_pickle", "pd.read_pickle", "tempfile.mktemp"),
}
NEEDED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
"""Call -> the argument that has to be given, in so many words."""
NEEDED_HERE = {"fastssl/exports/to_torchscript.py": "torch.jit.load(...)"}
"""A file may make a call all the same: of the program that it has written a moment before, to compare it."""
METHODS = {"extract", "extractall"}
"""Of archives; a name in one may lead anywhere."""


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def unsafe(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"{node.lineno}: import {name}" for name in names if name.split(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords if is_constant(keyword)}
        if name in NEVER or given.get("allow_pickle") is True or given.get("shell") is True:
            yield f"{node.lineno}: {name}(...)"
        if name in NEEDED and given.get(NEEDED[name][0]) is not NEEDED[name][1]:
            yield f"{node.lineno}: {name}(...) without {NEEDED[name][0]}={NEEDED[name][1]}"
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS and is_archive(node.func.value):
            yield f"{node.lineno}: {name}(...)"


def is_constant(keyword: ast.keyword) -> bool:
    return isinstance(keyword.value, ast.Constant)


def is_archive(node: ast.expr) -> bool:
    """`pandas`' `str.extract` is another matter; here only names are told apart."""
    return any(word in dotted(node).lower() for word in ("zip", "tar", "archive", "?", "file"))


def test_no_code_runs_what_it_reads() -> None:
    assert len(FILES) > 200
    found = [(str(path.relative_to(ROOT)), line) for path in FILES for line in unsafe(path.read_text(encoding="utf-8"))]
    assert [(file, line) for file, line in found if not line.endswith(f": {NEEDED_HERE.get(file)}")] == []
    assert len(found) == len(NEEDED_HERE)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('f')",
        "torch.load('f', weights_only=False)",
        "torch.load('f', weights_only=flag)",
        "np.load('f')",
        "np.load('f', allow_pickle=True)",
        "anything(allow_pickle=True)",
        "eval('1')",
        "exec(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text)",
        "zipfile.ZipFile('f').extractall('to')",
        "archive.extract('a')",
        "shutil.unpack_archive('f')",
        "subprocess.run('ls', shell=True)",
        "torch.hub.load('a', 'b')",
        "torch.jit.load('f')",
    ],
)
def test_each_of_them_would_be_found(source: str) -> None:
    assert list(unsafe(source))


@pytest.mark.parametrize(
    "source",
    [
        "torch.load('f', weights_only=True)",
        "np.load('f', allow_pickle=False)",
        "yaml.safe_load(text)",
        "model.eval()",
        "re.compile('a')",
        "self.compile(x)",
        "extraction.of_all(1)",
    ],
)
def test_what_is_safe_is_let_be(source: str) -> None:
    assert list(unsafe(source)) == []
