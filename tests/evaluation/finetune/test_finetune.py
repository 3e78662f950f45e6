"""A comparison from run folders to report, and what it says where there can be none."""

from __future__ import annotations

import csv
import io
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from scipy import stats

import fastssl
from fastssl.cli import main
from fastssl.config import FinetuneConfig, build
from fastssl.evaluation.finetune.report import FinetuneResult
from fastssl.evaluation.finetune.run import compare
from fastssl.evaluation.finetune.subsets import label_subset
from fastssl.evaluation.finetune.trial import Epoch, TrialData, TrialResult, run_finetune_trial
from fastssl.evaluation.shared.baselines import RANDOM, SCRATCH
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.pipelines import Plain

TINY = {"epochs": 2, "trials": 2, "device": "cpu", "batch_size": 16}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def finetune(*runs: Path, console: Console | None = None, **settings: Any) -> FinetuneResult:
    return fastssl.finetune(runs, console=console or quiet(), **{**TINY, **settings})


class Watch:
    """Does trials and keeps what each of them was given."""

    def __init__(self) -> None:
        self.recipes: list[tuple[Any, int]] = []
        """Recipe and seed."""
        self.starts: list[torch.Tensor | None] = []
        """The encoder's first weights; a frozen one's features have none."""
        self.batches: list[list[torch.Tensor]] = []
        """The images of every training step."""
        self.interrupt_after: int | None = None

    def finetune(self, *runs: Path, console: Console | None = None, **settings: Any) -> FinetuneResult:
        config = build(FinetuneConfig, {**TINY, **settings})
        return compare(runs, config, console or quiet(), self.run_trial)

    def run_trial(self, data: TrialData, recipe: Any, *, seed: int, **settings: Any) -> TrialResult:
        if len(self.recipes) == self.interrupt_after:
            raise KeyboardInterrupt
        weights, steps = next(data.encoder.parameters(), None), []

        def note(encoder: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            if encoder.training:
                steps.append(given[0].clone())

        data.encoder.register_forward_pre_hook(note)
        self.recipes.append((recipe, seed))
        self.starts.append(None if weights is None else weights.detach().clone())
        self.batches.append(steps)
        return run_finetune_trial(data, recipe, seed=seed, **settings)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_a_run_learns_what_can_be_learned(run_folder: Path) -> None:
    result = finetune(run_folder, epochs=12, lr=3e-3, trials=1)
    assert [(row.encoder, row.auc) for row in result.rows] == [("mine", 1.0), (SCRATCH, 1.0)]


def test_every_encoder_is_trained_by_one_recipe_on_the_same_batches(
    run_folder: Path, other_run: Path, watch: Watch
) -> None:
    result = watch.finetune(run_folder, other_run, trials=1)
    assert [row.encoder for row in result.rows] == ["mine", "theirs", SCRATCH]
    assert [len(steps) for steps in watch.batches] == [2 * 3] * 3
    first, *others = watch.batches
    assert all(torch.equal(one, two) for steps in others for one, two in zip(first, steps, strict=True))
    assert len({(str(recipe), seed) for recipe, seed in watch.recipes}) == 1


def test_trials_start_from_the_run_itself_and_from_random_weights_of_their_seed(run_folder: Path, watch: Watch) -> None:
    watch.finetune(run_folder)
    own = next(load_encoder(run_folder).module.parameters())
    assert [torch.equal(start, own) for start in watch.starts] == [True, False, True, False]
    assert not torch.equal(watch.starts[1], watch.starts[3])
    drawn = next(create_encoder("test_resnet", 1, 16, seed=1).parameters())
    assert torch.equal(watch.starts[3], drawn)


def test_the_report_holds_rows_curves_pairs_and_a_plot(run_folder: Path) -> None:
    console = quiet()
    result = finetune(run_folder, console=console, label_fraction=(0.25, 1.0))
    report = run_folder / "report"
    assert Path(result.folder) == report
    assert sorted(path.name for path in report.iterdir() if not path.name.startswith(".")) == [
        "data.json",
        "finetune-classes.csv",
        "finetune-pairs.csv",
        "finetune-trials.jsonl",
        "finetune.csv",
        "finetune.json",
        "finetune.png",
    ]
    stored = json.loads((report / "finetune.json").read_text())
    assert [(row["encoder"], row["label_fraction"], row["n_train"]) for row in stored["rows"]] == [
        ("mine", 1.0, 48),
        (SCRATCH, 1.0, 48),
        ("mine", 0.25, 12),
        (SCRATCH, 0.25, 12),
    ]
    assert len(stored["trials"]) == 8
    for trial in stored["trials"]:
        own = np.array(trial["detail"]["confusion"])
        assert own.trace() / 24 == pytest.approx(trial["acc"])
        assert np.mean(trial["detail"]["recall"]) == pytest.approx(trial["detail"]["balanced_acc"])
    assert stored["rows"][0]["detail"]["ece"] == np.mean(
        [trial["detail"]["ece"] for trial in stored["trials"] if (trial["encoder"], trial["n_train"]) == ("mine", 48)]
    )
    classes = list(csv.DictReader((report / "finetune-classes.csv").open()))
    assert [(row["encoder"], row["class"], row["recall"]) for row in classes[:2]] == [
        ("mine", str(index), str(result.rows[0].detail.recall[index])) for index in range(2)
    ]
    assert [len(curve["epochs"]) for curve in stored["curves"]] == [2, 2, 2, 2]
    assert len(stored["comparisons"]) == 2
    rows = list(csv.DictReader((report / "finetune.csv").open()))
    assert [float(row["auc"]) for row in rows] == [row.auc for row in result.rows]
    assert result.row("mine", 0.25).auc == np.mean(
        [trial["auc"] for trial in stored["trials"] if (trial["encoder"], trial["label_fraction"]) == ("mine", 0.25)]
    )
    said = console.file.getvalue()
    assert "cells, 16 px, fine-tuned (48 train, 20 val, 24 test)" in said
    assert "p: paired t-test, Holm-adjusted over" in said
    assert "test scores in detail, means over trials" in said
    assert "recall per class, mine: " in said
    with Image.open(report / "finetune.png") as picture:
        assert min(picture.size) > 400


AUC = {"mine": {1.0: 0.9, 0.25: 0.8}, SCRATCH: {1.0: 0.85, 0.25: 0.6}}
"""A curve that crosses 0.85 half way between 25 % and all labels on a logarithmic axis, at 50 %."""


def scripted(run: Path, console: Console) -> FinetuneResult:
    """Trials with the results of `AUC`, 0.01 more or less by seed, the run's the other way round on all labels."""
    own = next(load_encoder(run).module.parameters())

    def trial(data: TrialData, recipe: object, *, seed: int, **_: object) -> TrialResult:
        label = "mine" if torch.equal(next(data.encoder.parameters()), own) else SCRATCH
        fraction = 1.0 if len(data.train) > 1 else 0.25
        sign = (1 if seed else -1) * (-1 if (label, fraction) == ("mine", 1.0) else 1)
        epoch = Epoch(train_loss=0.5, train_acc=0.5, val_loss=0.5, val_acc=0.5, val_auc=0.5)
        auc = AUC[label][fraction] + 0.01 * sign
        return TrialResult(auc=auc, acc=0.5, best_epoch=1, epochs=(epoch,), notes=(), seconds=1.0)

    return compare(run, build(FinetuneConfig, {**TINY, "label_fraction": (0.25, 1.0)}), console, trial)


def test_it_says_how_many_labels_the_run_saves(run_folder: Path) -> None:
    console = quiet()
    scripted(run_folder, console)
    expected = "mine reaches random init's AUC on all labels (0.850) with 50 % of them: 50 % fewer labels"
    assert expected in console.file.getvalue().splitlines()


def test_differences_are_shown_and_stored_with_interval_and_adjusted_p(run_folder: Path) -> None:
    """All labels: 0.07 and 0.03, so 0.05 +- 12.706 * 0.02, t of 1 degree of freedom from a printed table, and p by its
    closed form; 25 %: 0.2 twice, which has no spread and so no p."""
    console = quiet()
    scripted(run_folder, console)
    p = 1 - 2 / np.pi * np.arctan(0.05 / 0.02)
    said = console.file.getvalue()
    assert f"| +0.050 | -0.204 to +0.304 | {p:.3f} |" in said
    assert "| +0.200 |              n/a |   n/a |" in said
    assert "Holm-adjusted over 1 comparison\n" in said
    assert "note: no p-value for 1 of 2 comparisons: no spread over the seeds" in said
    stored = json.loads((run_folder / "report" / "finetune.json").read_text(), parse_constant=pytest.fail)
    whole, share = stored["comparisons"]
    assert whole["p_holm"] == pytest.approx(p)
    assert (share["p"], share["low"], share["reason"]) == (None, None, "no spread over the seeds")
    lines = list(csv.DictReader((run_folder / "report" / "finetune-pairs.csv").open()))
    assert float(lines[0]["high"]) == pytest.approx(0.05 + 12.7062 * 0.02)
    assert (lines[1]["p_holm"], lines[1]["reason"]) == ("", "no spread over the seeds")


@pytest.mark.parametrize("frozen", [True, False])
def test_what_draws_share_counts_where_nothing_else_sets_trials_apart(
    run_folder: Path, data_file: Path, frozen: bool
) -> None:
    """Frozen. End to end, every seed is a training of its own. Against random encoders, which differ by seed, half."""
    result = finetune(run_folder, frozen=frozen, epochs=3, trials=3, label_fraction=(1.0, 0.5))
    random = RANDOM if frozen else SCRATCH
    labels = np.load(data_file)["train_labels"][:, 0]
    draws = [set(label_subset(labels, 0.5, seed)) for seed in range(3)]
    common = np.mean([len(one & two) / 24 for one, two in itertools.combinations(draws, 2)])
    for comparison, share in zip(result.comparisons, (1.0, common), strict=True):
        aucs = {
            name: [
                trial.result.auc
                for trial in result.trials
                if (trial.encoder, trial.label_fraction) == (name, comparison.label_fraction)
            ]
            for name in ("mine", random)
        }
        differences = np.subtract(aucs["mine"], aucs[random])
        shared = share / 2 if frozen else 0.0
        half = stats.t.ppf(0.975, 2) * np.sqrt((1 / 3 + shared / (1 - shared)) * differences.var(ddof=1))
        assert comparison.test.high - comparison.test.difference == pytest.approx(half)


def test_finished_trials_are_not_repeated(run_folder: Path, watch: Watch) -> None:
    first = watch.finetune(run_folder, label_fraction=(1.0, 0.5))
    assert len(watch.recipes) == 8
    console = quiet()
    assert watch.finetune(run_folder, console=console, label_fraction=(1.0, 0.5)) == first
    assert len(watch.recipes) == 8
    assert "8 of them are finished already" in console.file.getvalue()
    watch.finetune(run_folder, label_fraction=(1.0, 0.5), trials=3)
    assert len(watch.recipes) == 12
    watch.finetune(run_folder, lr=1e-3)
    assert len(watch.recipes) == 16


def test_trials_that_an_earlier_version_kept_are_not_repeated_and_lack_details(run_folder: Path, watch: Watch) -> None:
    watch.finetune(run_folder)
    kept = run_folder / "report" / "finetune-trials.jsonl"
    records = [json.loads(line) for line in kept.read_text().splitlines()]
    for record in records:
        del record["outcome"]["detail"], record["checksum"]  # lines of 0.1
    kept.write_text("".join(json.dumps(record) + "\n" for record in records))
    again = watch.finetune(run_folder)
    assert len(watch.recipes) == 4
    assert {trial.result.detail for trial in again.trials} == {None}
    assert any(note.startswith("some trials were kept by an earlier version") for note in again.notes)
    stored = json.loads((run_folder / "report" / "finetune.json").read_text())
    assert {trial["detail"] for trial in stored["trials"]} == {None}


def test_undefined_scores_are_undefined_again_when_they_come_from_the_cache(
    run_folder: Path, data_file: Path, tmp_path: Path
) -> None:
    """A test part of one class has no AUC."""
    arrays = dict(np.load(data_file))
    arrays["test_labels"] = np.zeros_like(arrays["test_labels"])
    np.savez(tmp_path / "one.npz", **arrays)
    first, again = (finetune(run_folder, data=str(tmp_path / "one.npz"), trials=1) for _ in range(2))
    assert np.isnan([trial.result.auc for result in (first, again) for trial in result.trials]).all()
    assert [replace(one.result, auc=0.0) for one in again.trials] == [
        replace(one.result, auc=0.0) for one in first.trials
    ]


def test_an_interrupted_comparison_goes_on_where_it_was(run_folder: Path, watch: Watch) -> None:
    console = quiet()
    watch.interrupt_after = 3
    with pytest.raises(KeyboardInterrupt):
        watch.finetune(run_folder, console=console)
    assert "the same command goes on from there" in console.file.getvalue()
    assert not (run_folder / "report" / "finetune.json").exists()
    watch.interrupt_after = None
    assert watch.finetune(run_folder).row(SCRATCH).trials == 2
    assert len(watch.recipes) == 4


def test_frozen_the_encoder_is_not_trained_and_curves_carry_the_overfitting_gap(
    run_folder: Path,
) -> None:
    console = quiet()
    result = finetune(run_folder, console=console, frozen=True, epochs=4, label_fraction=(1.0, 0.5), classifier="mlp")
    assert (
        len(list((run_folder / "features").glob("*.safetensors"))) == 9
    )  # three parts of one trained and of two random encoders, whatever the shares
    report = run_folder / "report"
    assert (report / "finetune-frozen.png").is_file()
    assert not (report / "finetune.png").exists()
    row, curve = result.row("mine"), result.curves["mine", 1.0]
    assert len(curve) == 4
    assert row.overfitting_gap == pytest.approx(curve[-1].val_loss - curve[-1].train_loss)
    assert row.accuracy_gap == pytest.approx(curve[-1].train_acc - curve[-1].val_acc)
    assert "the overfitting gap" in console.file.getvalue()


@pytest.mark.parametrize(
    ("settings", "size"),
    [({"frozen": True}, 128), ({"frozen": True, "imagenet_size": 48}, 48), ({}, 16), ({"imagenet_size": 32}, 32)],
    ids=str,
)
def test_an_imagenet_encoder_is_compared_too_and_sees_images_at_its_own_size(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], size: int
) -> None:
    weights = tmp_path / "imagenet.pth"
    torch.save(create_encoder("test_resnet", 3, 16, seed=9).state_dict(), weights)
    seen: set[int] = set()
    render = Plain.render_torch
    monkeypatch.setattr(Plain, "render_torch", lambda view, *given: seen.add(view.size) or render(view, *given))
    result = finetune(run_folder, imagenet="test_resnet", imagenet_weights=weights, trials=1, epochs=1, **settings)
    random = RANDOM if settings.get("frozen") else SCRATCH
    assert [row.encoder for row in result.rows] == ["mine", random, "ImageNet test_resnet"]
    assert [one.against for one in result.comparisons] == [random, "ImageNet test_resnet"]
    assert seen == {16, size}
    note = f"ImageNet test_resnet sees the same images, resized to {size} px"
    assert (note in result.notes) == (size != 16)
    assert any("--imagenet-size 128 is fairer" in line for line in result.notes) == (size < 128)


def test_several_labels_are_learned_too(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(data_file))
    for split in ("train", "val", "test"):
        bright = arrays[f"{split}_labels"][:, 0]
        arrays[f"{split}_labels"] = np.stack([bright, 1 - bright, bright], axis=1)
    np.savez(tmp_path / "several.npz", **arrays)
    result = finetune(run_folder, data=str(tmp_path / "several.npz"), frozen=True, epochs=30, lr=0.05, trials=1)
    assert result.task == "multi-label, binary-class"
    assert result.row("mine").auc > 0.9


def test_data_without_splits_are_divided_and_that_is_told(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    arrays = np.load(data_file)
    np.savez(tmp_path / "whole.npz", train_images=arrays["train_images"], train_labels=arrays["train_labels"])
    result = finetune(run_folder, data=str(tmp_path / "whole.npz"), trials=1)
    assert (result.n_train, result.n_val, result.n_test) == (30, 8, 10)
    assert sum("held out of train (seed 0)" in note for note in result.notes) == 2


def test_runs_of_different_kinds_have_random_encoders_of_their_own(run_folder: Path, tmp_path: Path) -> None:
    spec = EncoderSpec(name="test_efficientnet", in_channels=1, size=16)
    save_encoder(tmp_path / "other.safetensors", create_encoder(spec.name, 1, 16, seed=0), spec)
    result = finetune(run_folder, tmp_path / "other.safetensors", trials=1, epochs=1)
    first, second = f"{SCRATCH} test_resnet", f"{SCRATCH} test_efficientnet"
    assert [row.encoder for row in result.rows] == ["mine", "other", first, second]
    assert [(one.encoder, one.against) for one in result.comparisons] == [("mine", first), ("other", second)]


def test_the_report_goes_where_it_is_asked_for(run_folder: Path, tmp_path: Path) -> None:
    result = finetune(run_folder, trials=1, out=tmp_path / "elsewhere")
    assert Path(result.folder) == tmp_path / "elsewhere" / "report"
    assert (tmp_path / "elsewhere" / "report" / "finetune.json").is_file()
    assert not (run_folder / "report").exists()


def test_the_command_is_the_python_call(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "--label-fraction 1.0 0.5 --trials 1 --epochs 1 --batch-size 16 --device cpu"
    assert main(["finetune", str(run_folder), *line.split()]) == 0
    stored = json.loads((run_folder / "report" / "finetune.json").read_text())
    assert {row["label_fraction"] for row in stored["rows"]} == {1.0, 0.5}
    assert "report in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "runs: give at least one run folder or encoder file"),
        (["nowhere"], "nowhere: no such run folder or encoder file"),
        (["RUN", "RUN"], "given twice"),
        (["RUN", "--label-fraction", "0"], "label_fraction="),
        (["RUN", "--label-fraction", "1.0", "1.5"], "label_fraction="),
        (["RUN", "--label-fractoin", "1.0"], "unknown setting 'label_fractoin', did you mean 'label_fraction'?"),
        (["RUN", "--imagenet-weights", "x.pth"], "imagenet_weights given without imagenet"),
        (["RUN", "--imagenet-size", "64"], "imagenet_size given without imagenet"),
        (["RUN", "--trials", "0"], "trials='0'"),
        (["RUN", "--imagenet", "resnet1888"], "resnet1888"),
        (["RUN", "--data", "nowhere"], "no data at 'nowhere'"),
        (["RUN", "--size", "4"], "size='4'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing(
    run_folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["finetune", *(str(run_folder) if word == "RUN" else word for word in arguments)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("fastssl: error: ")
    assert said.count("\n") == 1
    assert expected in said
    assert not (run_folder / "report").exists()


@pytest.mark.parametrize("kind", ["unlabelled", "colour"])
def test_data_that_cannot_be_learned_from_are_one_clear_line(kind: str, run_folder: Path, tmp_path: Path) -> None:
    images = np.zeros((9, 16, 16, 3) if kind == "colour" else (9, 16, 16), np.uint8)
    labels = {"train_labels": np.arange(9) % 3} if kind == "colour" else {}
    np.savez(tmp_path / "odd.npz", train_images=images, **labels)
    message = {"unlabelled": "labels and these images have none", "colour": r"3 channel\(s\), encoder 'mine' takes 1"}
    with pytest.raises(fastssl.FastSSLError, match=message[kind]):
        finetune(run_folder, data=str(tmp_path / "odd.npz"))
