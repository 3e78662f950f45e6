"""The loader in other people's loops: two DistributedDataParallel processes, and Lightning."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fastssl.pipelines import Loader, Plain
from tests import forked
from tests.pipelines.train_one_rank import train_one_rank


def _train(folder: Path, world_size: int) -> list[dict[str, object]]:
    """What each rank saw, and its weights after an epoch."""
    store = str(folder / f"world-{world_size}")
    ranks = [
        forked.context().Process(target=train_one_rank, args=(store, rank, world_size)) for rank in range(world_size)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
    assert [process.exitcode for process in ranks] == [0] * world_size
    return [torch.load(folder / f"world-{world_size}-{rank}.pt") for rank in range(world_size)]


def test_two_ddp_processes_take_the_steps_of_one_with_the_whole_batch(tmp_path: Path) -> None:
    (one,), two = _train(tmp_path, 1), _train(tmp_path, 2)
    for whole, left, right in zip(one["seen"], two[0]["seen"], two[1]["seen"], strict=True):
        assert not set(left) & set(right)
        assert sorted(whole) == sorted(left + right)
    assert torch.equal(two[0]["weight"], two[1]["weight"])
    torch.testing.assert_close(two[0]["weight"], one["weight"], rtol=1e-5, atol=1e-6)


@pytest.fixture
def lightning() -> object:
    module = pytest.importorskip(
        "lightning", reason="Lightning is not installed (pip install 'fastssl-engine[adapters]')"
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return module


def _fit(lightning, images: np.ndarray, folder: Path, *, steps: int, resume: Path | None = None) -> list[list[int]]:
    """Samples of each step that a trainer took; its checkpoint after the last is `folder / "last.ckpt"`."""

    class Task(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.seen = nn.Linear(16 * 16, 1), []

        def training_step(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            self.seen.append(batch["index"].tolist())
            return self.head(batch["image"].flatten(1)).square().mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    task = Task()
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(max_steps=steps, accelerator="cpu", default_root_dir=folder, **quiet)
    with Loader(images, Plain(16, 1), batch_size=16) as loader:
        trainer.fit(task, loader, ckpt_path=resume)
        trainer.save_checkpoint(folder / "last.ckpt")
    return task.seen


@pytest.mark.filterwarnings("ignore")
def test_lightning_sees_every_epoch_once_and_goes_on_where_it_stopped(
    lightning: object, images: np.ndarray, tmp_path: Path
) -> None:
    with Loader(images, Plain(16, 1), batch_size=16) as loader:
        expected = [batch["index"].tolist() for _ in range(3) for batch in loader]
    assert _fit(lightning, images, tmp_path, steps=9) == expected
    begun = _fit(lightning, images, tmp_path, steps=4)
    assert begun + _fit(lightning, images, tmp_path, steps=9, resume=tmp_path / "last.ckpt") == expected


def test_a_data_loader_of_a_loader_is_refused_in_one_line() -> None:
    images = np.zeros((8, 16, 16, 1), dtype=np.uint8)
    of_it = torch.utils.data.DataLoader(Loader(images, Plain(16, 1), batch_size=4), batch_size=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^a Loader is a data loader already: iterate it itself"):
        next(iter(of_it))
