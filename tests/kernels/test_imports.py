"""What `import fastssl.kernels` binds and what it brings along.

Covers: names that a folder and its public function share; the packages that are not imported.
Does not cover: machines without Triton (test_dispatch.py).
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from fastssl import kernels

MODULES = [found.name for found in pkgutil.walk_packages(kernels.__path__, "fastssl.kernels.")]


def run(program: str) -> str:
    """What a program of its own prints."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_neither_triton_nor_dali_is_imported_with_the_package():
    loaded = run("import sys, fastssl.kernels; print(*sys.modules)").split()
    assert "torch" in loaded
    assert not [name for name in loaded if name == "triton" or name.startswith("nvidia.dali")]


def test_a_folder_imported_first_does_not_take_its_functions_place():
    pytest.importorskip("triton")
    program = (
        "from fastssl.kernels.info_nce import launch\n"
        "import fastssl.kernels.nt_xent.launch, fastssl.kernels as kernels\n"
        "print(callable(kernels.info_nce), callable(kernels.nt_xent), callable(launch.launch_info_nce))"
    )
    assert run(program).split() == ["True"] * 3


def test_every_public_name_stays_callable_after_every_module_was_imported():
    pytest.importorskip("triton")
    folders = {name.split(".")[2] for name in MODULES}
    assert {"info_nce", "nt_xent", "masked_mse", "transform_pixels", "small_map_conv2d"} <= folders & set(
        kernels.__all__
    )
    for name in MODULES:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    assert all(callable(getattr(kernels, name)) for name in kernels.__all__)
