"""Which instructions of a processor oneDNN may use, which multiplies for PyTorch on a CPU.

Covers: the variables that hold it back. Free of torch. Does not cover: what the processor has (`fastssl.diagnosis`).
"""

from __future__ import annotations

from collections.abc import Mapping

LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Variables of the environment that oneDNN reads, the first one first."""

WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"}
"""Values under which it multiplies no bf16, whatever the processor has."""


def without_bf16(environment: Mapping[str, str]) -> bool:
    """Tell whether oneDNN is held to instructions that have no bf16.

    Args:
        environment: variables and values.

    Returns:
        Whether it is.
    """
    limit = next((environment[name] for name in LIMITS if environment.get(name)), "DEFAULT")
    return limit.upper() in WITHOUT_BF16
