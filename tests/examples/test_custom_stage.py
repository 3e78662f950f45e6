"""The example of a stage in a package of its own: installed by pip, then used by the command line as built-in ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import fastssl
from fastssl.cli import main
from fastssl.stages import registry
from fastssl.training.load_run import load_run

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_stage"
PACKAGE = "fastssl_barlow_twins"
SMALL = ("--encoder", "test_resnet", "--batch-size", "16", "--embedding-dim", "32", "--device", "cpu")


def forget_stages() -> None:
    registry.installed_stages.cache_clear()
    registry.config_class.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the example, without the network."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"  # a build leaves files in its folder
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(folder / "site")]
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options, str(source)]
    subprocess.run(pip, check=True, timeout=120)
    return folder / "site"


@pytest.fixture
def installed(target: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package as it is found by this process."""
    monkeypatch.syspath_prepend(str(target))
    forget_stages()
    yield target
    forget_stages()


@pytest.fixture
def command(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Runs a command that must succeed, in a folder of its own; returns what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: str) -> str:
        assert main(list(arguments)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def test_a_run_of_it_is_trained_resumed_previewed_probed_and_loaded(
    command: Callable[..., str], grey_npz: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    begin = ["train", "--stage", "barlow_twins", *SMALL, "--data", str(grey_npz), "--steps", "4", "--out", str(run)]
    command(*begin, "--stop-after", "2")
    command("train", "--resume", "--out", str(run))
    whole = tmp_path / "whole"
    command(*begin[:-1], str(whole))
    resumed, uninterrupted = (load_file(folder / "encoder.safetensors") for folder in (run, whole))
    assert resumed.keys() == uninterrupted.keys()
    assert all(torch.equal(resumed[name], uninterrupted[name]) for name in resumed)
    loaded = load_run(run, weights=True)
    assert type(loaded.run.stage).__name__ == "BarlowTwins"

    command("preview", str(run), "--out", str(tmp_path / "run.png"))
    command("preview", "--stage", "barlow_twins", "--data", str(grey_npz), "--out", str(tmp_path / "stage.png"))
    assert (tmp_path / "run.png").read_bytes()[:4] == (tmp_path / "stage.png").read_bytes()[:4] == b"\x89PNG"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Grey images of 20 x 20 pixels of two classes, 24 in each split."""
    pixels, labels = np.random.default_rng(0), np.tile([0, 1], 12)[:, None]
    splits = ("train", "val", "test")
    images = {f"{split}_images": pixels.integers(0, 256, (24, 20, 20), dtype=np.uint8) for split in splits}
    np.savez(tmp_path / "labelled.npz", **images, **{f"{split}_labels": labels for split in splits})
    return tmp_path / "labelled.npz"


def test_it_competes_with_built_in_stages(command: Callable[..., str], labelled: Path) -> None:
    asked = ["--candidates", "moco,barlow_twins,random", "--draws", "2", "--shots", "3", "--finetune", "none"]
    small = ["--encoder", "test_resnet", "--batch-size", "16", "--device", "cpu", "--steps", "2"]
    text = command("train", "--recipe", "aligned", "--data", str(labelled), *small, *asked, "--out", "all")
    assert "methods     moco, barlow_twins: 2 steps of each stage" in text
    assert Path("all/barlow_twins/encoder.safetensors").is_file()
    text = command(
        "train", "--recipe", "aligned", "--data", str(labelled), *small, *asked, "--out", "all", "--overwrite"
    )
    assert "pre-training 2/2: barlow_twins" in text
    assert "resumed" not in text


def test_a_program_of_its_own_trains_it_and_its_encoder_is_probed(
    command: Callable[..., str], installed: Path, labelled: Path, tmp_path: Path
) -> None:
    train = ["train", "--stage", "barlow_twins", *SMALL, "--data", str(labelled), "--steps", "2", "--out", "run"]
    paths = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "fastssl", *train],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "next: fastssl probe run" in done.stdout
    assert "AUC" in command("probe", "run")
    assert (tmp_path / "run" / "report" / "probe.json").is_file()


def test_a_run_whose_package_is_gone_is_one_line_and_its_encoder_still_loads(
    command: Callable[..., str],
    grey_npz: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command("train", "--stage", "barlow_twins", *SMALL, "--data", str(grey_npz), "--steps", "1", "--out", "run")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(installed)])
    forget_stages()
    missing = "stage='barlow_twins': no such stage, give one of moco, pretext, simclr, tower, vae"
    for line in (["train", "--resume", "--out", "run"], ["preview", "run"]):
        assert main(line) == 2
        assert missing in capsys.readouterr().err
    encoder, _ = fastssl.load_encoder("run")
    assert encoder(torch.zeros(1, 1, 20, 20)).ndim == 2


def test_help_and_completion_know_its_settings_and_say_whose_they_are(
    command: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = command("train", "--stage", "barlow_twins", "--help")
    assert "--redundancy-weight" in shown
    assert "Barlow Twins" in shown
    assert "--queue-size" not in shown
    monkeypatch.setenv("HOME", str(tmp_path))
    command("--install-completion", "--shell", "bash")
    (script,) = (path for path in tmp_path.rglob("fastssl") if path.is_file())
    assert "--redundancy-weight" in script.read_text()
    assert "barlow_twins" in script.read_text()
    assert main(["train", "--stage", "vae", "--embedding-dim", "8"]) == 2
    assert "embedding_dim is a setting of --stage barlow_twins, not of --stage vae" in capsys.readouterr().err


def test_the_settings_of_a_new_process_are_read_without_torch(target: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "from fastssl.stages.registry import config_class, stage_names\n"
        "assert stage_names()[-1] == 'barlow_twins'\n"
        "assert 'fastssl_barlow_twins' not in sys.modules\n"
        "assert config_class('barlow_twins')().redundancy_weight == 0.005\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_loss_is_equation_1_in_fp64(installed: Path) -> None:
    from fastssl_barlow_twins.objective import BarlowTwins  # type: ignore[import-not-found]

    stage = BarlowTwins(torch.nn.Flatten(), 12, embedding_dim=6, redundancy_weight=0.02)
    stage.projector = torch.nn.Identity()
    first, second = np.random.default_rng(0).normal(size=(2, 10, 3, 2, 2)).astype(np.float32)
    output = stage.loss({"query": torch.from_numpy(first), "key": torch.from_numpy(second)})

    correlation = np.corrcoef(
        first.reshape(10, -1).astype(np.float64), second.reshape(10, -1).astype(np.float64), rowvar=False
    )[:12, 12:]
    diagonal = correlation.diagonal()
    expected = ((1 - diagonal) ** 2).sum() + 0.02 * ((correlation**2).sum() - (diagonal**2).sum())
    assert float(output.loss) == pytest.approx(expected, rel=1e-4)
    assert float(output.metrics["agreement"]) == pytest.approx(diagonal.mean(), abs=1e-4)


def test_crops_that_are_equal_and_uncorrelated_components_have_loss_zero(installed: Path) -> None:
    from fastssl_barlow_twins.objective import cross_correlation

    hadamard = torch.tensor([[1.0, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]])
    torch.testing.assert_close(cross_correlation(hadamard, hadamard), torch.eye(3), atol=2e-5, rtol=0)


def test_the_loss_is_one_compiled_graph(installed: Path) -> None:
    from fastssl_barlow_twins.objective import BarlowTwins

    stage = BarlowTwins(torch.nn.Flatten(), 12, embedding_dim=6)
    batch = {name: torch.randn(10, 3, 2, 2) for name in ("query", "key")}
    compiled = torch.compile(stage.loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(batch).loss, stage.loss(batch).loss)


def test_the_example_stays_small() -> None:
    assert len((EXAMPLE / "README.md").read_text().splitlines()) <= 10
    files = sorted((EXAMPLE / PACKAGE).glob("*.py"))
    assert [path.name for path in files] == ["__init__.py", "defaults.py", "objective.py", "settings.py"]
    assert all(len(path.read_text().splitlines()) < 100 for path in files)
