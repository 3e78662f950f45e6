"""What a figure was measured on: device, processor, versions, commit, load.

Covers: reading them off this machine. Does not cover: what the machine can do at best (`ceilings.py`), measuring.

FASTSSL_COMMIT in the environment names the commit where there is no git to ask. Nothing here names the machine itself.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import datetime, timezone
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from fastssl.diagnosis.processor import find_processor
from fastssl.runtime.resolve import native_precisions

PACKAGES = (
    "torch",
    "triton",
    "nvidia-dali-cuda130",
    "timm",
    "numpy",
    "scikit-learn",
    "kornia",
    "torchvision",
    "lightly",
    "monai",
    "stable-pretraining",
    "lightning",
)
ROOT = Path(__file__).parents[2]
CODE = ("fastssl", "kernels", "pipelines", "bench/**/*.py")
LIMITS = {"ONEDNN_MAX_CPU_ISA": "oneDNN", "ATEN_CPU_CAPABILITY": "ATen", "MKL_ENABLE_INSTRUCTIONS": "MKL"}
"""Variables that hold a library to fewer instructions than the processor has."""
LEFT_OUT = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "PYTHONPATH")
"""Beginnings of the variables that set threads, or where packages are found."""


def best_device() -> str:
    """ "cuda" if there is one, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name() -> str:
    """The GPU's name, or the processor's, its best instruction set and how many threads torch uses on it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    found = processor()
    best = found["instructions"][-1:]
    return " ".join([found["name"], *best, f"x{torch.get_num_threads()}"])


def device_slug() -> str:
    """`device_name` as a folder is named: "amd-epyc-avx512-bf16-x2"."""
    return re.sub(r"[^a-z0-9]+", "-", device_name().lower()).strip("-")


def machine() -> dict[str, Any]:
    """Device, processor and versions: what a figure cannot be read without, and what stays the same over a session."""
    limits = {library: os.environ[name] for name, library in LIMITS.items() if name in os.environ}
    return {
        "device": device_name(),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        **({"held to": limits} if limits else {}),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def commit() -> dict[str, Any]:
    """The commit's short "id", and whether tracked code differs from it ("modified")."""
    return {
        "id": os.environ.get("FASTSSL_COMMIT") or _git("rev-parse", "--short", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--untracked-files=no", "--", *CODE)),
    }


def load_average() -> list[float] | None:
    """Processes that ran or wanted to, over 1, 5 and 15 minutes; None where the system does not say."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None


def environment() -> dict[str, Any]:
    """All of it, with the date, for a file of figures."""
    return {
        **machine(),
        "commit": commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load_average": load_average(),
    }


@lru_cache(maxsize=1)
def processor() -> dict[str, Any]:
    """The processor's "name", its "cores" that this process may use, and those of `INSTRUCTION_SETS` that it has.

    Hypervisors give many processors one name, so the name alone says little about speed.
    """
    found = find_processor()
    return {
        "name": found.name,
        "family": found.family,
        "model": found.model,
        "cores": found.allowed,
        "instructions": list(found.instructions),
    }


def user_environment() -> dict[str, str]:
    """The environment of a process as its user starts it: what sets threads or where packages are found is left out.

    What holds a library to fewer instructions (`LIMITS`) stays.
    """
    return {name: value for name, value in os.environ.items() if name in LIMITS or not name.startswith(LEFT_OUT)}


def multiplies_bf16() -> bool:
    """Whether the device multiplies bf16 in its own units, so that mixed precision pays."""
    return "bf16" in native_precisions(torch.device(best_device()))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    """What git says; nothing where it is not installed or this is no checkout."""
    if shutil.which("git") is None:
        return ""
    finished = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return finished.stdout.strip()
