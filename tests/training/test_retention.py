"""Which checkpoints are kept: the newest sound ones, whatever else lies there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fastssl.training.checkpoint import Checkpoint, load_newest, save_checkpoint
from fastssl.training.retention import Retention, clear_remains


def save(folder: Path, step: int) -> Path:
    return save_checkpoint(folder, Checkpoint(step=step, tensors={"stage": {"w": torch.ones(3) * step}}, state={}))


def damage(path: Path) -> None:
    (path / "stage.safetensors").write_bytes(b"?")


def names(folder: Path) -> list[int]:
    assert all(path.name.startswith("step-") for path in folder.iterdir())
    return sorted(int(path.name.removeprefix("step-")) for path in folder.iterdir())


@pytest.mark.parametrize(("keep", "kept"), [(1, [5]), (2, [4, 5]), (3, [3, 4, 5]), (9, [1, 2, 3, 4, 5])])
def test_the_newest_are_kept(tmp_path: Path, keep: int, kept: list[int]) -> None:
    retention = Retention(tmp_path, keep)
    for step in range(1, 6):
        save(tmp_path, step)
        retention.prune()
    assert names(tmp_path) == kept


@pytest.mark.parametrize(
    ("damaged", "kept"), [([3, 4], [2, 5]), ([1, 2, 3, 4], [5]), ([5], [3, 4]), ([2], [4, 5]), ([9], [4, 5])]
)
def test_a_damaged_one_is_not_counted_and_not_kept(tmp_path: Path, damaged: list[int], kept: list[int]) -> None:
    for step in (1, 2, 3, 4, 5, 9) if 9 in damaged else (1, 2, 3, 4, 5):
        path = save(tmp_path, step)
        if step in damaged:
            damage(path)
    Retention(tmp_path, 2).prune()
    assert names(tmp_path) == kept


def test_one_that_was_just_written_is_counted_without_being_read_again(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        damage(save(tmp_path, step))
    retention = Retention(tmp_path, 1)
    retention.add(2)
    retention.prune()
    assert names(tmp_path) == [2]


def test_other_things_are_left_alone(tmp_path: Path) -> None:
    save(tmp_path, 1).rename(tmp_path / "best")
    (tmp_path / "step-notes.txt").write_text("mine")
    for step in (2, 3):
        save(tmp_path, step)
    Retention(tmp_path, 1).prune()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "step-00000003", "step-notes.txt"]


def test_a_checkpoint_that_was_about_to_be_replaced_is_put_back(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2).rename(tmp_path / ".step-00000002.replaced")
    save(tmp_path, 3).rename(tmp_path / ".step-00000003.partial")
    (tmp_path / ".step-00000001.replaced").mkdir()
    clear_remains(tmp_path)
    assert names(tmp_path) == [1, 2]
    assert load_newest(tmp_path, pytest.fail).step == 2
    clear_remains(tmp_path / "nowhere")


def test_one_that_cannot_be_read_now_stays_and_is_not_counted(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        path = save(tmp_path, step)
    (path / "stage.safetensors").unlink()
    (path / "stage.safetensors").symlink_to(path / "stage.safetensors")  # a loop: nobody can read it
    Retention(tmp_path, 2).prune()
    assert names(tmp_path) == [2, 3, 4]
