"""That stable-pretraining's SimCLR starts as ours does, computes the same loss and is timed as the others are.

Covers: weights, head, loss, views, the clock, a short run. Does not cover: speed (`bench/end_to_end/test_peers.py`).
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.peers.starting import Order, lightly_strength
from fastssl.kernels import nt_xent
from fastssl.models.encoder import create_encoder
from fastssl.models.heads import projection_head
from fastssl.pipelines import TwoCrops

if find_spec("stable_pretraining") is None:
    pytest.skip("needs stable-pretraining: pip install stable-pretraining", allow_module_level=True)
RUNNER = Path(__file__).parents[3] / "bench" / "peers" / "run_stable_pretraining.py"

# In a process of its own: its import takes ten seconds, changes Lightning and installs hooks.
CHECK = """
import json, sys
import numpy as np, torch
from stable_pretraining_simclr import TEMPERATURE, make_module, make_views
strength = json.loads(sys.argv[1])
found = {"temperature": TEMPERATURE}
for channels in (1, 3):
    module = make_module(channels)
    torch.save(module.backbone.state_dict(), f"{sys.argv[2]}/{channels}.pt")
    found[f"head {channels}"] = [list(parameter.shape) for parameter in module.projector.parameters()]
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, channels), dtype=np.uint8)
    one, other = make_views(images, strength[str(channels)])[0]["views"]
    found[f"shapes {channels}"] = [list(view["image"].shape) for view in (one, other)]
    found[f"differ {channels}"] = not torch.equal(one["image"], other["image"])
    found[f"largest {channels}"] = float(torch.stack([one["image"], other["image"]]).abs().max())
one, other = torch.randn(2, 6, 128, generator=torch.Generator().manual_seed(0))
found["loss"] = float(module.simclr_loss(one, other))
print(json.dumps(found))
"""


@pytest.mark.slow
def test_it_starts_and_sees_as_ours_and_computes_the_same_loss(tmp_path: Path) -> None:
    strength = {
        str(channels): lightly_strength(TwoCrops(64, channels, rotation=10.0, vertical_flip=0.5)) for channels in (1, 3)
    }
    command = [sys.executable, "-c", CHECK, json.dumps(strength), str(tmp_path)]
    finished = subprocess.run(command, cwd=RUNNER.parent, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    for channels in (1, 3):
        ours = create_encoder("resnet18", channels, 28, seed=0).state_dict()
        theirs = torch.load(tmp_path / f"{channels}.pt")
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert found[f"head {channels}"] == [list(value.shape) for value in projection_head(512, 128).parameters()]
        assert found[f"shapes {channels}"] == [[channels, 64, 64]] * 2
        assert found[f"differ {channels}"]
        assert 0.5 < found[f"largest {channels}"] <= 1 + 1e-6
    embeddings = torch.randn(2, 6, 128, generator=torch.Generator().manual_seed(0)).flatten(0, 1)
    assert found["loss"] == pytest.approx(float(nt_xent(embeddings, found["temperature"])), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("amp", [False, True])
def test_a_run_is_timed_and_reported(amp: bool, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 1), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", train_images=images)
    strength = lightly_strength(TwoCrops(32, 1))
    order = Order(str(tmp_path / "images.npz"), 4, 8, 5, 60.0, amp, strength)
    command = [sys.executable, str(RUNNER), json.dumps(asdict(order))]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    line = json.loads(finished.stdout.splitlines()[-1])
    assert line["steps"] == 5
    assert line["bf16"] is amp
    assert line["images_per_second"] > 0
    assert 0 <= line["data_wait"] <= 1
    assert math.log(7) / 2 < line["loss"] / 8 < 2 * math.log(7)
    assert {path.name for path in tmp_path.iterdir()} == {"images.npz"}
