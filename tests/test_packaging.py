"""The distribution: three folders of the repository under one import name, and nothing beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest

import fastssl

ROOT = Path(__file__).parents[1]
FOLDERS = {"fastssl": "fastssl", "kernels": "fastssl.kernels", "pipelines": "fastssl.pipelines"}

pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="needs a checkout")


def modules() -> set[str]:
    """Every Python file of the package, where an installation has it."""
    found = set()
    for folder, name in FOLDERS.items():
        for path in (ROOT / folder).rglob("*.py"):
            found.add(f"{name.replace('.', '/')}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


DECLARED = """
import json, runpy, setuptools
setuptools.setup = lambda **settings: print(json.dumps(settings))
runpy.run_path("setup.py")
"""


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """What setup.py hands to setuptools."""
    ran = subprocess.run([sys.executable, "-c", DECLARED], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def test_every_folder_with_code_is_a_package_under_the_import_name(declared: dict[str, Any]) -> None:
    assert set(declared["packages"]) == {str(Path(module).parent).replace("/", ".") for module in modules()}
    assert declared["package_dir"] == {name: folder for folder, name in FOLDERS.items()}
    assert all((ROOT / folder / "py.typed").is_file() for folder in FOLDERS)


def test_names_and_version_are_declared_once_and_alike(declared: dict[str, Any]) -> None:
    assert declared["name"] == "fastssl-engine"
    assert declared["version"] == fastssl.__version__
    assert declared["entry_points"] == {"console_scripts": ["fastssl = fastssl.__main__:main"]}


BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, "build_" + sys.argv[1])(sys.argv[2]))
"""


def build(kind: str, source: Path, out: Path) -> Path:
    """An sdist or wheel of `source` by the declared backend, as pip calls it, in this environment."""
    ran = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(out)], cwd=source, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return out / ran.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the unpacked sdist, which therefore holds all that is needed."""
    folder = tmp_path_factory.mktemp("build")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, checkout)
    sdist = build("sdist", checkout, folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    return build("wheel", source, folder)


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert {name.split("/")[0] for name in names} == {"fastssl", f"fastssl_engine-{fastssl.__version__}.dist-info"}
    assert {name for name in names if name.endswith(".py")} == modules()
    templates = {f"fastssl/reports/templates/{path.name}" for path in (ROOT / "fastssl/reports/templates").iterdir()}
    assert templates
    assert {*templates, "fastssl/advice/rules.yaml"} <= names
    assert {name for name in names if name.endswith(".json")} == {
        "fastssl/evaluation/medmnist_plus/published.json",
        "fastssl/kernels/aot_budget.json",
    }
    assert {"fastssl/py.typed", "fastssl/kernels/py.typed", "fastssl/pipelines/py.typed"} <= names
    assert entry_points.split() == ["[console_scripts]", "fastssl", "=", "fastssl.__main__:main"]


# Not `importlib.util.find_spec`: setuptools takes that for the start of pip, and gives up its distutils, which
# `torch.compile` needs later in this process.
@pytest.mark.skipif(PathFinder.find_spec("pip") is None, reason="needs pip")
def test_the_installed_wheel_works_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    script = """
import fastssl, fastssl.kernels, fastssl.pipelines, fastssl.kernels.info_nce.op, fastssl.pipelines.views.two_crops
from fastssl.cli import main
print(fastssl.__file__, fastssl.kernels.__file__, fastssl.pipelines.__file__)
main(["--version"])
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    )
    files, version = ran.stdout.splitlines()
    assert all(Path(file).is_relative_to(target) for file in files.split())
    assert version == fastssl.__version__
    assert (target / "bin" / "fastssl").is_file()
