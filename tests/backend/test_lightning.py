"""Stages in Lightning: the engine's own steps, exact epochs, resuming to the bit, and Lightning's own parts at work."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

lightning = pytest.importorskip(
    "lightning", reason="Lightning is not installed (pip install 'fastssl-engine[adapters]')"
)

import fastssl  # noqa: E402
from fastssl import backend  # noqa: E402
from fastssl.errors import ConfigError, DataError  # noqa: E402
from fastssl.pipelines import Loader, Plain, TwoCrops  # noqa: E402
from fastssl.stages.registry import STAGES  # noqa: E402
from fastssl.stages.stage import Batch, Stage, StageOutput  # noqa: E402
from fastssl.training.build import TrainingRun  # noqa: E402
from fastssl.training.progress import StepClock  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)
TINY: dict[str, Any] = {"encoder": "test_resnet", "batch_size": 8, "steps": 12}


class Seen(lightning.Callback):
    """Notes which images every batch has, and what each step finds."""

    def __init__(self) -> None:
        self.epochs: list[list[list[int]]] = []
        self.rates: list[float] = []

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        self.epochs.append([])

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Batch, batch_idx: int) -> None:
        if not self.epochs:  # a fit that goes on within an epoch does not begin one
            self.epochs.append([])
        self.epochs[-1].append(batch["index"].tolist())
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    @property
    def batches(self) -> list[list[int]]:
        return [batch for epoch in self.epochs for batch in epoch]


def open_moco(**settings: Any) -> TrainingRun:
    return backend.open_run(IMAGES, stage="moco", queue_size=16, device="cpu", precision="fp32", **{**TINY, **settings})


def trainer_of(folder: Path, *callbacks: Any, **options: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    quiet |= {
        "enable_checkpointing": any(isinstance(c, lightning.pytorch.callbacks.ModelCheckpoint) for c in callbacks)
    }
    return lightning.Trainer(default_root_dir=folder, devices=1, callbacks=list(callbacks), **{**quiet, **options})


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(tensor, right[name]) for name, tensor in left.items())


def engine_state(**settings: Any) -> dict[str, Tensor]:
    run = open_moco(**settings)
    with run.open() as engine:
        engine.warm_up()
        engine.fit(run.settings.steps, lambda metrics: None, StepClock(8))
    return run.stage.state_dict()


def test_a_fit_takes_the_steps_of_the_engine(tmp_path: Path) -> None:
    run, seen = open_moco(), Seen()
    trainer_of(tmp_path, seen, max_steps=12).fit(backend.StageModule(run), backend.ViewsDataModule(run))
    theirs = engine_state()
    for name, tensor in run.stage.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-5, atol=1e-6, msg=name)
    assert seen.rates == [run.schedule.lr(step) for step in range(12)]


def test_accumulated_batches_make_one_step_one_average_and_one_turn_of_the_queue(tmp_path: Path) -> None:
    whole, parts = open_moco(batch_size=8, accumulate=2, bn_splits=1), open_moco(batch_size=4, steps=24, bn_splits=1)
    seen = Seen()
    trainer = trainer_of(tmp_path, seen, max_steps=5, accumulate_grad_batches=2)
    with whole.open() as engine:
        engine.fit(5, lambda metrics: None, StepClock(8))
    module = backend.StageModule(parts, optimizer=whole.optimizer, schedule=whole.schedule.lr)
    module.stage.warm_up_images = 0
    trainer.fit(module, backend.ViewsDataModule(parts))
    parts.stage.before_step()  # the engine moves the average at the end of a step of several parts
    theirs = whole.stage.state_dict()
    assert len(seen.batches) == 10
    for name, tensor in parts.stage.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize(("limit", "batches"), [(1.0, 5), (3, 3)])
def test_epochs_are_neither_skipped_nor_cut(tmp_path: Path, limit: Any, batches: int) -> None:
    run, seen = open_moco(), Seen()
    module, data = backend.StageModule(run), backend.ViewsDataModule(run)
    trainer_of(tmp_path, seen, max_epochs=3, limit_train_batches=limit).fit(module, data)
    with run.loader() as loader:
        epochs = [[batch["index"].tolist() for batch in loader][:batches] for _ in range(3)]
    assert seen.epochs == epochs
    again = Seen()
    trainer_of(tmp_path, again, max_epochs=1).fit(module, data)  # a fit of its own begins at the beginning
    assert again.epochs[0][:batches] == epochs[0]


@pytest.mark.parametrize("stage", ["moco", "vae"])  # one with a queue, one that draws from the global generators
@pytest.mark.parametrize("length", [{"max_epochs": 3}, {"max_steps": 15}], ids=str)
@pytest.mark.parametrize("saved", [7, 10])  # within an epoch, and with the last batch of one
def test_a_resumed_fit_is_the_uninterrupted_one_to_the_bit(
    tmp_path: Path, stage: str, length: dict[str, int], saved: int
) -> None:
    def fit(checkpoint: Path | None, callbacks: list[Any]) -> tuple[dict[str, Tensor], list[list[int]]]:
        lightning.seed_everything(0 if checkpoint is None else 1, verbose=False)
        own = {"queue_size": 16} if stage == "moco" else {}
        module = backend.StageModule(stage, IMAGES, **TINY, **own)
        seen = Seen()
        data = backend.ViewsDataModule(module.run)
        trainer_of(tmp_path, seen, *callbacks, **length).fit(module, data, ckpt_path=checkpoint)
        return module.stage.state_dict(), seen.batches

    keep = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=saved, save_top_k=-1)
    whole, batches = fit(None, [keep])
    resumed, left = fit(tmp_path / f"step={saved}.ckpt", [])
    assert batches[saved:] == left
    assert equal(whole, resumed)


def test_a_fit_resumed_at_the_end_of_an_epoch_goes_on_with_the_next(tmp_path: Path) -> None:
    run, seen = open_moco(), Seen()
    keep = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, "{epoch}", every_n_epochs=1, save_top_k=-1)
    trainer_of(tmp_path, seen, keep, max_epochs=3).fit(backend.StageModule(run), backend.ViewsDataModule(run))
    other, later = open_moco(), Seen()
    trainer_of(tmp_path, later, max_epochs=3).fit(
        backend.StageModule(other), backend.ViewsDataModule(other), ckpt_path=tmp_path / "epoch=0.ckpt"
    )
    assert later.epochs == seen.epochs[1:]
    assert equal(other.stage.state_dict(), run.stage.state_dict())


def test_loggers_early_stopping_clipping_and_checkpoints_of_lightning_work(tmp_path: Path) -> None:
    run = open_moco()
    logger = lightning.pytorch.loggers.CSVLogger(tmp_path, name="log", version=0)
    best = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, "best", monitor="loss")
    stop = lightning.pytorch.callbacks.EarlyStopping("loss", patience=1, min_delta=1e9, check_on_train_epoch_end=True)
    monitor = lightning.pytorch.callbacks.LearningRateMonitor("step")
    options = {"logger": logger, "log_every_n_steps": 2, "gradient_clip_val": 0.1, "precision": "bf16-mixed"}
    trainer = trainer_of(tmp_path, best, stop, monitor, max_epochs=9, **options)
    trainer.fit(backend.StageModule(run), backend.ViewsDataModule(run))
    assert trainer.current_epoch == 2  # the first epoch, and one that is not better by 1e9
    rows = list(csv.DictReader((tmp_path / "log" / "version_0" / "metrics.csv").open()))
    steps = [int(row["step"]) for row in rows if row["loss_step"]]
    assert steps == [1, 3, 5, 7, 9]
    assert all(0 <= float(row["top1"]) <= 1 for row in rows if row["loss_step"])
    assert "queue_size: 16" in (tmp_path / "log" / "version_0" / "hparams.yaml").read_text()
    assert Path(best.best_model_path).is_file()
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    kept = torch.load(tmp_path / "end.ckpt", weights_only=True)
    assert torch.equal(kept["state_dict"]["stage.queue"], run.stage.state_dict()["queue"])
    assert kept["ViewsDataModule"]["iteration"] == 0
    loaded = backend.StageModule.load_from_checkpoint(tmp_path / "end.ckpt", stage=open_moco())
    assert equal(loaded.stage.state_dict(), run.stage.state_dict())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_every_stage_is_trained_and_exported(tmp_path: Path, stage: str, precision: str) -> None:
    module = backend.StageModule(stage, IMAGES, **TINY)
    trainer = trainer_of(tmp_path, max_steps=2, precision=precision)
    trainer.fit(module, backend.ViewsDataModule(module.run))
    assert trainer.callback_metrics["loss"].isfinite()
    assert module.export(tmp_path / "out") == tmp_path / "out" / "encoder.safetensors"
    encoder, spec = fastssl.load_encoder(tmp_path / "out")
    assert spec == module.run.spec
    assert equal(encoder.state_dict(), module.stage.encoder.state_dict())


class Line(Stage):
    """A user's own stage: least squares on a flattened image."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(12, 1)

    def loss(self, batch: Batch) -> StageOutput:
        error = self.encoder(batch["image"].flatten(1)).squeeze(1) - batch["label"]
        return StageOutput(error.square().mean(), {}, {})


def test_ones_own_stage_and_data_loader_give_what_torchs_loop_gives(tmp_path: Path) -> None:
    torch.manual_seed(1)
    data = [{"image": torch.randn(3, 2, 2), "label": torch.randn(())} for _ in range(12)]
    stage, plain = Line(), Line().encoder
    module = backend.StageModule(stage, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1))
    trainer_of(tmp_path, max_epochs=1).fit(module, DataLoader(data, 2))  # type: ignore[arg-type]
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for batch in DataLoader(data, 2):  # type: ignore[arg-type]
        optimizer.zero_grad()
        (plain(batch["image"].flatten(1)).squeeze(1) - batch["label"]).square().mean().backward()
        optimizer.step()
    torch.testing.assert_close(stage.encoder.state_dict(), plain.state_dict(), rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match="export: how a given Stage's encoder was built is not known"):
        module.export(tmp_path)


def test_images_and_a_view_feed_somebody_elses_module(tmp_path: Path) -> None:
    class Mean(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
            return (self.scale * (batch["query"] - batch["key"])).square().mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    seen = Seen()
    data = backend.ViewsDataModule(IMAGES, TwoCrops(16, 1), batch_size=16, drop_last=False, seed=3)
    trainer_of(tmp_path, seen, max_epochs=2).fit(Mean(), data)
    with Loader(IMAGES, TwoCrops(16, 1), batch_size=16, drop_last=False, seed=3) as loader:
        assert seen.epochs == [[batch["index"].tolist() for batch in loader] for _ in range(2)]


_PROCESSES = """
import sys, torch, lightning, numpy as np
from lightning.pytorch.strategies import DDPStrategy
from fastssl import backend
images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)
run = backend.open_run(images, stage="moco", queue_size=16, device="cpu", precision="fp32",
                       encoder="test_resnet", batch_size=8, steps=5, sync_bn=True, bn_splits=int(sys.argv[3]))
module = backend.StageModule(run)
count = int(sys.argv[2])
strategy = DDPStrategy(process_group_backend="gloo", broadcast_buffers=False) if count > 1 else "auto"
trainer = lightning.Trainer(max_steps=5, accelerator="cpu", devices=count, strategy=strategy, logger=False,
                            enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False)
trainer.fit(module, backend.ViewsDataModule(run))
found = {**run.stage.state_dict(), "loss": trainer.callback_metrics["loss"]}
torch.save(found, f"{sys.argv[1]}-{trainer.global_rank}.pt")
"""


@pytest.mark.slow
@pytest.mark.parametrize("splits", [1, 2])
def test_two_processes_take_the_steps_of_one_and_have_one_queue(tmp_path: Path, splits: int) -> None:
    script = tmp_path / "fit.py"
    script.write_text(_PROCESSES)
    for name, count in [("alone", 1), ("both", 2)]:
        command = [sys.executable, str(script), str(tmp_path / name), str(count), str(splits)]
        subprocess.run(command, check=True, timeout=120, cwd=tmp_path, capture_output=True)
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("alone-0", "both-0", "both-1"))
    for name in ("queue", "queue_ids", "queue_pointer", "loss"):
        assert torch.equal(first[name], second[name])
    for name in ("queue", "queue_ids", "loss", "encoder.conv1.0.weight", "key_encoder.conv1.0.weight"):
        torch.testing.assert_close(first[name], alone[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: backend.StageModule("moco"), ConfigError, "give images with 'moco'"),
        (
            lambda: backend.StageModule("moco", IMAGES, precision="bf16"),
            ConfigError,
            "precision: Lightning's own, give",
        ),
        (lambda: backend.StageModule("mocco", IMAGES), ConfigError, "no such stage, did you mean 'moco'"),
        (lambda: backend.StageModule(Line()), ConfigError, "give a Stage together with optimizer="),
        (lambda: backend.StageModule(Line(), IMAGES), ConfigError, "images and settings go with the name of a stage"),
        (
            lambda: backend.StageModule(open_moco(accumulate=2)),
            ConfigError,
            "accumulate: Lightning's own, give Trainer accumulate_grad_batches=",
        ),
        (
            lambda: backend.StageModule(open_moco(compress_gradients=True)),
            ConfigError,
            "compress_gradients: Lightning's own, give Trainer strategy=",
        ),
        (lambda: backend.ViewsDataModule(IMAGES), ConfigError, "give a run, or images with view= and batch_size="),
        (lambda: backend.ViewsDataModule(open_moco(), batch_size=3), ConfigError, "a run has a view and a batch size"),
        (
            lambda: backend.ViewsDataModule([1], Plain(16, 1), batch_size=3),  # type: ignore[arg-type]
            DataError,
            "images are a list; give a NumPy array",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(make: Any, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_images_is_one_line(tmp_path: Path) -> None:
    data = backend.ViewsDataModule(IMAGES, Plain(16, 1), batch_size=8)
    data.load_state_dict(dict(Loader(IMAGES[:20], Plain(16, 1), batch_size=8).state_dict()))
    with pytest.raises(ValueError, match="the loader's state belongs to another loader: samples was 20, is 40"):
        data.train_dataloader()
