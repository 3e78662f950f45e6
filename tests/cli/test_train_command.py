"""`fastssl train` as a new user meets it: what is wrong in one line, exit status 2, and nothing left behind."""

from __future__ import annotations

import errno
import math
import os
import resource
import shlex
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fastssl.cli import main
from fastssl.training import checkpoint
from fastssl.training.stored_settings import read_facts

Refusal = Callable[..., str]

TINY = ["--encoder", "test_resnet", "--batch-size", "16", "--queue-size", "40", "--steps", "4", "--no-amp"]
TINY += ["--device", "cpu", "--checkpoint-every", "1"]


def test_train_writes_a_run_folder(here: Path, grey_npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *TINY, "--data", str(grey_npz)]) == 0
    run = here / "runs" / "moco-grey"
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints",
        "config.yaml",
        "data.json",
        "encoder.safetensors",
        "metrics.jsonl",
        "speed.jsonl",
    ]
    facts = read_facts(run)
    assert set(shlex.split(facts["command"])) == {"fastssl", "train", *TINY, "--data", str(grey_npz)}
    assert float(facts["loss of a guess"]) == pytest.approx(math.log(41), rel=1e-5)
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "ln(K+1) = 3.71" in said
    assert said.splitlines()[-2].startswith("done: 4 steps, ")
    assert said.splitlines()[-1].startswith("next: fastssl probe runs/moco-grey --data LABELLED")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "nowhere"], "no data at 'nowhere'"),
        (["--data", "pneumoniamnits"], "did you mean 'pneumoniamnist'?"),
        (["--batch-sise", "4"], "unknown setting 'batch_sise', did you mean 'batch_size'?"),
        (["--lrr=3"], "unknown setting 'lrr', did you mean 'lr'?"),
        (["--batch_sise", "4"], "unknown setting 'batch_sise', did you mean 'batch_size'?"),
        (["-x"], "unknown setting 'x'"),
        (["extra"], "unexpected argument 'extra'"),
        (["--data"], "--data requires an argument"),
        (["--lr", "fast"], "lr='fast': input should be a valid number"),
        (["--device", "gpu"], "device='gpu': give auto, cpu, mps, cuda or cuda:N"),
        (["--epochs", "3", "--steps", "3"], "epochs and steps both given: give one"),
        (["--encoder", "resnet19"], "encoder='resnet19': not a timm model, did you mean 'resnet18'?"),
        (["--size", "40", "--encoder", "levit_128s"], "cannot take 1x40x40 images"),
        (["--encoder", "test_vit", "--size", "32", "--stem", "small"], "stem='small': test_vit has no ResNet stem"),
        (["--resume"], "no run here"),
        (["--init", "nowhere.pth"], "nowhere.pth: no such file"),
        (["--init", "timm:resnet18@64"], "init='timm:resnet18@64': give imagenet, timm:NAME, timm:NAME=FILE, a run or"),
        (["--init", "timm:resnet19"], "init='resnet19': not a timm model, did you mean 'resnet18'?"),
        (["--init", "timm:resnet18=nowhere.pth"], "nowhere.pth: no such file"),
        (["--init", "timm:resnet34", "--encoder", "resnet18"], "contradict each other: leave one out"),
        (["--encoder", "test_resnet", "--freeze", "9"], "freeze=9: test_resnet has 5 stages"),
        (
            ["--freeze", "-1", "--lr-decay", "0"],
            "freeze='-1': input should be greater than or equal to 0; lr_decay='0'",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing(
    here: Path, refusal: Refusal, arguments: list[str], expected: str
) -> None:
    assert expected in refusal("train", *arguments)
    assert list(here.iterdir()) == []


def test_every_mistake_on_the_line_is_named_at_once(here: Path, refusal: Refusal) -> None:
    line = "--stage mocco --epochs 0 --lr -1 --temprature 3 --wieght-decay -1 --batch-size=abc --stemm"
    said = refusal("train", *line.split())
    for part in ("stage='mocco'", "epochs='0'", "lr='-1'", "'temprature', did you mean 'temperature'?"):
        assert part in said
    for part in ("'wieght_decay', did you mean 'weight_decay'?", "batch_size='abc'", "'stemm', did you mean 'stem'?"):
        assert part in said
    assert said.count(";") == 6


@pytest.mark.parametrize(
    ("command", "expected"), [("trian", 'Did you mean "train"?'), ("probe", "RUN requires an argument")]
)
def test_a_wrong_command_is_one_clear_line(refusal: Refusal, command: str, expected: str) -> None:
    assert expected in refusal(command)


def test_an_npz_without_train_images_is_refused(here: Path, refusal: Refusal) -> None:
    np.savez("data.npz", images=np.zeros((4, 8, 8), np.uint8))
    assert "has no 'train_images'; it holds images" in refusal("train", *TINY, "--data", "data.npz")
    assert [path.name for path in here.iterdir()] == ["data.npz"]


def test_a_batch_larger_than_the_data_is_refused(here: Path, grey_npz: Path, refusal: Refusal) -> None:
    said = refusal("train", "--data", grey_npz, "--batch-size", "64", "--bn-splits", "5")
    assert "batch_size=64: grey has only 52 training images" in said
    assert "bn_splits=5: must divide batch_size=64" in said
    assert list(here.iterdir()) == []


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of 20 pictures, one of which is cut short."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(20):
        Image.fromarray(random.integers(0, 256, (24, 30), dtype=np.uint8)).save(folder / f"{index:02d}.jpg")
    broken = folder / "07.jpg"
    broken.write_bytes(broken.read_bytes()[:150])
    return folder


def test_a_corrupt_picture_is_named_and_skipped_only_on_request(
    here: Path, photographs: Path, capsys: pytest.CaptureFixture[str], refusal: Refusal
) -> None:
    command = ["train", *TINY, "--size", "20", "--data", str(photographs)]
    said = refusal(*command)
    assert "07.jpg" in said
    assert "skip" in said
    assert list(here.iterdir()) == []
    assert main([*command, "--skip-corrupt"]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "07.jpg" in said
    assert "19 images" in said


def test_what_pillow_warns_of_in_a_picture_is_not_shown(here: Path, photographs: Path) -> None:
    bad_exif = b"Exif\0\0II*\0" + bytes(range(60))
    Image.new("L", (30, 24)).save(photographs / "07.jpg", exif=bad_exif)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with Image.open(photographs / "07.jpg") as picture:
            picture.getexif()
        assert len(shown) > 0
        shown.clear()
        assert main(["train", *TINY, "--size", "20", "--data", str(photographs)]) == 0
    assert [one for one in shown if "PIL" in one.filename] == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_gpu_that_is_not_there_is_refused(here: Path, refusal: Refusal, device: str) -> None:
    said = refusal("train", "--device", device)
    assert said == f"device={device!r}: no CUDA device was found; use --device cpu or auto"
    assert list(here.iterdir()) == []


def test_a_run_folder_that_exists_is_refused_and_kept(here: Path, grey_npz: Path, refusal: Refusal) -> None:
    assert main(["train", *TINY, "--data", str(grey_npz), "--out", "run"]) == 0
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    said = refusal("train", *TINY, "--data", grey_npz, "--out", "run")
    assert said == "out='run': holds a run already; --resume continues it, --overwrite replaces it"
    said = refusal("train", "--out", "run", "--resume", "--lr", "1", "--encoder", "resnet18")
    assert "encoder='resnet18': the run to resume has 'test_resnet'" in said
    assert "lr=1.0: the run to resume has 0.0075" in said
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before
    assert main(["train", "--out", "run", "--resume"]) == 0


def test_an_out_that_is_no_folder_for_runs_is_refused(here: Path, grey_npz: Path, refusal: Refusal) -> None:
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("folder/mine.txt").write_text("mine")
    train = ["train", *TINY, "--data", grey_npz, "--overwrite"]
    assert refusal(*train, "--out", "file") == "out='file': is a file; give another --out"
    assert "other things in it" in refusal(*train, "--out", "folder")
    below = "out='file/below': cannot be made or written to (Not a directory); give another --out"
    assert refusal(*train, "--out", "file/below") == below
    assert sorted(str(path.relative_to(here)) for path in here.rglob("*")) == ["file", "folder", "folder/mine.txt"]


@pytest.fixture
def no_room() -> Iterator[None]:
    """No file may grow beyond 50 kB, so that the first checkpoint fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_the_first_checkpoint_has_no_room_nothing_is_left(
    here: Path, grey_npz: Path, refusal: Refusal, no_room: None
) -> None:
    said = refusal("train", *TINY, "--data", grey_npz)
    assert "stage.safetensors: File too large" in said
    assert list(here.iterdir()) == []


def test_a_disk_that_fills_up_later_keeps_the_last_checkpoint(
    here: Path, grey_npz: Path, capsys: pytest.CaptureFixture[str], refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(descriptor: int) -> None:
        if "step-00000003" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", sync)
        said = refusal("train", *TINY, "--data", grey_npz, "--out", "run")
    assert "No space left on device; free some space, then give the command again" in said
    assert said.endswith("a training that has begun goes on with --resume")
    kept = sorted(path.name for path in (here / "run" / "checkpoints").iterdir())
    assert kept == ["step-00000001", "step-00000002"]
    assert main(["train", "--resume", "--out", "run"]) == 0
    assert "resumed at step 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lr", "noticed", "kept"), [("1e30", "the loss became nan at step 2", 1), ("1e300", "not finite after step 1", 0)]
)
def test_a_run_that_diverges_keeps_its_last_finite_checkpoint(
    here: Path, grey_npz: Path, refusal: Refusal, lr: str, noticed: str, kept: int
) -> None:
    said = refusal("train", *TINY, "--data", grey_npz, "--out", "run", "--lr", lr)
    assert noticed in said
    assert f"the checkpoint of step {kept} is kept in run/checkpoints; start again with a lower --lr" in said
    assert not (here / "run" / "encoder.safetensors").exists()
    newest = checkpoint.load_newest(here / "run" / "checkpoints")
    assert newest.step == kept
    assert all(tensor.isfinite().all() for tensor in newest.tensors["stage"].values())
