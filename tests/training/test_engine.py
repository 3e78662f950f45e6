"""The loop: one graph, no waiting for the device, stops that save, and a loss that is watched."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fastssl.errors import CheckpointError, DivergenceError
from fastssl.kernels.info_nce import reference
from fastssl.models.encoder import create_encoder
from fastssl.pipelines import Loader, Plain, TwoCrops
from fastssl.runtime import Runtime, resolve_runtime
from fastssl.stages.moco.objective import MoCo
from fastssl.stages.stage import Batch, Stage, StageOutput
from fastssl.training.checkpoint import load_newest
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.engine import Engine
from fastssl.training.progress import StepClock
from fastssl.training.schedule import CosineSchedule
from fastssl.training.step_metrics import StepMetrics

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
STEPS_PER_EPOCH = 5


class Toy(Stage):
    """A linear model pulled towards zero; `bad_at` makes its loss NaN, `explodes_at` only its gradient."""

    def __init__(self, bad_at: int | None = None, explodes_at: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(64, 3)
        self.bad_at, self.explodes_at, self.calls = bad_at, explodes_at, 0
        self.seen: list[list[int]] = []
        self.shown: list[list[int]] = []

    def loss(self, batch: Batch) -> StageOutput:
        self.calls += 1
        self.seen.append(batch["index"].tolist())
        loss = self.encoder(batch["image"].flatten(1)).pow(2).mean()
        if self.calls == self.bad_at:
            loss = loss * float("nan")
        if self.calls == self.explodes_at:
            loss = loss + (self.encoder.weight * 0).abs().sqrt().sum()  # 0, with an infinite slope
        return StageOutput(loss, {}, {})

    def warm_up(self, batch: Batch) -> None:
        self.shown.append(batch["index"].tolist())


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """Makes engines over `IMAGES` whose checkpoints lie in `tmp_path`."""
    loaders = []

    def make(stage: Stage, total: int = 12, lr: float = 0.1, keeps: bool = True, **policy: Any) -> Engine:
        loaders.append(Loader(IMAGES, Plain(8, 1), batch_size=4, seed=1))
        settings: dict[str, Any] = {"folder": tmp_path, "every_steps": 100, **policy}
        checkpoints = CheckpointPolicy(**settings) if keeps else None
        schedule = CosineSchedule(peak=lr, total_steps=total)
        return Engine(stage, loaders[-1], resolve_runtime("cpu", False), sgd, schedule, checkpoints)

    yield make
    for loader in loaders:
        loader.close()


def sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=True)


def fit(engine: Engine, until: int, on_metrics: Callable[[StepMetrics], None] = lambda metrics: None) -> str | None:
    return engine.fit(until, on_metrics, StepClock(4)).signal


def saved(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.iterdir())


def test_it_trains_saves_and_reads_every_step_once(build: Callable[..., Engine], tmp_path: Path) -> None:
    arrived: list[StepMetrics] = []
    engine = build(Toy())
    assert fit(engine, 12, arrived.append) is None
    assert [metrics.step for metrics in arrived] == list(range(1, 13))
    assert arrived[-1].values["loss"] < arrived[0].values["loss"]
    assert saved(tmp_path) == [12]


def test_without_checkpoints_it_trains_the_same_and_leaves_nothing(
    build: Callable[..., Engine], tmp_path: Path
) -> None:
    engine, other = build(Toy(), keeps=False), build(Toy())
    fit(engine, 12)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="made without checkpoints"):
        engine.save_into(tmp_path)
    fit(other, 12)
    assert torch.equal(engine.stage.encoder.weight, other.stage.encoder.weight)


def test_each_epoch_shows_every_image_once(build: Callable[..., Engine]) -> None:
    stage = Toy()
    fit(build(stage), 2 * STEPS_PER_EPOCH)
    first, second = (list(chain(*part)) for part in (stage.seen[:STEPS_PER_EPOCH], stage.seen[STEPS_PER_EPOCH:]))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second


@pytest.mark.parametrize(("images", "batches"), [(0, 0), (1, 1), (8, 2), (9, 3), (1000, STEPS_PER_EPOCH)])
def test_a_stage_is_shown_the_last_of_the_first_epoch_and_then_the_whole_of_it(
    build: Callable[..., Engine], images: int, batches: int
) -> None:
    stage = Toy()
    stage.warm_up_images = images
    engine = build(stage)
    engine.warm_up()
    engine.fit(STEPS_PER_EPOCH, lambda metrics: None, StepClock(4))
    assert len(stage.seen) == STEPS_PER_EPOCH
    assert stage.shown == stage.seen[STEPS_PER_EPOCH - batches :]


def test_the_optimizer_follows_the_schedule(build: Callable[..., Engine]) -> None:
    engine, rates = build(Toy(), total=6, lr=0.3), []
    fit(engine, 6, lambda metrics: rates.append(engine.optimizer.param_groups[0]["lr"]))
    assert rates == [CosineSchedule(peak=0.3, total_steps=6).lr(step) for step in range(6)]


@pytest.mark.parametrize(("every", "until", "kept"), [(3, 8, [6, 8]), (4, 8, [4, 8]), (1, 3, [2, 3]), (100, 7, [7])])
def test_checkpoints_come_as_often_as_asked_and_at_the_end(
    build: Callable[..., Engine], tmp_path: Path, every: int, until: int, kept: list[int]
) -> None:
    fit(build(Toy(), every_steps=every), until)
    assert saved(tmp_path) == kept


@pytest.mark.parametrize(("seconds", "first"), [(0.0, 1), (3600.0, 3)])
def test_without_a_number_checkpoints_come_with_time(
    build: Callable[..., Engine], tmp_path: Path, seconds: float, first: int
) -> None:
    fit(build(Toy(), every_steps=None, every_seconds=seconds, keep=9), 3)
    assert saved(tmp_path)[0] == first
    assert saved(tmp_path)[-1] == 3


def test_a_resumed_engine_goes_on_with_the_images_that_follow(build: Callable[..., Engine]) -> None:
    whole, cut, resumed = Toy(), Toy(), Toy()
    fit(build(cut), 7)
    engine = build(resumed)
    engine.resume(print)
    fit(engine, 12)
    fit(build(whole), 12)
    assert cut.seen + resumed.seen == whole.seen
    assert torch.equal(resumed.encoder.weight, whole.encoder.weight)


def test_a_run_of_another_identity_is_not_resumed(build: Callable[..., Engine]) -> None:
    fit(build(Toy(), identity={"images": "abc"}), 2)
    build(Toy(), identity={"images": "abc"}, former_identity={"data": "xyz"}).resume(print)
    with pytest.raises(CheckpointError, match="not the same images as this run was started with"):
        build(Toy(), identity={"images": "xyz"}).resume(print)


def test_a_checkpoint_of_an_older_version_is_compared_in_its_own_words(build: Callable[..., Engine]) -> None:
    fit(build(Toy(), identity={"data": "abc"}), 2)
    build(Toy(), identity={"images": "i"}, former_identity={"data": "abc"}).resume(print)
    with pytest.raises(CheckpointError, match="not the same data as this run was started with"):
        build(Toy(), identity={"images": "i"}, former_identity={"data": "xyz"}).resume(print)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    build: Callable[..., Engine], tmp_path: Path
) -> None:
    engine = build(Toy(bad_at=6), every_steps=2)
    with pytest.raises(DivergenceError, match=r"^the loss became nan at step 6; the checkpoint of step 4 is kept"):
        fit(engine, 12)
    assert saved(tmp_path) == [2, 4]
    assert load_newest(tmp_path).tensors["stage"]["encoder.weight"].isfinite().all()


def test_a_weight_that_is_not_finite_is_never_saved(build: Callable[..., Engine], tmp_path: Path) -> None:
    engine = build(Toy(explodes_at=4), every_steps=2)
    with pytest.raises(DivergenceError, match=r"^encoder.weight is not finite after step 4; the checkpoint of step 2"):
        fit(engine, 4)
    assert saved(tmp_path) == [2]


def test_a_run_that_began_in_bf16_goes_on_in_fp16_with_a_scale_of_its_own(
    moco: Callable[[Runtime], Engine],
) -> None:
    begun = moco(resolve_runtime("cpu", precision="bf16"))
    fit(begun, 2)
    resumed = moco(resolve_runtime("cpu", precision="fp16"))
    resumed.resume(print)
    assert resumed.step == 2
    fit(resumed, 3)
    assert resumed.step == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_step_saves_and_returns(
    build: Callable[..., Engine], tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    engine = build(Toy())

    def interrupt(metrics: StepMetrics) -> None:
        if metrics.step == 3:
            os.kill(os.getpid(), number)

    assert fit(engine, 12, interrupt) == number.name
    assert engine.step == 3
    assert saved(tmp_path) == [3]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_the_process_ignores_stays_ignored(
    build: Callable[..., Engine], request: pytest.FixtureRequest, number: signal.Signals
) -> None:
    """A shell script's Ctrl-C is not meant for its jobs in the background."""
    before = signal.signal(number, signal.SIG_IGN)
    request.addfinalizer(lambda: signal.signal(number, before))
    engine = build(Toy())
    assert fit(engine, 4, lambda metrics: os.kill(os.getpid(), number)) is None
    assert engine.step == 4
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_second_ctrl_c_interrupts_at_once(build: Callable[..., Engine], tmp_path: Path) -> None:
    def interrupt(metrics: StepMetrics) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(build(Toy()), 12, interrupt)
    assert saved(tmp_path) == []


def test_it_trains_in_a_thread_that_may_not_handle_signals(build: Callable[..., Engine], tmp_path: Path) -> None:
    thread = threading.Thread(target=fit, args=(build(Toy()), 2))
    thread.start()
    thread.join()
    assert saved(tmp_path) == [2]


@pytest.fixture
def moco(tmp_path: Path) -> Iterator[Callable[[Runtime], Engine]]:
    """Makes engines that train MoCo on 40 images, five batches of eight an epoch, slowly: little chaos to compare."""
    loaders, images = [], np.concatenate([IMAGES, 255 - IMAGES])

    def make(runtime: Runtime, **settings: Any) -> Engine:
        loaders.append(Loader(images, TwoCrops(20, 1), batch_size=8, seed=1, dtype=runtime.compute_dtype))
        encoder = create_encoder("test_resnet", 1, 20, seed=0)
        stage = MoCo(encoder, 96, queue_size=12, momentum=0.9, bn_splits=2, queue_dtype=runtime.compute_dtype)
        policy = CheckpointPolicy(folder=tmp_path, every_steps=100)
        schedule = CosineSchedule(peak=1e-3, total_steps=9)
        return Engine(stage, loaders[-1], runtime, sgd, schedule, policy, **settings)

    yield make
    for loader in loaders:
        loader.close()


def losses(engine: Engine, steps: int) -> list[float]:
    found: list[float] = []
    fit(engine, steps, lambda metrics: found.append(metrics.values["loss"]))
    return found


class Calls(TorchDispatchMode):
    """Counts the operations that reach the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count[str(func.overloadpacket)] += 1
        return func(*args, **kwargs or {})


WAITS = ("aten._local_scalar_dense", "aten.item", "aten.is_nonzero", "aten.nonzero", "aten.equal")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_step_never_waits_for_the_device(
    moco: Callable[[Runtime], Engine], monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """Nothing is read back: counted on a CPU, with the one look at the logits that InfoNCE allows itself there off."""
    monkeypatch.setattr(reference, "_logits_are_small", lambda scaled, queue: False)
    engine = moco(resolve_runtime("cpu", precision=precision))
    first, second, *_ = engine.loader
    engine.train_step(first)
    with Calls() as calls:
        engine.train_step(second)
    assert calls.count["aten.convolution"] > 0
    assert {name: calls.count[name] for name in WAITS} == dict.fromkeys(WAITS, 0)


@pytest.fixture
def dynamo() -> Iterator[Any]:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield torch._dynamo.utils.counters
    torch._dynamo.reset()


@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        pytest.param("eager", "fp32", marks=pytest.mark.slow),
        ("eager", "bf16"),
        pytest.param("inductor", "fp32", marks=pytest.mark.slow),
    ],
)
def test_the_step_compiles_to_one_graph_once(
    moco: Callable[..., Engine], dynamo: Any, backend: str, precision: str
) -> None:
    """Over an epoch boundary, and once more for the steps that are measured in full. Breaks and recompilations are
    Dynamo's, so its "eager" backend shows them in seconds."""
    runtime = resolve_runtime("cpu", precision=precision, compile=True)
    eager = losses(moco(replace(runtime, compile=False), measure_every=3), 7)
    with torch._dynamo.config.patch(recompile_limit=2, fail_on_recompile_limit_hit=True):
        compiled = losses(moco(replace(runtime, backend=backend), measure_every=3), 7)
    assert sum(dynamo["graph_break"].values()) == 0
    assert dynamo["stats"]["unique_graphs"] == 2
    assert compiled[0] == pytest.approx(eager[0], rel=1e-5)
    assert compiled == pytest.approx(eager, rel=1e-2)
