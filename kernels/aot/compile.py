"""Compiling one variant and reading what came out. Covers: Triton's compiler and cuobjdump. Does not cover: budgets."""

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

# wgmma on Hopper, tcgen05 on Blackwell, mma.sync elsewhere, as cuobjdump prints them.
TENSOR_CORE_INSTRUCTIONS = ("HGMMA", "UTCHMMA", "HMMA")
WIDEST_LOADS = ("LDG.E.128", "LDGSTS.E.BYPASS.128", "UTMALDG")
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


@dataclass(frozen=True)
class Compiled:
    """Resources of one program. tensor_cores: the instruction that multiplies tiles, or "". divisions: integer ones."""

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
        usage = _cuobjdump("--dump-resource-usage", cubin)
        instructions = re.findall(
            r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?\w+ )?([A-Z][A-Z0-9_.]+)", _cuobjdump("-sass", cubin), re.M
        )
    used = (name for name in TENSOR_CORE_INSTRUCTIONS if any(i.startswith(name) for i in instructions))
    return Compiled(
        registers=int(re.search(r"REG:(\d+)", usage)[1]),
        shared=kernel.metadata.shared,
        spill=int(re.search(r"STACK:(\d+)", usage)[1]),
        tensor_cores=next(used, ""),
        widest_loads=sum(i.startswith(WIDEST_LOADS) for i in instructions),
    )


def _cuobjdump(option: str, cubin: Path) -> str:
    finished = subprocess.run([CUOBJDUMP, option, cubin], capture_output=True, text=True, check=True)
    return finished.stdout
