"""What a figure was measured on: device, versions, commit, date, load.

Covers: reading them off this machine. Does not cover: measuring (`harness.py`).

FASTSSL_COMMIT in the environment names the commit where there is no git to ask.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "triton", "nvidia-dali-cuda130", "timm", "numpy", "kornia", "torchvision", "lightly")
INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Of x86 processors: those that decide which kernels oneDNN takes. Linux alone names them."""


def best_device() -> str:
    """ "cuda" if there is one, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name() -> str:
    """The GPU's name, or the processor's and how many threads torch uses on it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{processor()['name']} x{torch.get_num_threads()}"


def environment() -> dict[str, Any]:
    """Device, versions, commit and date: what a figure cannot be read without."""
    return {
        "device": device_name(),
        "processor": processor(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": os.environ.get("FASTSSL_COMMIT") or _git("rev-parse", "--short", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load_average": platform.system() == "Linux" and Path("/proc/loadavg").read_text(encoding="ascii").split()[:3],
    }


def processor() -> dict[str, Any]:
    """The processor's "name", its "cores" that this process may use, and those of `INSTRUCTION_SETS` that it has.

    Hypervisors give many processors one name, so the name alone says little about speed.
    """
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = values.get("flags", "").split()
    return {
        "name": values.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": [name for name in INSTRUCTION_SETS if name in flags],
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    """What git says; nothing where it is not installed or this is no checkout."""
    if shutil.which("git") is None:
        return ""
    finished = subprocess.run(
        ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return finished.stdout.strip()
