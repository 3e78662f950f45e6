"""Packages: versions against what fastssl requires, and imports that fail."""

from __future__ import annotations

from importlib import metadata
from typing import NoReturn

import pytest
from packaging.version import Version

from fastssl.diagnosis.packages import OPTIONAL, find_packages, import_problem, is_older


def test_needed_packages_are_those_of_the_distribution_with_their_oldest_versions() -> None:
    lines = ["numpy>=1.26", "no-such-package>=3.1,<4", 'tensorboard>=2.16; extra == "tensorboard"', "rich"]
    packages = {package.name: package for package in find_packages(lambda name: lines)}
    assert packages["numpy"].version == metadata.version("numpy")
    assert (packages["numpy"].least, packages["numpy"].needed, packages["numpy"].problem) == ("1.26", True, "")
    assert (packages["no-such-package"].version, packages["no-such-package"].least) == (None, "3.1")
    assert packages["rich"].least == ""
    assert not packages["tensorboard"].needed
    assert OPTIONAL.keys() <= packages.keys()


def test_where_fastssl_is_not_installed_the_imports_are_tried_all_the_same() -> None:
    def missing(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    packages = {package.name: package for package in find_packages(missing)}
    assert packages["torch"].version == metadata.version("torch")


@pytest.mark.parametrize("version", ["2.9.1", "2.11", "2.11.0", "2.11.0+cu130", "2.12.1", "3.0", "2.2.10", "10.1"])
@pytest.mark.parametrize("least", ["2.11", "2.11.0", "2.2.9", "3"])
def test_versions_are_compared_as_packaging_compares_them(version: str, least: str) -> None:
    public = Version(Version(version).public)
    assert is_older(version, least) == (public < Version(least))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("libtorch.so: undefined symbol\nand much more"), "ImportError: libtorch.so: undefined symbol"),
        (OSError(), "OSError"),
        (AttributeError("module 'numpy' has no attribute 'float'"), "AttributeError: module 'numpy' has no"),
    ],
)
def test_whatever_an_import_raises_is_one_line(error: Exception, said: str) -> None:
    def broken(name: str) -> NoReturn:
        raise error

    assert import_problem("torch", broken).startswith(said)
    assert "\n" not in import_problem("torch", broken)
    assert import_problem("torch", lambda name: None) == ""
