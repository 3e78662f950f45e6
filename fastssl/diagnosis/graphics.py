"""The GPUs of this machine, and why there are none.

Covers: NVIDIA's driver, what PyTorch sees of it. Does not cover: Apple's GPUs, which `fastssl.runtime` speaks of.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .facts import Gpu, Graphics

NOT_TOLD = "of an unknown version"


def find_graphics(torch: Any, root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> Graphics:
    """Look for GPUs.

    Args:
        torch: the module; None where it cannot be imported.
        root: of the file system that `proc` and `dev` are in.
        environment: variables; None for those of this process.

    Returns:
        What was found.
    """
    given = os.environ if environment is None else environment
    return Graphics(
        gpus=() if torch is None else _gpus(torch),
        driver=_driver(root),
        cuda=None if torch is None else torch.version.cuda,
        visible=given.get("CUDA_VISIBLE_DEVICES"),
    )


def why_no_gpu(graphics: Graphics) -> str:
    """Say why PyTorch can use no NVIDIA GPU.

    Args:
        graphics: without GPUs.

    Returns:
        A few words.
    """
    if graphics.driver is None:
        return "no NVIDIA driver was found"
    if graphics.visible is not None and graphics.visible.strip() in ("", "-1"):
        return f"hidden by CUDA_VISIBLE_DEVICES={graphics.visible!r}"
    if graphics.cuda is None:
        return f"this PyTorch is built without CUDA, and NVIDIA's driver {graphics.driver} is there"
    return f"PyTorch for CUDA {graphics.cuda} finds none through NVIDIA's driver {graphics.driver}"


def _gpus(torch: Any) -> tuple[Gpu, ...]:
    if not torch.cuda.is_available():
        return ()
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return tuple(Gpu(name=one.name, capability=f"{one.major}.{one.minor}", memory=one.total_memory) for one in found)


def _driver(root: Path) -> str | None:
    """The version of NVIDIA's driver, as its kernel module tells it; on Windows' Linux its library alone is there."""
    try:
        told = (root / "proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace")
    except OSError:
        there = any((root / path).exists() for path in ("dev/nvidiactl", "usr/lib/wsl/lib/libcuda.so.1"))
        return NOT_TOLD if there else None
    found = re.search(r"\b\d{3,}\.\d+(?:\.\d+)*", told)
    return found[0] if found else NOT_TOLD
