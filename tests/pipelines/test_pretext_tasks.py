"""Several tasks on the same images: which one a batch is for, that it alone is rendered, and as its own view would."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from fastssl.pipelines import CentrePatch, Colorization, Jigsaw, Loader, PretextTasks, TowerPairs, View
from fastssl.pipelines.executors.executor import dali_installed

Batch = dict[str, torch.Tensor]
VIEWS: dict[str, View] = {
    "jigsaw": Jigsaw(16, 3),
    "inpaint": CentrePatch(16, 3),
    "colorize": Colorization(16, 3),
    "tower": TowerPairs(16, 3),
}
DRAWN = PretextTasks(16, 3, tasks=VIEWS)
ALL = PretextTasks(16, 3, tasks=VIEWS, one_per_batch=False)
EXECUTORS = [
    "torch",
    pytest.param("dali", marks=pytest.mark.skipif(not dali_installed(), reason="NVIDIA DALI is not installed")),
]
pytestmark = pytest.mark.usefixtures("worker_threads")


@pytest.fixture
def coloured(make_images: Callable[..., np.ndarray]) -> np.ndarray:
    return make_images(50, 16, 16, 3)


def _stream(loader: Loader, batches: int) -> list[Batch]:
    epochs = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())
    return list(itertools.islice(epochs, batches))


def _tasks(batch: Batch) -> set[str]:
    return {name.split("/")[0] for name in batch if "/" in name}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("view", [DRAWN, ALL], ids=["drawn", "all"])
def test_a_tasks_tensors_are_those_of_its_own_view_under_its_name(
    executor: str, view: PretextTasks, coloured: np.ndarray
) -> None:
    with Loader(coloured, view, batch_size=10, executor=executor) as loader:
        batches = _stream(loader, 15)
    alone = {}
    for task, own in VIEWS.items():
        with Loader(coloured, own, batch_size=10, executor=executor) as loader:
            alone[task] = _stream(loader, 15)
    assert set.union(*map(_tasks, batches)) == VIEWS.keys()
    for step, batch in enumerate(batches):
        assert torch.equal(batch.pop("index"), alone["jigsaw"][step]["index"])
        expected = {
            f"{task}/{name}": values
            for task in _tasks(batch)
            for name, values in alone[task][step].items()
            if name != "index"
        }
        assert batch.keys() == expected.keys()
        assert all(torch.equal(batch[name], expected[name]) for name in batch)


def test_a_batch_is_for_one_task_or_for_all(coloured: np.ndarray) -> None:
    with Loader(coloured, DRAWN, batch_size=10) as one, Loader(coloured, ALL, batch_size=10) as all_of_them:
        assert all(len(_tasks(batch)) == 1 for batch in _stream(one, 12))
        assert all(_tasks(batch) == VIEWS.keys() for batch in _stream(all_of_them, 3))


def test_only_the_drawn_task_is_rendered(coloured: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    for view in VIEWS.values():
        kind = type(view)

        def spy(self: View, *arguments: object, kind: type = kind, original: Callable = kind.render_torch) -> dict:
            rendered.append(kind.__name__)
            return original(self, *arguments)

        monkeypatch.setattr(kind, "render_torch", spy)
    with Loader(coloured, DRAWN, batch_size=10, prefetch=0) as loader:
        batches = _stream(loader, 12)
    assert rendered == [type(VIEWS[task]).__name__ for batch in batches for task in _tasks(batch)]


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_the_drawn_task_is_the_same_at_any_prefetch_and_after_any_resume(coloured: np.ndarray, prefetch: int) -> None:
    with Loader(coloured, DRAWN, batch_size=10, seed=4, prefetch=0) as loader:
        expected = [_tasks(batch) for batch in _stream(loader, 20)]
    with Loader(coloured, DRAWN, batch_size=10, seed=4, prefetch=prefetch) as loader:
        begun = [_tasks(batch) for batch in _stream(loader, 7)]
        state = loader.state_dict()
    with Loader(coloured, DRAWN, batch_size=10, seed=4, prefetch=prefetch) as loader:
        loader.load_state_dict(state)
        assert begun + [_tasks(batch) for batch in _stream(loader, 13)] == expected
    with Loader(coloured, DRAWN, batch_size=10, seed=5, prefetch=prefetch) as loader:
        assert [_tasks(batch) for batch in _stream(loader, 20)] != expected


def test_every_rank_draws_the_same_task(coloured: np.ndarray) -> None:
    drawn = []
    for rank in range(3):
        with Loader(coloured, DRAWN, batch_size=4, rank=rank, world_size=3, drop_last=False) as loader:
            drawn.append([_tasks(batch) for batch in _stream(loader, 12)])
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize("weights", [(), (1, 2, 3, 4), (0.97, 0.01, 0.01, 0.01)])
def test_tasks_are_drawn_as_often_as_their_weights_say(weights: tuple[float, ...]) -> None:
    view = PretextTasks(16, 3, tasks=VIEWS, weights=weights)
    batches = 12_000
    drawn = [view.part_of_batch(7, epoch, iteration) for epoch in range(60) for iteration in range(batches // 60)]
    counts = np.array([drawn.count(part) for part in view.parts])
    expected = batches * np.array(weights or (1, 1, 1, 1)) / sum(weights or (1, 1, 1, 1))
    assert ((counts - expected) ** 2 / expected).sum() < 21  # 3 degrees of freedom: exceeded once in 9000


def test_neighbouring_batches_draw_independently() -> None:
    view = PretextTasks(16, 3, tasks={"a": VIEWS["jigsaw"], "b": VIEWS["inpaint"]})
    drawn = np.array([view.parts.index(view.part_of_batch(0, 0, iteration)) for iteration in range(4000)])
    pairs = np.bincount(2 * drawn[:-1] + drawn[1:], minlength=4)
    assert np.abs(pairs - 1000).max() < 120  # four standard deviations


def test_it_is_hashable_and_equal_to_one_made_alike() -> None:
    again = PretextTasks(16, 3, tasks=tuple(VIEWS.items()))
    assert again == DRAWN
    assert hash(again) == hash(DRAWN)
    assert len({DRAWN, ALL, again, *DRAWN.parts}) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": {}}, "at least one view"),
        ({"weights": (1, 2)}, "weights need 4 positive numbers"),
        ({"weights": (1, 1, 1, 0)}, "weights need 4 positive numbers"),
        ({"weights": (1, 1, 1, float("nan"))}, "weights need 4 positive numbers"),
        ({"size": 32}, "jigsaw has size 16, not 32"),
        ({"std": (0.1, 0.1, 0.1)}, r"jigsaw has std \(0.5, 0.5, 0.5\), not \(0.1"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PretextTasks(**{"size": 16, "channels": 3, "tasks": VIEWS, **arguments})
