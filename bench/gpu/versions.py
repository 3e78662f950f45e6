"""What there is on this machine to test and measure with; exit status 1 if something that is needed is missing.

Covers: the device, the packages that fastssl imports, those that only comparisons need. Does not cover: installing.
"""

from __future__ import annotations

import importlib
import platform
import sys

import torch

NEEDED = (
    "triton",
    "numpy",
    "timm",
    "safetensors",
    "rich",
    "cyclopts",
    "pydantic",
    "yaml",
    "PIL",
    "scipy",
    "sklearn",
    "matplotlib",
    "medmnist",
    "segmentation_models_pytorch",
    "pytest",
    "pytest_benchmark",
    "hypothesis",
    "tifffile",
    "fastssl.kernels",
    "fastssl.pipelines",
    "fastssl.training.train",
)
OPTIONAL = ("nvidia.dali", "kornia", "liger_kernel", "xdist", "pytest_timeout")


def found(name: str) -> str | None:
    """The module's version ("present" where it states none); None, and why on the screen, if it cannot be imported."""
    try:
        module = importlib.import_module(name)
    except Exception as error:
        print(f"  {name}: {type(error).__name__}: {error}")
        return None
    return str(getattr(module, "__version__", "present"))


def main() -> int:
    """Print every version; the exit status."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    print(f"{device}; Python {platform.python_version()}, torch {torch.__version__}")
    versions = {name: found(name) for name in NEEDED + OPTIONAL}
    print(", ".join(f"{name} {version}" for name, version in versions.items() if version))
    missing = [name for name in NEEDED if versions[name] is None]
    if missing:
        print(f"needed and not here: {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
