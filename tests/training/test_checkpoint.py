"""Checkpoints: whole or not there, checked when read, and one to fall back on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fastssl.errors import CheckpointError
from fastssl.training.checkpoint import Checkpoint, load_newest, save_checkpoint
from fastssl.training.retention import clear_remains

FILES = ["manifest.json", "optimizer.safetensors", "stage.safetensors", "state.json"]


def example(step: int) -> Checkpoint:
    random = torch.Generator().manual_seed(step)
    weights = torch.randn(4, 3, 2, 2, generator=random).to(memory_format=torch.channels_last)
    tensors = {
        "stage": {"weight": weights, "queue": weights.bfloat16(), "pointer": torch.tensor(step)},
        "optimizer": {"0.momentum_buffer": -weights},
    }
    return Checkpoint(step=step, tensors=tensors, state={"loader": {"epoch": step}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with checkpoints of steps 1 and 2."""
    for step in (1, 2):
        save_checkpoint(tmp_path / "checkpoints", example(step))
    return tmp_path / "checkpoints"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_saved_is_read_back_to_the_bit(folder: Path) -> None:
    loaded, saved = load_newest(folder), example(2)
    assert (loaded.step, loaded.state) == (saved.step, saved.state)
    assert loaded.tensors.keys() == saved.tensors.keys()
    for group, tensors in saved.tensors.items():
        for name, tensor in tensors.items():
            assert loaded.tensors[group][name].dtype == tensor.dtype
            assert torch.equal(loaded.tensors[group][name], tensor)


def test_tied_parameters_are_saved_and_come_back_tied(tmp_path: Path) -> None:
    """One tensor under several names, as in CoaT, whose layers share their position encodings."""
    first, second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    second.weight = first.weight
    module = torch.nn.Sequential(first, second)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    tensors = {"stage": dict(module.state_dict())}
    save_checkpoint(tmp_path, Checkpoint(step=1, tensors=tensors, state={}))
    module[0].weight.data.zero_()
    module.load_state_dict(dict(load_newest(tmp_path).tensors["stage"]), strict=True)
    assert module[0].weight is module[1].weight
    assert all(torch.equal(module.state_dict()[key], value) for key, value in state.items())


def test_the_newest_is_the_one_with_the_largest_step_also_beyond_eight_digits(folder: Path) -> None:
    assert save_checkpoint(folder, example(30)) == folder / "step-00000030"
    assert load_newest(folder).step == 30
    save_checkpoint(folder, example(100_000_000))
    save_checkpoint(folder, example(99_999_999))
    assert load_newest(folder).step == 100_000_000


@pytest.mark.parametrize(
    "name",
    ["step-00000003 (copy)", "step-00000003.bak", "step-3", "step-abc", ".step-00000003.partial", "STEP-00000003"],
)
def test_a_folder_of_another_name_is_no_checkpoint(folder: Path, name: str) -> None:
    save_checkpoint(folder, example(3)).rename(folder / name)
    assert load_newest(folder, pytest.fail).step == 2


def test_a_checkpoint_of_the_same_step_is_replaced(folder: Path) -> None:
    save_checkpoint(folder, Checkpoint(step=2, tensors=example(7).tensors, state={"again": True}))
    assert load_newest(folder).state == {"again": True}


def test_it_is_made_of_plain_files(folder: Path) -> None:
    assert sorted(file.name for file in (folder / "step-00000002").iterdir()) == FILES
    manifest = json.loads((folder / "step-00000002" / "manifest.json").read_text())
    assert sorted(manifest) == FILES[1:]


@pytest.mark.parametrize("call", range(7), ids=lambda call: f"sync-{call}")
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"])
def test_a_save_cut_short_anywhere_leaves_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, call: int
) -> None:
    """Six files and folders are synced; before the rename each failure leaves no trace, after it all is written."""
    before, calls, sync = contents(folder), iter(range(100)), os.fsync

    def fsync(descriptor: int) -> None:
        if next(calls) == call:
            raise error
        sync(descriptor)

    with monkeypatch.context() as cut:
        cut.setattr(os, "fsync", fsync)
        try:
            save_checkpoint(folder, example(3))
        except type(error):
            assert call <= 5
        else:
            assert call > 5
    assert not list(folder.rglob("*.partial"))
    if call < 5:
        assert contents(folder) == before
    assert load_newest(folder).step == (2 if call < 5 else 3)


@pytest.mark.parametrize("most", [0, 50, 400])
def test_a_limit_of_file_sizes_says_which_file_and_leaves_the_old_ones(folder: Path, most: int) -> None:
    """As `ulimit -f` sets it: the system's write then fails, as it does on a full disk."""
    before, limits = contents(folder), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            save_checkpoint(folder, example(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "step-00000003" in caught.value.filename
    assert contents(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000001", "step-00000002"]


def test_a_process_killed_while_saving_leaves_the_old_one_and_its_remains_are_cleared(folder: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
import torch
from fastssl.training import checkpoint
count = iter(range(3))
real = os.fsync
def sync(descriptor):
    real(descriptor)
    if next(count) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = sync
made = checkpoint.Checkpoint(step=3, tensors={"a": {"x": torch.ones(2)}}, state={})
checkpoint.save_checkpoint(Path(sys.argv[1]), made)
"""
    before = contents(folder)
    assert subprocess.run([sys.executable, "-c", script, folder], check=False).returncode == -9
    assert contents(folder).items() > before.items()
    assert load_newest(folder).step == 2
    clear_remains(folder)
    assert contents(folder) == before
    assert sorted(entry.name for entry in folder.iterdir()) == ["step-00000001", "step-00000002"]


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_one_flipped_bit_makes_it_fall_back_with_a_notice(folder: Path, file: str, place: float) -> None:
    def flip(content: bytes) -> bytes:
        index = int(place * len(content))
        return content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]

    damage(folder / "step-00000002" / file, flip)
    said: list[str] = []
    assert load_newest(folder, said.append).step == 1
    (line,) = said
    assert line.startswith("warning: ")
    assert "step-00000002: damaged" in line
    assert line.endswith("trying the one before it")


@pytest.mark.parametrize("file", FILES)
def test_a_missing_or_truncated_file_makes_it_fall_back(folder: Path, file: str) -> None:
    damage(folder / "step-00000002" / file, lambda content: content[: len(content) // 2])
    assert load_newest(folder, lambda line: None).step == 1
    (folder / "step-00000002" / file).unlink()
    assert load_newest(folder, lambda line: None).step == 1


def test_if_all_are_damaged_it_says_so(folder: Path) -> None:
    for file in folder.glob("*/stage.safetensors"):
        damage(file, lambda content: content[:-1] + b"?")
    said: list[str] = []
    with pytest.raises(CheckpointError, match="every checkpoint is damaged; start anew with --overwrite"):
        load_newest(folder, said.append)
    assert len(said) == 2


def test_if_there_is_none_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        load_newest(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "manifest",
    ["[]", "3", "null", "{}", '{"state.json": 3}', '{"../step-00000001/state.json": "", "state.json": ""}', "\xff{"],
)
def test_a_manifest_that_is_none_makes_it_fall_back(folder: Path, manifest: str) -> None:
    (folder / "step-00000002" / "manifest.json").write_bytes(manifest.encode("latin-1"))
    said: list[str] = []
    assert load_newest(folder, said.append).step == 1
    assert len(said) == 1


def test_a_file_that_the_manifest_does_not_name_is_not_read(folder: Path) -> None:
    (folder / "step-00000002" / "evil.safetensors").write_bytes(b"\xff" * 100)
    assert load_newest(folder, pytest.fail).tensors.keys() == example(2).tensors.keys()
