"""Compiling one variant and reading what came out.

Covers: Triton's compiler, its PTX, the resources that cuobjdump finds in the cubin. Does not cover: budgets.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from fastssl.kernels.aot.variants import Variant

# Hopper's, Blackwell's and everybody's way to multiply tiles, by their names in PTX.
TENSOR_CORE_INSTRUCTIONS = ("wgmma.mma_async", "tcgen05.mma", "mma.sync")
WIDEST_LOADS = re.compile(r"ld\.global[.\w]*\.v4\.b32|ld\.global[.\w]*\.v2\.b64|cp\.async\.cg[^;]*, 0x10,")
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


@dataclass(frozen=True)
class Compiled:
    """Resources of one program. spill: bytes of stack. tensor_cores: the instruction that multiplies tiles, or ""."""

    registers: int
    shared: int
    spill: int
    tensor_cores: str
    widest_loads: int


def compile_variant(variant: Variant) -> Compiled:
    """Compile down to machine code (0.3 to 3 s, cached by Triton) and count."""
    names = variant.kernel.arg_names
    aligned = [
        name for name, kind in variant.signature.items() if kind not in ("fp32",) and name not in variant.unaligned
    ]
    source = ASTSource(
        fn=variant.kernel,
        signature={name: variant.signature.get(name, "constexpr") for name in names},
        constexprs=variant.constants,
        attrs={(names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    options = {"num_warps": variant.warps, "num_stages": variant.stages}
    kernel = triton.compile(source, target=GPUTarget("cuda", variant.architecture, 32), options=options)
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernel.cubin"
        cubin.write_bytes(kernel.asm["cubin"])
        command = [str(CUOBJDUMP), "--dump-resource-usage", str(cubin)]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ptx = kernel.asm["ptx"]
    return Compiled(
        registers=_resource("REG", usage),
        shared=kernel.metadata.shared,
        spill=_resource("STACK", usage),
        tensor_cores=next((name for name in TENSOR_CORE_INSTRUCTIONS if name in ptx), ""),
        widest_loads=len(WIDEST_LOADS.findall(ptx)),
    )


def _resource(name: str, usage: str) -> int:
    found = re.search(rf"{name}:(\d+)", usage)
    if found is None:
        raise ValueError(f"cuobjdump reports no {name}, only {usage!r}")
    return int(found[1])
