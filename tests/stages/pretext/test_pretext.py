"""Pretext tasks on one encoder: losses against NumPy, who learns from which batch, one graph per task, and learning."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastssl.data import open_source
from fastssl.models.encoder import create_encoder
from fastssl.pipelines import Loader, PretextTasks, View
from fastssl.runtime import resolve_runtime
from fastssl.stages.pretext.objective import Pretext
from fastssl.stages.pretext.settings import TASK_NAMES
from fastssl.stages.pretext.tasks import TASKS
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.engine import Engine
from fastssl.training.schedule import CosineSchedule

SIZE, BATCH = 16, 6


def views(*names: str, size: int = SIZE, channels: int = 3) -> dict[str, View]:
    return {name: TASKS[name].view(size, channels, 0.5) for name in names or TASK_NAMES}


def stage(*names: str, size: int = SIZE, channels: int = 3, **settings: Any) -> Pretext:
    encoder = create_encoder("test_resnet", channels, size, seed=0)
    return Pretext(encoder, views(*names, size=size, channels=channels), **settings).train()


def images(count: int = 40, size: int = SIZE, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


def loader(
    made: dict[str, View], *, one_per_batch: bool, pictures: np.ndarray | None = None, **settings: Any
) -> Loader:
    view = next(iter(made.values()))
    tasks = PretextTasks(view.size, view.channels, tasks=made, one_per_batch=one_per_batch)
    pictures = images(size=view.size, channels=view.channels) if pictures is None else pictures
    return Loader(pictures, tasks, **{"batch_size": BATCH, "prefetch": 0} | settings)


def batch(*names: str, one_per_batch: bool = False) -> dict[str, Tensor]:
    return next(iter(loader(views(*names), one_per_batch=one_per_batch)))


def of_task(tensors: dict[str, Tensor], task: str) -> dict[str, Tensor]:
    return {name: values for name, values in tensors.items() if name.startswith(task)}


def test_the_tasks_are_those_that_the_configuration_offers() -> None:
    assert tuple(TASKS) == TASK_NAMES


def test_the_jigsaw_loss_is_the_cross_entropy_of_the_drawn_order() -> None:
    model, shown = stage("jigsaw"), batch("jigsaw")
    output = model.loss(shown)
    logits = model.tasks["jigsaw"].head(model.encoder(shown["jigsaw/image"])).detach().numpy().astype(np.float64)
    labels = shown["jigsaw/permutation"].numpy()
    expected = np.log(np.exp(logits).sum(1)) - logits[np.arange(BATCH), labels]
    assert output.loss.item() == pytest.approx(expected.mean(), rel=1e-5)
    assert output.metrics["jigsaw/loss"].item() == pytest.approx(expected.mean(), rel=1e-5)
    assert output.metrics["jigsaw/accuracy"].item() == pytest.approx((logits.argmax(1) == labels).mean())
    assert logits.shape == (BATCH, 24)


@pytest.mark.parametrize(("task", "part"), [("inpaint", slice(4, 12)), ("colorize", slice(None))])
def test_a_restoration_loss_is_the_mean_squared_error_where_it_counts(task: str, part: slice) -> None:
    model, shown = stage(task), batch(task)
    predicted = model.tasks[task].predict(model.encoder, {"image": shown[f"{task}/image"]}).detach().numpy()
    error = (predicted.astype(np.float64) - shown[f"{task}/target"].numpy())[:, :, part, part]
    assert model.loss(shown).loss.item() == pytest.approx(np.square(error).mean(), rel=1e-5)
    assert predicted.shape == (BATCH, 3, SIZE, SIZE)


def test_no_pixel_outside_the_patch_pulls_at_the_decoder() -> None:
    model, shown = stage("inpaint"), batch("inpaint")
    outside = shown["inpaint/mask"].expand_as(shown["inpaint/target"]) == 0
    before = model.loss(shown).loss
    shown["inpaint/target"][outside] = 1e6
    assert torch.equal(model.loss(shown).loss, before)


def test_all_tasks_at_once_are_the_weighted_sum_of_each_alone() -> None:
    weights = {"jigsaw": 0.5, "inpaint": 3.0}
    model, shown = stage(weights=weights).eval(), batch()
    whole = model.loss(shown)
    alone = {task: model.loss(of_task(shown, task)).metrics[f"{task}/loss"].item() for task in TASK_NAMES}
    assert {name.split("/")[0] for name in whole.metrics} == set(TASK_NAMES)
    assert all(whole.metrics[f"{task}/loss"].item() == pytest.approx(alone[task], rel=1e-5) for task in TASK_NAMES)
    expected = 0.5 * alone["jigsaw"] + 3.0 * alone["inpaint"] + alone["colorize"]
    assert whole.loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_batch_of_no_task_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no tensor of jigsaw"):
        stage("jigsaw").loss(batch("inpaint"))


def test_heads_that_are_not_drawn_get_no_update(tmp_path: Path) -> None:
    made = engine(stage(), tmp_path)
    for drawn in itertools.islice(made.loader, 6):
        task = next(name for name in TASK_NAMES if of_task(drawn, name))
        before = {name: value.clone() for name, value in made.stage.state_dict().items()}
        made.train_step(drawn)
        moved = {name for name, value in made.stage.state_dict().items() if not torch.equal(value, before[name])}
        assert {name.split(".")[1] for name in moved if name.startswith("tasks.")} == {task}
        assert any(name.startswith("encoder.") for name in moved)


def test_frozen_batch_norms_keep_their_statistics_and_still_learn(tmp_path: Path) -> None:
    for freeze in (True, False):
        made = engine(stage(freeze_bn=freeze), tmp_path / str(freeze))
        before = {name: value.clone() for name, value in made.stage.state_dict().items()}
        for drawn in itertools.islice(made.loader, 3):
            made.train_step(drawn)
        moved = {name for name, value in made.stage.state_dict().items() if not torch.equal(value, before[name])}
        assert ("encoder.bn1.running_mean" in moved) is not freeze
        assert "encoder.bn1.weight" in moved
        norms = [part for part in made.stage.encoder.modules() if isinstance(part, nn.BatchNorm2d)]
        assert {part.training for part in norms} == {not freeze}
        assert made.stage.encoder.training


def test_pictures_show_what_the_heads_make_of_a_batch() -> None:
    model, shown = stage().eval(), batch()
    for task in (model.tasks["inpaint"], model.tasks["colorize"]):
        nn.init.normal_(task.decoder.head.weight)  # they start at zero
    with torch.no_grad():
        pictures = model.visualize(shown)
    assert pictures.keys() == {"jigsaw/reordered", "inpaint/restored", "colorize/restored"}
    assert all(picture.shape == shown["jigsaw/image"].shape for picture in pictures.values())
    gap = shown["inpaint/mask"].expand_as(pictures["inpaint/restored"]) == 1
    assert torch.equal(pictures["inpaint/restored"][~gap], shown["inpaint/image"][~gap])
    assert not torch.equal(pictures["inpaint/restored"][gap], shown["inpaint/image"][gap])


def test_a_rightly_named_order_puts_the_picture_back() -> None:
    class Knows(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            return nn.functional.one_hot(shown["jigsaw/permutation"], 24).float()

    with_target = {name: replace(view, with_target=True) for name, view in views("jigsaw").items()}
    model, shown = stage("jigsaw"), next(iter(loader(with_target, one_per_batch=False)))
    model.tasks["jigsaw"].head = Knows()
    assert torch.equal(model.visualize(shown)["jigsaw/reordered"], shown["jigsaw/target"])


def test_the_loss_of_a_guess_is_told() -> None:
    assert f"ln(24) = {math.log(24):.2f}" in stage().messages()[0]
    assert stage("inpaint").messages() == []


def test_heads_come_from_their_own_seed() -> None:
    before = torch.get_rng_state()
    states = [stage(seed=seed).state_dict() for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["tasks.jigsaw.head.weight"], states[2]["tasks.jigsaw.head.weight"])


def engine(model: Pretext, folder: Path, *, backend: str | None = None, one_per_batch: bool = True) -> Engine:
    def adamw(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.1)

    return Engine(
        model,
        loader(views(*model.tasks), one_per_batch=one_per_batch),
        replace(resolve_runtime("cpu", False, backend is not None), backend=backend or "inductor"),
        adamw,
        CosineSchedule(peak=1e-3, total_steps=100),
        CheckpointPolicy(folder=folder),
    )


@pytest.fixture
def dynamo() -> Iterator[Any]:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield torch._dynamo.utils.counters
    torch._dynamo.reset()


@pytest.mark.parametrize(
    ("one_per_batch", "graphs"),
    [
        pytest.param(True, len(TASK_NAMES), id="one-per-step"),
        pytest.param(False, 1, id="all-per-step", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_there_is_one_graph_per_task_however_they_alternate(
    tmp_path: Path, dynamo: Any, one_per_batch: bool, graphs: int, backend: str
) -> None:
    """Over 18 steps and several epochs. A break or a full cache would raise: the engine compiles with fullgraph."""
    plain = engine(stage(), tmp_path, one_per_batch=one_per_batch)
    compiled = engine(stage(), tmp_path, backend=backend, one_per_batch=one_per_batch)
    losses: dict[Engine, list[float]] = {}
    for made in (plain, compiled):
        epochs = itertools.chain.from_iterable(iter(made.loader) for _ in range(4))
        losses[made] = [made.train_step(drawn)["loss"].item() for drawn in itertools.islice(epochs, 18)]
    assert dynamo["stats"]["unique_graphs"] == graphs
    assert sum(dynamo["graph_break"].values()) == 0
    assert losses[compiled] == pytest.approx(losses[plain], rel=2e-2)


def train(task: str, pictures: np.ndarray, steps: int, lr: float, **settings: Any) -> dict[str, np.ndarray]:
    """Each metric over the steps of a short run of one task."""
    _, size, _, channels = pictures.shape
    model = stage(task, size=size, channels=channels).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.trained_parameters(), lr=lr, fused=True)
    batches = loader(views(task, size=size, channels=channels), one_per_batch=True, pictures=pictures, **settings)
    epochs = itertools.chain.from_iterable(iter(batches) for _ in itertools.count())
    metrics: dict[str, list[float]] = {}
    for shown in itertools.islice(epochs, steps):
        output = model.loss(shown)
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, value in output.metrics.items():
            metrics.setdefault(name, []).append(float(value))
    return {name: np.array(values) for name, values in metrics.items()}


def test_it_learns_an_easy_jigsaw() -> None:
    """Four quarters of different brightness tell any order."""
    levels = np.kron(np.array([[20, 90], [160, 230]]), np.ones((8, 8)))[None, :, :, None]
    pictures = (levels + np.random.default_rng(0).normal(0, 5, (64, 16, 16, 1))).astype(np.uint8)
    accuracy = train("jigsaw", pictures, 60, 3e-3, batch_size=32)["jigsaw/accuracy"]
    assert accuracy[:3].mean() < 0.2
    assert accuracy[-5:].mean() > 0.5


@pytest.mark.parametrize(
    ("task", "data", "part", "steps"),
    [
        pytest.param("inpaint", "demo", slice(7, 21), 120, marks=pytest.mark.slow),
        ("colorize", "demo-colour", slice(None), 50),
    ],
)
def test_restoration_on_the_demo_set_learns_more_than_the_mean(task: str, data: str, part: slice, steps: int) -> None:
    pictures = open_source(data).splits["train"].images
    loss = train(task, pictures, steps, 3e-3, batch_size=32)[f"{task}/loss"]
    assert loss[-20:].mean() < loss[:20].mean()  # the first prediction is the mean already
    assert loss[-20:].mean() < 0.97 * np.var(pictures[:, part, part] / 127.5)


@pytest.mark.slow
def test_it_learns_the_jigsaw_of_the_demo_set() -> None:
    pictures = open_source("demo").splits["train"].images
    metrics = train("jigsaw", pictures, 500, 3e-3, batch_size=64)
    assert metrics["jigsaw/accuracy"][-50:].mean() > 3 / 24
    assert metrics["jigsaw/loss"][-50:].mean() < math.log(24) - 0.3
