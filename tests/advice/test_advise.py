"""An advice from data to commands, which the real command line takes as printed."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import fastssl
from fastssl.advice.commands import Command, EpochSeconds, free_folder, within_budget
from fastssl.advice.expected import Expected
from fastssl.cli import main
from fastssl.cli.line import read_line
from fastssl.config import Config
from fastssl.data import open_source
from fastssl.errors import ConfigError, DataError


def advise(data: str | Path, **settings: Any) -> fastssl.Advice:
    settings = {"measure": False, **settings}
    return fastssl.advise(data, console=Console(file=io.StringIO(), width=100), **settings)


def understood(advice: fastssl.Advice) -> list[list[str]]:
    """The words of its commands, once the command line has taken every one of them."""
    lines = [shlex.split(str(command)) for command in advice.commands]
    others = [] if advice.comparison is None else [shlex.split(str(advice.comparison))]
    assert all(not read_line(words[1:]).mistakes for words in (*lines, *others))
    return lines


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def npz(folder: Path, name: str, count: int, labels: np.ndarray | None = None) -> Path:
    """Grey images of 28 px with distinct pixels."""
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    own = {} if labels is None else {"train_labels": labels}
    np.savez(folder / name, train_images=images, **own)
    return folder / name


def test_the_demo_set_is_trained_by_contrast_and_fine_tuned() -> None:
    advice = advise("demo")
    assert (advice.choice.method, advice.choice.stage) == ("contrastive", "simclr")
    train, evaluate = understood(advice)
    assert train == ["fastssl", "train", "--stage", "simclr", "--data", "demo", "--out", "runs/simclr-demo"]
    assert evaluate[:3] == ["fastssl", "finetune", "runs/simclr-demo"]
    assert str(advice.comparison) == "fastssl train --recipe aligned --data demo --out runs/aligned-demo"


def test_a_set_of_thousands_of_labels_is_not_pre_trained_unless_few_of_them_will_be_had(tmp_path: Path) -> None:
    data = npz(tmp_path, "large.npz", 4200, np.arange(4200) % 2)
    advice = advise(data)
    assert not advice.choice.pretrain
    assert understood(advice) == [
        ["fastssl", "finetune", "random", "--data", str(data), "--out", "runs/supervised-large"]
    ]
    few = advise(data, label_budget=42)
    assert few.choice.method == "contrastive"
    assert {rule.id for rule in few.choice.speak_for} >= {"few-labels-contrastive", "own-few-labels-contrastive"}
    assert understood(few)[1][-2:] == ["--label-fraction", "0.01"]


def test_a_few_labels_per_class_are_solved_and_not_fine_tuned(tmp_path: Path) -> None:
    data = npz(tmp_path, "set.npz", 200, np.arange(200) % 2)
    assert understood(advise(data, label_budget=8))[1][:2] == ["fastssl", "fewshot"]


def test_images_without_labels_end_with_the_training(tmp_path: Path) -> None:
    advice = advise(npz(tmp_path, "plain.npz", 50))
    assert len(understood(advice)) == 1
    assert advice.comparison is None
    assert any("no labels and no masks" in note for note in advice.notes)


def test_masks_make_it_a_segmentation_with_the_first_annotator(tmp_path: Path) -> None:
    folder = tmp_path / "eyes"
    folder.mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"e{number}.png")
        for rater in ("1stHO", "2ndHO"):
            Image.fromarray((pixels > 127).astype(np.uint8) * 255).save(folder / f"e{number}_{rater}.png")
    advice = advise(folder)
    assert advice.facts.task == "segmentation"
    assert advice.facts.labels == 6
    assert not advice.choice.pretrain
    assert {rule.id for rule in advice.choice.speak_against} == {"few-volumes-restoring", "dense-restoring"}
    (words,) = understood(advice)
    assert words[:3] == ["fastssl", "segment", "random"]
    assert words[words.index("--mask-suffix") + 1] == "_1stHO"
    compared = f"--images {folder} --masks {folder} --mask-suffix _1stHO --out runs/aligned-eyes"
    assert str(advice.comparison) == f"fastssl train --recipe aligned {compared}"
    demo = advise("demo", task="segmentation").comparison
    assert str(demo) == "fastssl train --recipe aligned --task segmentation --data demo --out runs/aligned-demo"


def test_a_detector_is_not_ours_and_the_encoder_is_trained_to_restore() -> None:
    advice = advise("demo", task="detection")
    (words,) = understood(advice)
    assert words[words.index("--terms") + 1] == "generative"
    assert advice.comparison is None
    assert any("no detector" in note for note in advice.notes)


def test_images_that_lie_in_two_splits_are_counted(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.arange(30) % 2
    np.savez(
        tmp_path / "l.npz", train_images=images, train_labels=labels, test_images=images[:4], test_labels=labels[:4]
    )
    advice = advise(tmp_path / "l.npz")
    assert advice.facts.leaks == 4
    assert "images-in-two-splits" in {rule.id for rule in advice.choice.hints}


def test_what_an_inspection_finds_is_printed_and_kept(tmp_path: Path) -> None:
    images = open_source("demo").splits["train"].images[:60]
    brighter = np.clip(images[:3] * 1.05, 0, 255).astype(np.uint8)
    patients = {"train_groups": np.arange(60) // 2, "test_groups": np.arange(3) + 100}
    np.savez(tmp_path / "p.npz", train_images=images, test_images=brighter, **patients)
    out = io.StringIO()
    advice = fastssl.advise(tmp_path / "p.npz", measure=False, console=Console(file=out, width=100))
    assert (advice.facts.leaks, advice.facts.patients, advice.facts.duplicates) == (3, 33, 0)
    assert [warning["kind"] for warning in advice.as_json()["warnings"]] == ["duplicates-across-splits"]
    words = " ".join(out.getvalue().split())
    assert "warning: 3 of 3 test images (100.0%) are in train as well (0 equal, 3 nearly)" in words
    assert "patients 33" in words


def test_what_is_printed_names_the_figures_and_sources_of_both_sides(tmp_path: Path) -> None:
    out = io.StringIO()
    data = npz(tmp_path, "large.npz", 4200, np.arange(4200) % 2)
    fastssl.advise(data, measure=False, device="cpu", console=Console(file=out, width=100))
    text = " ".join(out.getvalue().split())
    assert "advice: do not pre-train" in text
    assert "TOWER 0.971, MoCo 0.968, random weights 0.965" in text
    assert "against it: rules that conflict" in text
    assert "arXiv 2412.17041" in text
    assert "[+3 supervised]" in text
    assert max(map(len, out.getvalue().splitlines())) <= 250


def test_json_has_every_rule_and_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["advise", "demo", "--no-measure", "--device", "cpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "contrastive"
    assert found["commands"][0].startswith("fastssl train --stage simclr")
    assert {rule["id"] for rule in found["rules"]["for"]} >= {"global-contrastive", "own-simclr-for-small-images"}


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"label_budget=60: plain has 50 training images; give at most that many"):
        advise(npz(tmp_path, "plain.npz", 50), label_budget=60)
    with pytest.raises(ConfigError, match="give one"):
        fastssl.advise("demo", data="demo-colour")
    assert main(["advise", "demo", "--budget", "soon"]) == 2
    assert "give a time such as 30m, 1h or 2d" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "minutes"), [("90s", 1.5), ("30m", 30), ("1.5h", 90), ("2d", 2880), ("45", 45)])
def test_a_budget_is_a_time(text: str, minutes: float) -> None:
    assert fastssl.AdviseConfig(budget=text).budget == minutes


def test_a_budget_gives_training_most_of_its_time() -> None:
    words = understood(advise("demo", budget="1h"))[0]
    assert words[words.index("--minutes") + 1] == "42"


def test_a_budget_that_holds_next_to_no_steps_is_named_with_its_share(tmp_path: Path) -> None:
    data = npz(tmp_path, "set.npz", 300, np.arange(300) % 2)
    with pytest.raises(ConfigError, match=r"budget=0.0167 minutes, of which --minutes 0.0117 are for pre-training: "):
        advise(data, measure=True, budget="1s")


def test_an_evaluation_is_cut_to_what_a_budget_leaves() -> None:
    whole, half = Command(name="finetune", runs=("runs/a",)), EpochSeconds(own=0.5)
    assert within_budget(whole, half, 10) == whole  # 3 trials x 2 encoders x 100 epochs are 300 s
    assert within_budget(whole, half, 2.5).settings == {"epochs": 50, "trials": 3}
    assert within_budget(whole, half, 0.2).settings == {"epochs": 12, "trials": 1}
    assert within_budget(whole, half, 0.05) == Command(name="probe", runs=("runs/a",))
    alone = Command(name="finetune", runs=("random",))
    assert within_budget(alone, half, 0.02).settings == {"epochs": 5, "trials": 1}


def test_an_imagenet_encoder_counts_for_what_it_takes_and_is_left_out_where_a_budget_is_short() -> None:
    whole = Command(name="finetune", runs=("runs/a",), settings={"imagenet": "large"})
    seconds = EpochSeconds(own=0.5, imagenet=9.0)
    assert seconds.of(whole) == 10.0
    assert within_budget(whole, seconds, 60) == whole  # 3 trials x 100 epochs are 50 minutes
    assert within_budget(whole, seconds, 25).settings == {"imagenet": "large", "epochs": 50, "trials": 3}
    assert within_budget(whole, seconds, 5).settings == {"imagenet": "large", "epochs": 30, "trials": 1}
    assert within_budget(whole, seconds, 2.5).settings == {"epochs": 50, "trials": 3}


def test_a_folder_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert free_folder(tmp_path / "a").name == "a-3"
    assert free_folder(tmp_path / "b").name == "b"


def test_expected_times_are_one_line() -> None:
    both = Expected(training_seconds=600, evaluation_seconds=30, images_per_second=1234.5)
    assert (
        str(both)
        == "10 min 00 s of pre-training (1,234 images/s), then at most 30 s of evaluation, measured on this machine"
    )


@pytest.mark.slow
def test_the_time_is_measured_by_real_steps_of_both_commands(tmp_path: Path) -> None:
    data = npz(tmp_path, "set.npz", 300, np.arange(300) % 2)
    advice = advise(data, measure=True, budget="2m")
    assert advice.expected is not None
    assert 30 < advice.expected.training_seconds < 90
    assert 0 < advice.expected.evaluation_seconds < 120
    assert not (tmp_path / "runs").exists()


def test_commands_read_the_data_as_they_were_looked_at(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "set").mkdir()
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save(
            tmp_path / "set" / f"p{number // 2}_{number}.png"
        )
    rows = [f"p{number // 2}_{number}.png,{'ab'[number // 2 % 2]}" for number in range(40)]
    (tmp_path / "l.csv").write_text("\n".join(["path,label", *rows]))
    about = {"labels": tmp_path / "l.csv", "group": "(p[0-9]+)_", "pseudonymise": False, "skip_corrupt": True}
    advice = advise(tmp_path / "set", size=28, **about)
    assert advice.comparison is not None
    given: list[Config] = []
    for command in (advice.commands[0], advice.comparison):
        words = shlex.split(str(command))
        assert main(words[1:], commands={words[1]: lambda *_, config=None, **__: given.append(config)}) == 0
    assert [{name: getattr(one, name) for name in about} for one in given] == [about, about]
