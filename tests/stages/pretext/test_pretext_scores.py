"""Scores of the pretext tasks: heads made by hand score what they must, others what NumPy says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fastssl.models.encoder import create_encoder
from fastssl.pipelines import Loader, PretextTasks
from fastssl.stages.pretext.objective import Pretext
from fastssl.stages.pretext.scores import OrderScore, RestorationScore
from fastssl.stages.pretext.tasks import TASKS

SIZE = 16
PICTURES = np.random.default_rng(0).integers(0, 256, (30, SIZE, SIZE, 3), dtype=np.uint8)
GAP = (slice(None), slice(None), slice(4, 12), slice(4, 12))


@pytest.fixture
def stage() -> Pretext:
    views = {name: TASKS[name].view(SIZE, 3, 0.5) for name in TASKS}
    return Pretext(create_encoder("test_resnet", 3, SIZE, seed=0), views).train()


def batches(stage: Pretext, *, one_per_batch: bool = False) -> list[dict[str, Tensor]]:
    """30 images as batches of 8, 8, 8 and 6, or several epochs of batches for one task each."""
    tasks = {name: TASKS[name].view(SIZE, 3, 0.5) for name in stage.tasks}
    view = PretextTasks(SIZE, 3, tasks=tasks, one_per_batch=one_per_batch)
    loader = Loader(PICTURES, view, batch_size=8, shuffle=False, drop_last=False, prefetch=0)
    return [batch for _ in range(5 if one_per_batch else 1) for batch in loader]


def whole(shown: list[dict[str, Tensor]], name: str) -> np.ndarray:
    return np.concatenate([batch[name].double().numpy() for batch in shown])


class Told(nn.Module):
    """A head that is told what to answer, batch after batch."""

    def __init__(self, answers: list[Tensor]) -> None:
        super().__init__()
        self.answers = iter(answers)

    def forward(self, features: Tensor) -> Tensor:
        return next(self.answers)


def tell(stage: Pretext, task: str, answers: list[Tensor]) -> None:
    """Put a told head in the place of the task's own."""
    setattr(stage.tasks[task], "head" if task == "jigsaw" else "decoder", Told(answers))


def test_perfect_heads_score_one(stage: Pretext) -> None:
    shown = batches(stage)
    tell(stage, "jigsaw", [nn.functional.one_hot(batch["jigsaw/permutation"], 24) for batch in shown])
    for task in ("inpaint", "colorize"):
        tell(stage, task, [batch[f"{task}/target"] for batch in shown])
    scores: dict[str, Any] = stage.score(shown)
    assert scores["jigsaw"] == OrderScore(accuracy=1.0, chance=1 / 24)
    assert (scores["inpaint"].r2, scores["colorize"].r2) == (1.0, 1.0)
    assert scores["inpaint"].error == 0.0


@pytest.mark.parametrize(("task", "part"), [("inpaint", GAP), ("colorize", ...)])
def test_the_mean_colour_of_what_is_scored_scores_nothing_and_any_other_colour_less(
    stage: Pretext, task: str, part: Any
) -> None:
    shown = batches(stage)
    target = whole(shown, f"{task}/target")[part]
    mean, variance = target.mean(axis=(0, 2, 3), keepdims=True), target.var(axis=(0, 2, 3)).mean()
    for shift in (0.0, 0.1):
        colour = torch.from_numpy(mean + shift)
        tell(stage, task, [colour.expand_as(batch[f"{task}/target"]) for batch in shown])
        found: Any = stage.score(shown)[task]
        assert found.r2 == pytest.approx(-(shift**2) / variance, abs=1e-12)


@pytest.mark.parametrize(("task", "part"), [("inpaint", GAP), ("colorize", ...)])
def test_errors_are_those_of_numpy_over_all_batches_where_the_task_scores(stage: Pretext, task: str, part: Any) -> None:
    shown, rng = batches(stage), np.random.default_rng(1)
    guesses = [torch.from_numpy(rng.normal(size=batch[f"{task}/target"].shape)) for batch in shown]
    tell(stage, task, guesses)
    found: Any = stage.score(shown)[task]
    target, image = whole(shown, f"{task}/target")[part], whole(shown, f"{task}/image")
    guess = torch.cat(guesses).numpy()[part]
    assert found.error == pytest.approx(np.square(guess - target).mean())
    assert found.mean_error == pytest.approx(target.var(axis=(0, 2, 3)).mean())
    if task == "inpaint":
        assert found.shown_error is None
    else:
        assert found.shown_error == pytest.approx(np.square(image - target).mean())
    assert found.r2 == pytest.approx(1 - found.error / found.mean_error)


def test_a_guess_of_one_order_scores_about_chance(stage: Pretext) -> None:
    shown = batches(stage)
    always = nn.functional.one_hot(torch.tensor([7]), 24)
    tell(stage, "jigsaw", [always.expand(len(batch["jigsaw/permutation"]), 24) for batch in shown])
    found: Any = stage.score(shown)["jigsaw"]
    assert found.accuracy == (whole(shown, "jigsaw/permutation") == 7).mean()


def test_batches_may_be_for_one_task_each(stage: Pretext) -> None:
    shown = batches(stage, one_per_batch=True)
    found: Any = stage.score(shown)["jigsaw"]
    stage.eval()
    own = [batch for batch in shown if "jigsaw/image" in batch]
    named = torch.cat([stage.tasks["jigsaw"].head(stage.encoder(batch["jigsaw/image"])) for batch in own])
    assert 0 < len(own) < len(shown)
    assert found.accuracy == (named.argmax(dim=1).numpy() == whole(own, "jigsaw/permutation")).mean()


def test_scoring_changes_nothing_about_the_stage_nor_the_random_numbers_to_come(stage: Pretext) -> None:
    shown = batches(stage)
    weights = {name: value.clone() for name, value in stage.state_dict().items()}
    random = torch.get_rng_state()
    first, again = stage.score(shown), stage.score(shown)
    assert first == again
    assert stage.training
    assert stage.encoder.training
    assert all(torch.equal(value, weights[name]) for name, value in stage.state_dict().items())
    assert all(parameter.grad is None for parameter in stage.parameters())
    assert torch.equal(torch.get_rng_state(), random)


def test_flat_pictures_have_no_r2_and_say_so() -> None:
    flat = RestorationScore(error=0.25, mean_error=0.0, shown_error=0.0)
    assert np.isnan(flat.r2)
    assert "every true pixel has the same colour" in str(flat)


def test_scores_are_told_in_words() -> None:
    assert str(OrderScore(accuracy=0.31, chance=1 / 24)) == "31.0% of the orders named rightly; a guess: 4.2%"
    gap, grey = (RestorationScore(error=0.57, mean_error=1.0, shown_error=shown) for shown in (None, 0.6))
    assert str(gap) == "squared error 57% of that of the mean colour (R2 0.43)"
    assert str(grey) == f"{gap}; of the picture as it was shown: 60%"
