"""Variables of the environment that change what fastssl and its libraries do.

Covers: which of them are shown, and how. Does not cover: what they do to threads (`fastssl.threads`).
"""

from __future__ import annotations

from collections.abc import Mapping

SHOWN = (
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "MKL_NUM_THREADS",
    "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_LAUNCH_BLOCKING",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "TORCH_COMPILE_DISABLE",
    "TORCHDYNAMO_DISABLE",
    "TORCH_LOGS",
    "TRITON_INTERPRET",
    "HF_HUB_OFFLINE",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "WORLD_SIZE",
    "SLURM_NTASKS",
    "FASTSSL_TRACEBACK",
)
"""Variables whose values are numbers and switches."""
NAMED = ("FASTSSL_CACHE", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "HF_HOME", "TORCH_HOME", "LD_PRELOAD", "CXX")
"""Variables whose values are paths, which may tell of people: only that they are set is shown."""
LONGEST = 60


def shown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Choose what is shown of an environment.

    Args:
        environment: variables and values.

    Returns:
        Those that matter: the values of some, "(set)" for others.
    """
    own = environment.get("FASTSSL_SPIN_COUNT"), environment.get("FASTSSL_THREADS")  # what fastssl sets for itself
    ours = dict(zip(("GOMP_SPINCOUNT", "OMP_NUM_THREADS"), own, strict=True))
    values = {name: environment[name][:LONGEST] for name in SHOWN if name in environment}
    values = {name: value for name, value in values.items() if ours.get(name) != value}
    return values | {name: "(set)" for name in NAMED if name in environment}
