"""Every example runs, for two steps on a CPU, and stays short."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
MOST_LINES = 60


Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an example as a script, in a folder of its own, and returns what it prints."""

    def run(name: str, *options: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, "--steps", "2", *options])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_an_encoder_is_trained_probed_and_loaded_into_timm(run: Run, tmp_path: Path) -> None:
    printed = run("train_and_probe.py", "--encoder", "test_resnet")
    assert re.search(r"^trained +linear +AUC 0\.\d{3}", printed, re.MULTILINE)
    assert re.search(r"^loaded into timm: \d+ features per image$", printed, re.MULTILINE)
    assert (tmp_path / "runs" / "example" / "encoder.safetensors").is_file()


def test_a_plain_loop_takes_steps_with_the_kernels(run: Run) -> None:
    losses = re.findall(r"^step \d: loss (\d+\.\d+)$", run("pytorch_loop_with_kernels.py"), re.MULTILINE)
    assert len(losses) == 2
    assert all(0 < float(loss) < 20 for loss in losses)


def test_a_stage_takes_steps_in_a_plain_loop_and_goes_on(run: Run) -> None:
    lines = run("plain_loop.py", "--encoder", "test_resnet")
    assert re.findall(r"^step (\d): loss \d+\.\d+$", lines, re.MULTILINE) == ["1", "2"]
    lines = run("plain_loop.py", "--encoder", "test_resnet", "--steps", "3", "--resume", "state.pt")
    assert re.findall(r"^step (\d): loss \d+\.\d+$", lines, re.MULTILINE) == ["3"]


@pytest.mark.slow
def test_lightning_trains_a_stage_resumes_it_and_exports_its_encoder(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason="Lightning is not installed (pip install 'fastssl-engine[adapters]')")
    assert re.search(r"^step 2: loss \d+\.\d{3}$", run("lightning_stage.py", "--encoder", "test_resnet"), re.MULTILINE)
    resumed = ("--encoder", "test_resnet", "--steps", "3", "--resume", "runs/lightning/last.ckpt")
    assert re.search(r"^step 3: loss \d+\.\d{3}$", run("lightning_stage.py", *resumed), re.MULTILINE)
    assert (tmp_path / "runs" / "lightning" / "encoder.safetensors").is_file()


@pytest.mark.slow
def test_lightly_and_ours_take_turns(run: Run) -> None:
    pytest.importorskip("lightly", reason="lightly is not installed (pip install 'fastssl-engine[adapters]')")
    printed = run("lightly_interplay.py")
    assert re.search(r"^lightly's loop: loss \d\.\d{3}\nfastssl's step: loss \d\.\d{3}$", printed, re.MULTILINE)


@pytest.mark.slow
def test_an_encoder_goes_into_a_unet_of_segmentation_models_pytorch(run: Run) -> None:
    printed = run("smp_unet.py")
    assert "timm: features [2, 512]" in printed
    assert "segmentation-models-pytorch: masks [2, 1, 64, 64]" in printed


def test_a_parquet_stream_becomes_a_model_that_timm_makes(run: Run) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed (pip install 'fastssl-engine[adapters]')")
    printed = run("huggingface_dataset.py", "--encoder", "test_resnet")
    assert re.search(r"^timm makes it of \S+model: \d+ features per image$", printed, re.MULTILINE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.slow
def test_an_encoder_goes_on_in_monais_trainer(run: Run) -> None:
    for library in ("monai", "ignite"):
        pytest.importorskip(library, reason=f"{library} is not installed (pip install 'fastssl-engine[adapters]')")
    printed = run("monai_supervised.py", "--encoder", "test_resnet")
    assert re.search(r"^MONAI's trainer: 2 steps, loss \d+\.\d{3}$", printed, re.MULTILINE)


def test_every_example_is_tested_here_and_short() -> None:
    tested = set(re.findall(r'"(\w+\.py)"', Path(__file__).read_text()))
    assert {path.name for path in FOLDER.glob("*.py")} == tested
    assert all(len(path.read_text().splitlines()) < MOST_LINES for path in FOLDER.glob("*.py"))
