"""`import fastssl` is light: its names are there, and what they need is loaded when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fastssl

HEAVY = ("torch", "triton", "nvidia.dali", "timm", "numpy", "medmnist", "cyclopts", "pydantic", "rich", "yaml")


def test_importing_it_loads_nothing_heavy() -> None:
    script = f"import sys, fastssl; dir(fastssl); print([name for name in {HEAVY!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize("name", fastssl.__all__)
def test_every_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(fastssl, name) is not None
    assert name in dir(fastssl)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fastssl' has no attribute 'trian'"):
        fastssl.trian  # noqa: B018


def test_a_name_is_the_object_of_its_module() -> None:
    from fastssl.config import TrainConfig
    from fastssl.recipes import train

    assert fastssl.train is train
    assert fastssl.TrainConfig is TrainConfig
