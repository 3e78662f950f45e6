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

PACKAGES = ("torch", "triton", "nvidia-dali-cuda130", "timm", "numpy", "kornia")


def best_device() -> str:
    """ "cuda" if there is one, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name() -> str:
    """The GPU's name, or the processor's and how many threads torch uses on it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{_processor()} x{torch.get_num_threads()}"


def environment() -> dict[str, Any]:
    """Device, versions, commit and date: what a figure cannot be read without."""
    return {
        "device": device_name(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": os.environ.get("FASTSSL_COMMIT") or _git("rev-parse", "--short", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load_average": platform.system() == "Linux" and Path("/proc/loadavg").read_text(encoding="ascii").split()[:3],
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


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
