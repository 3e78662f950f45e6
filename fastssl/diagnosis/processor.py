"""The processor of this machine.

Covers: name, instruction sets, how much of it may be used. Free of torch. Does not cover: threads (`fastssl.threads`).
"""

from __future__ import annotations

import platform
from pathlib import Path

from fastssl.containers import processor_quota
from fastssl.threads import available_processors

from .facts import Processor

INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""Of x86 processors: those that decide which kernels oneDNN takes. Linux alone names them."""


def find_processor(root: Path = Path("/")) -> Processor:
    """Read what the system says of the processor.

    Args:
        root: of the file system that `proc` and `sys` are in.

    Returns:
        The processor.
    """
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())  # of the first one
    values = {key.strip(): value.strip() for key, _, value in pairs}
    flags = values.get("flags", "").split()
    return Processor(
        name=values.get("model name") or platform.processor() or platform.machine(),
        family=values.get("cpu family"),
        model=values.get("model"),
        instructions=tuple(name for name in INSTRUCTION_SETS if name in flags),
        allowed=available_processors(),
        quota=processor_quota(root),
    )
