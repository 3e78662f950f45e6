"""What every stage's step asks of a device, against what torch says that Apple's GPUs have.

A step runs on the CPU; each operator and each tensor that it makes is looked at. torch ships the table of its operators
(torchgen), which names those with a kernel for "MPS" and those that are composed of others. An operator that only a CPU
has, or one that is composed of something missing, would still be found on an Apple GPU alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fastssl.data import Source
from fastssl.data.source import Split
from fastssl.kernels.grouped_batch_norm.reference import grouped_batch_norm_reference
from fastssl.runtime import Runtime
from fastssl.stages.registry import STAGES, train_config
from fastssl.training.build import build_run

LACKING = {torch.float64, torch.uint16, torch.uint32, torch.uint64}


class Seen(TorchDispatchMode):
    """Keeps the names of all operators, and those that make a tensor of a dtype that an Apple GPU lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: set[str] = set()
        self.lacking: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.namespace == "aten":
            self.operators.add(str(func).removeprefix("aten.").removesuffix(".default"))
        outputs = made if isinstance(made, (tuple, list)) else [made]
        if any(isinstance(value, torch.Tensor) and value.dtype in LACKING for value in outputs):
            self.lacking.add(str(func))
        return made


@pytest.fixture(scope="module")
def on_apple() -> set[str]:
    """Operators with a kernel for Apple's GPUs, or composed of others."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    torchgen = pytest.importorskip("torchgen", reason="this torch has no table of its operators")
    path = Path(torchgen.__file__).parent / "packaged" / "ATen" / "native" / "native_functions.yaml"
    rows = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    table = {row["func"].partition("(")[0]: row for row in rows}

    def has_kernel(row: dict[str, Any]) -> bool:
        keys = table.get(row.get("structured_delegate"), row).get("dispatch")
        return keys is None or any("MPS" in key or key.startswith("Composite") for key in keys)

    return {name for name, row in table.items() if has_kernel(row)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_step_needs_nothing_that_apples_gpus_lack(stage: str, on_apple: set[str]) -> None:
    encoder = "auto" if stage == "vae" else "test_resnet"
    config = train_config({"stage": stage, "size": 32, "batch_size": 4, "steps": 4, "encoder": encoder})
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 1), dtype=np.uint8)
    runtime = Runtime(device=torch.device("cpu"), precision="fp32", compile=False)
    run = build_run(config, Source(name="noise", splits={"train": Split(images=images)}), runtime)
    with run.open() as engine:
        for batch in _first(engine.loader, 2):
            with Seen() as seen:
                engine.train_step(batch)
            assert seen.operators - on_apple == set()
            assert seen.lacking == set()
            assert len(seen.operators) > 20


def test_split_batch_norm_needs_nothing_that_apples_gpus_lack(on_apple: set[str]) -> None:
    """On an Apple GPU it is one formula over all parts, where a CPU takes torch's kernel on each."""
    x = torch.randn(4, 3, 5, 5, requires_grad=True)
    mean, variance, weight, bias = torch.zeros(3), torch.ones(3), torch.ones(3), torch.zeros(3)
    with Seen() as seen:
        grouped_batch_norm_reference(x, 2, mean, variance, weight, bias, 0.1, 1e-5, None).square().sum().backward()
    assert seen.operators - on_apple == set()
    assert seen.lacking == set()
    assert x.grad is not None


def test_the_table_names_what_only_cpus_have(on_apple: set[str]) -> None:
    assert "_scaled_dot_product_flash_attention_for_cpu" not in on_apple
    assert {"convolution", "native_batch_norm", "index_copy_", "_fused_sgd_", "_fused_adamw_"} <= on_apple


def _first(loader: Any, count: int) -> Iterator[Any]:
    for batch, _ in zip(loader, range(count), strict=False):
        yield batch
