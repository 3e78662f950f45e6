"""Networks whose convolutions fit small maps, against the same networks as they were.

Covers: outputs and gradients of encoders of several kinds, keys, every stage over three steps, memory near small maps.
"""

from __future__ import annotations

import copy
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fastssl.data import Source, Split
from fastssl.kernels import small_map_conv2d
from fastssl.models.encoder import create_encoder
from fastssl.models.small_maps import SmallMapConv2d, use_small_maps
from fastssl.runtime import Runtime
from fastssl.runtime.runtime import ModuleT
from fastssl.stages.registry import STAGES, train_config
from fastssl.training.build import build_run
from fastssl.training.progress import StepClock

HEAP_CHECKER = Path("/lib/x86_64-linux-gnu/libc_malloc_debug.so.0")


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "test_convnext", "mobilenetv3_small_050", "efficientnet_lite0"]
)
def test_an_encoder_computes_the_same_as_before(name: str) -> None:
    plain = create_encoder(name, 1, 28, seed=0).double().eval()  # eval: a batch norm over two values amplifies rounding
    ours = use_small_maps(copy.deepcopy(plain))
    images = torch.randn(3, 1, 28, 28, dtype=torch.float64)
    expected, actual = plain(images), ours(images)
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)
    upstream = torch.randn_like(expected)
    for network, output in ((plain, expected), (ours, actual)):
        network.zero_grad()
        output.backward(upstream)
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-7, atol=1e-10)


def test_keys_stay_and_other_kinds_of_convolution_stay_as_they_are() -> None:
    class Own(nn.Conv2d):
        pass

    network = nn.Sequential(nn.Conv2d(1, 2, 3), Own(2, 2, 3), nn.ConvTranspose2d(2, 2, 3))
    keys = list(network.state_dict())
    assert use_small_maps(network) is network
    assert [type(part) for part in network] == [SmallMapConv2d, Own, nn.ConvTranspose2d]
    assert list(network.state_dict()) == keys
    assert isinstance(copy.deepcopy(network)[0], SmallMapConv2d)


def test_padding_by_reflection_is_kept() -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect")
    images = torch.randn(2, 2, 2, 2)
    torch.testing.assert_close(use_small_maps(copy.deepcopy(plain))(images), plain(images))


class PlainRuntime(Runtime):
    """Leaves convolutions as they are."""

    def place(self, module: ModuleT) -> ModuleT:
        return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_trains_as_without_them(stage: str) -> None:
    """Three steps: what every weight has moved by is the same but for rounding, and so are running statistics."""
    images = np.random.default_rng(0).integers(0, 256, (32, 28, 28, 3), dtype=np.uint8)
    source = Source(name="noise", splits={"train": Split(images=images)})
    lr = 0.1 if stage == "simclr" else 1e-3  # LARS scales it down
    config = train_config({"stage": stage, "encoder": "resnet18", "batch_size": 16, "steps": 3, "lr": lr})

    def changes(runtime: Runtime) -> dict[str, torch.Tensor]:
        run = build_run(config, source, runtime)
        state = run.stage.encoder.state_dict()
        with run.open() as engine:
            engine.warm_up()
            before = {key: value.clone() for key, value in state.items() if value.is_floating_point()}
            engine.fit(3, lambda metrics: None, StepClock(16))
        fitted = any(isinstance(part, SmallMapConv2d) for part in run.stage.modules())
        assert fitted != isinstance(runtime, PlainRuntime)
        return {key: run.stage.encoder.state_dict()[key] - value for key, value in before.items()}

    options = {"device": torch.device("cpu"), "precision": "fp32", "compile": False}
    with_products, without = changes(Runtime(**options)), changes(PlainRuntime(**options))
    for key, value in without.items():
        assert value.norm() > 0, key
        assert (with_products[key] - value).norm() <= 0.02 * value.norm(), key


GRID = list(itertools.product((1, 3, 8, 16), (1, 2, 3), (1, 2, 3), (1, 2, 3), (False, True)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_gradients_near_small_maps_read_no_uninitialised_memory(dtype: torch.dtype) -> None:
    """oneDNN's bf16 weight gradient does (torch 2.14.1): freed memory is filled with NaN first, to be found again."""
    wrong = []
    for channels, kernel, stride, side, depthwise in GRID:
        torch.manual_seed(0)
        groups = channels if depthwise else 1
        x = torch.randn(4, channels, side, side).to(dtype).to(memory_format=torch.channels_last).requires_grad_()
        weight = torch.randn(channels if depthwise else 16, channels // groups, kernel, kernel).to(dtype)
        weight = weight.to(memory_format=torch.channels_last).requires_grad_()
        output = small_map_conv2d(x, weight, None, stride, kernel // 2, groups=groups)
        upstream = torch.randn(output.shape).to(dtype).to(memory_format=torch.channels_last)
        sizes = (x.numel(), weight.numel(), output.numel())
        del_me = [torch.full((n,), torch.nan, dtype=d) for n in sizes for d in (dtype, torch.float32) for _ in range(3)]
        del del_me
        found = torch.autograd.grad(output, (x, weight), upstream)
        exact = [t.detach().double().requires_grad_() for t in (x, weight)]
        wanted = torch.autograd.grad(
            F.conv2d(*exact, None, stride, kernel // 2, groups=groups), exact, upstream.double()
        )
        for ours, theirs in zip(found, wanted, strict=True):
            error = (ours.double() - theirs).abs().max() / theirs.abs().max().clamp_min(1e-9)
            if not error < (1e-4 if dtype == torch.float32 else 0.03):
                wrong.append((channels, kernel, stride, side, depthwise))
    assert wrong == []


SOUND = """
import sys
import torch
from torch import nn
from fastssl.models.small_maps import use_small_maps
torch.set_num_threads(1)

class Own(nn.Conv2d):
    def forward(self, images):
        return nn.functional.conv2d(images, self.weight, self.bias, self.stride)

def train(network, channels, side, batch=8):
    use_small_maps(network.to(memory_format=torch.channels_last))
    for _ in range(4):
        images = torch.randn(batch, channels, side, side).to(memory_format=torch.channels_last).requires_grad_()
        network(images).square().mean().backward()

if sys.argv[1] == "layers":
    for kind in (nn.Conv2d, Own):
        for inputs, side, outputs in [(1, 14, 48), (1, 28, 64), (3, 28, 64), (4, 14, 16), (7, 9, 5)]:
            for stride in (2, 4, (1, 2)) if kind is nn.Conv2d else (2,):
                train(kind(inputs, outputs, 1, stride=stride), inputs, side)
else:
    from timm.layers import Conv2dSame
    from fastssl.models.encoder import create_encoder
    from fastssl.models.unet import create_unet
    train(Conv2dSame(3, 64, 1, stride=2), 3, 28)
    for name in sys.argv[1:]:
        train(create_encoder(name, 3, 32, seed=0), 3, 32, batch=4)
        train(create_encoder(name, 1, 28, seed=0), 1, 28, batch=4)
        train(create_unet(create_encoder(name, 3, 32, seed=0), 3, 32, 1), 3, 32, batch=4)
print("sound")
"""
CHECKED = {
    "LD_PRELOAD": str(HEAP_CHECKER),
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "MALLOC_CHECK_": "3",
    "PYTHONMALLOC": "malloc",
}
"""The heap's own marks are looked at whenever memory is taken or given back."""


def run_checked(script: str, *arguments: str, instructions: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **CHECKED, "ONEDNN_MAX_CPU_ISA": instructions}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("instructions", ["AVX2", "ALL"])
@pytest.mark.parametrize(
    "what",
    [
        ["layers"],
        pytest.param(["repvgg_a0", "mobileone_s0", "fastvit_t8"], marks=pytest.mark.slow),
    ],
    ids=lambda what: what[0],
)
@pytest.mark.skipif(not HEAP_CHECKER.exists(), reason="glibc's heap checker is not on this machine")
def test_strided_kernels_on_few_channels_leave_the_heap_alone(what: list[str], instructions: str) -> None:
    """torch 2.14.1's own backward, by oneDNN with AVX2, ends in "free(): invalid pointer" or a crash here."""
    done = run_checked(SOUND, *what, instructions=instructions)
    assert (done.returncode, done.stdout.strip()) == (0, "sound"), done.stderr[-500:]


COMMANDS = """
import io, sys
import numpy as np
import torch
from rich.console import Console
import fastssl
torch.set_num_threads(1)
folder = sys.argv[1]
rng = np.random.default_rng(0)
parts = {"train": 24, "val": 8, "test": 8}
arrays = {f"{n}_images": rng.integers(0, 256, (k, 32, 32), dtype=np.uint8) for n, k in parts.items()}
np.savez(f"{folder}/data.npz", **arrays, **{f"{n}_labels": np.arange(k) % 2 for n, k in parts.items()})
quiet = {"console": Console(file=io.StringIO()), "device": "cpu"}
for name in ("repvgg_a0", "mobileone_s0", "fastvit_t8"):
    run = f"{folder}/{name}"
    fastssl.train(encoder=name, data=f"{folder}/data.npz", batch_size=8, steps=2, out=run, **quiet)
    fastssl.probe(run, **quiet)
    fastssl.finetune([run], epochs=1, batch_size=8, trials=1, **quiet)
print("sound")
"""


@pytest.mark.slow
@pytest.mark.skipif(not HEAP_CHECKER.exists(), reason="glibc's heap checker is not on this machine")
def test_encoders_with_such_kernels_train_and_are_evaluated_without_harm_to_the_heap(tmp_path: Path) -> None:
    done = run_checked(COMMANDS, str(tmp_path), instructions="AVX2")
    assert (done.returncode, done.stdout.strip()) == (0, "sound"), done.stderr[-800:]


def test_other_kinds_of_such_kernels_compute_the_same_by_rows() -> None:
    class Own(nn.Conv2d):
        pass

    torch.manual_seed(0)
    plain = Own(3, 5, 1, stride=2)
    ours = use_small_maps(use_small_maps(copy.deepcopy(plain).to(memory_format=torch.channels_last)))
    assert len(ours._forward_pre_hooks) == 1
    assert ours.weight.stride() == (3, 1, 1, 1)
    seen = []
    ours.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].stride()))
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(ours(images.to(memory_format=torch.channels_last)), plain(images))
    assert seen == [images.stride()]
