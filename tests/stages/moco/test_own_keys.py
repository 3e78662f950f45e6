"""Older keys of a query's own image, on small sets a share of the queue: left out of its negatives, and said."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

import fastssl
from fastssl.stages.moco.defaults import auto_queue_size
from fastssl.stages.moco.objective import EMBEDDING_DIM, MoCo
from fastssl.stages.stage import Batch
from fastssl.training.run_state import restore_module

BATCH, FEATURES = 4, 6


def moco(**settings: Any) -> MoCo:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(1, FEATURES, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return MoCo(encoder, FEATURES, **{"queue_size": 10, "momentum": 0.9, "bn_splits": 1, **settings}).train()


def batch(*ids: int) -> Batch:
    views = {view: torch.randn(len(ids), 1, 9, 9) for view in ("query", "key")}
    return views | {"index": torch.tensor(ids)}


def without_ids(views: Batch) -> Batch:
    return {name: view for name, view in views.items() if name != "index"}


def equation_1(model: MoCo, views: Batch) -> Tensor:
    """InfoNCE in fp64 over the rows of the queue whose ids are not the query's, one query at a time."""
    with torch.no_grad():
        query = F.normalize(model.head(model.encoder(views["query"])).double(), dim=1)
        key = F.normalize(model.key_head(model.key_encoder(views["key"])).double(), dim=1)
    losses = []
    for q, k, own in zip(query, key, views["index"], strict=True):
        rows = [row for row, whose in zip(model.queue.double(), model.queue_ids, strict=True) if whose != own]
        logits = torch.stack([q @ k, *(q @ row for row in rows)]) / model.temperature
        losses.append(torch.logsumexp(logits, 0) - logits[0])
    return torch.stack(losses).mean()


@pytest.mark.parametrize("measuring", [True, False])
def test_the_loss_leaves_out_the_querys_own_older_keys(measuring: bool) -> None:
    model = moco()
    model.measuring = measuring
    for ids in ((0, 1, 2, 3), (2, 3, 4, 5), (0, 5, 6, 1), (3, 3, 9, 0)):
        views = batch(*ids)
        output = model.loss(views)
        torch.testing.assert_close(output.loss.double(), equation_1(model, views), rtol=1e-5, atol=1e-5)
        model.after_step(output.carry)


def test_without_ids_every_row_is_a_negative() -> None:
    model, views = moco(), batch(0, 1, 2, 3)
    model.after_step(model.loss(views).carry)
    plain = without_ids(views)
    with_unknown = dict(views, index=torch.tensor([7, 8, 9, 10]))
    assert torch.equal(model.loss(plain).loss, model.loss(with_unknown).loss)
    assert not torch.equal(model.loss(plain).loss, model.loss(views).loss)


def test_ids_follow_their_keys_through_the_ring() -> None:
    model = moco(queue_size=7)
    rows = torch.randn(40, EMBEDDING_DIM)
    for start, stop in ((0, 3), (3, 8), (8, 20), (20, 21)):
        model.after_step({"key": rows[start:stop], "index": torch.arange(start, stop)})
        for row, whose in zip(model.queue, model.queue_ids.tolist(), strict=True):
            assert whose == -1 or torch.equal(row, rows[whose])
    model.after_step({"key": rows[:2]})
    assert (model.queue_ids == -1).sum() == 2


def test_warming_up_fills_ids_too() -> None:
    model = moco(fill_queue=True)
    for ids in ((9, 8, 7, 6), (5, 4, 3, 2), (1, 0, 11, 10)):
        model.warm_up(batch(*ids))
    assert model.queue_ids.tolist() == [11, 10, 7, 6, 5, 4, 3, 2, 1, 0]


def test_a_query_whose_image_is_all_that_the_queue_holds_has_no_loss_and_no_gradient() -> None:
    model = moco(queue_size=4)
    model.after_step({"key": model.queue.clone(), "index": torch.full((4,), 5)})
    output = model.loss(batch(5, 5, 5, 5))
    output.loss.backward()
    assert output.loss == 0.0
    assert not any(parameter.grad.any() for parameter in model.trained_parameters())


def test_the_state_of_a_run_without_ids_loads_and_its_keys_are_nobodys() -> None:
    model, fresh = moco(), moco()
    model.after_step(model.loss(batch(0, 1, 2, 3)).carry)
    state = model.state_dict()
    assert state["queue_ids"].tolist() == [0, 1, 2, 3] + [-1] * 6
    restore_module(fresh, state, "here")
    assert torch.equal(fresh.queue_ids, model.queue_ids)
    old = {name: tensor for name, tensor in state.items() if name != "queue_ids"}
    restore_module(fresh, old, "here")
    assert torch.equal(fresh.queue, model.queue)
    assert (fresh.queue_ids == -1).all()
    assert "queue_ids" not in old


def test_compiled_with_its_updates_the_step_is_the_same() -> None:
    losses = []
    for backend in (None, "aot_eager"):
        model = moco()

        def step(views: Batch, model: MoCo = model) -> Tensor:
            model.before_step()
            output = model.loss(views)
            model.after_step(output.carry)
            return output.loss

        torch._dynamo.reset()
        run = torch.compile(step, backend=backend, fullgraph=True) if backend else step
        torch.manual_seed(3)
        for ids in ((0, 1, 2, 3), (2, 3, 4, 5), (0, 5, 6, 1)):
            loss = run(batch(*ids))
            loss.backward()
            with torch.no_grad():
                for parameter in model.trained_parameters():
                    parameter -= 0.1 * parameter.grad
                    parameter.grad = None
            losses.append(loss.detach())
        losses.append(model.queue_ids)
    for eager, compiled in zip(losses[:4], losses[4:], strict=True):
        torch.testing.assert_close(eager, compiled)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fill_queue": True}, ["loss of a guess; real keys fill the queue before the first step."]),
        (
            {"fill_queue": True, "epoch_images": 10},
            ["loss of a guess; real keys fill the queue before the first step."],
        ),
        (
            {"fill_queue": True, "epoch_images": 8},
            ["real keys fill 8 rows of the queue, and noise stays in the other 2", "longer than an epoch of 8 images"],
        ),
        ({"epoch_images": 8}, ["while real keys replace the random queue", "longer than an epoch of 8 images"]),
    ],
)
def test_what_is_said_of_the_queue_is_true(settings: dict[str, Any], said: list[str]) -> None:
    lines = moco(**settings).messages()
    assert lines[0].startswith(f"ln(K+1) = {math.log(11):.2f} is the loss of a guess")
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))


@pytest.mark.parametrize(
    ("images", "batch_size", "queue_size", "reason"),
    [
        (4708, 128, 2304, "min(65536, half the images), in whole batches"),
        (256, 128, 128, "min(65536, half the images), in whole batches"),
        (150, 128, 128, "one batch, the least there can be: half the images are 75"),
        (28, 28, 28, "one batch, the least there can be: half the images are 14"),
    ],
)
def test_the_reason_is_that_of_the_value(images: int, batch_size: int, queue_size: int, reason: str) -> None:
    assert auto_queue_size(images, batch_size) == (queue_size, reason)


def trained(folder: Path, images: int, **settings: Any) -> tuple[str, dict[str, Tensor], list[float]]:
    """What a run of some steps printed, its last state, its losses."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, 16, 16), dtype=np.uint8)
    np.savez(folder / "images.npz", train_images=pixels)
    console = Console(file=io.StringIO(), width=300)
    small = {"encoder": "test_resnet", "device": "cpu", "amp": False, "data": str(folder / "images.npz")}
    fastssl.train(**small, **settings, out=folder / "run", console=console)
    newest = max((folder / "run" / "checkpoints").glob("step-*"))
    losses = [json.loads(line)["loss"] for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    return console.file.getvalue(), load_file(newest / "stage.safetensors"), losses  # type: ignore[attr-defined]


def test_a_run_on_one_batch_of_images_has_as_many_negatives_as_other_images(tmp_path: Path) -> None:
    printed, state, losses = trained(tmp_path, 9, batch_size=9, steps=3)
    assert "one batch, the least there can be: half the images are 4" in printed
    assert "real keys fill the queue before the first step" in printed
    assert sorted(state["queue_ids"].tolist()) == list(range(9))
    assert all(0 < loss < 2 * math.log(9) for loss in losses)


def test_a_queue_longer_than_the_data_is_trained_with_and_said(tmp_path: Path) -> None:
    printed, state, losses = trained(tmp_path, 10, batch_size=4, queue_size=19, steps=2)
    assert "real keys fill 8 rows of the queue, and noise stays in the other 11" in printed
    assert "The queue of 19 is longer than an epoch of 8 images" in printed
    assert (state["queue_ids"] == -1).sum() == 19 - 8 - 8
    assert all(map(math.isfinite, losses))


def test_a_run_that_is_resumed_has_the_ids_of_one_that_was_not(tmp_path: Path) -> None:
    states = []
    for name, cuts in (("whole", []), ("cut", [3])):
        (tmp_path / name).mkdir()
        settings: dict[str, Any] = {"batch_size": 4, "queue_size": 11, "steps": 6}
        for stop in cuts:
            trained(tmp_path / name, 10, **settings, stop_after=stop)
        states.append(trained(tmp_path / name, 10, **settings, resume=bool(cuts))[1])
    assert all(torch.equal(states[0][tensor], states[1][tensor]) for tensor in states[0])
