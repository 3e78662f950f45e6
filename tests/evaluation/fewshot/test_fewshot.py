"""A few-shot comparison from run folders to report, and what it says where it cannot be made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from sklearn.linear_model import LogisticRegression

import fastssl
from fastssl.cli import main
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.evaluation.fewshot import run as module
from fastssl.evaluation.fewshot.report import FewshotResult
from fastssl.evaluation.fewshot.run import fewshot
from fastssl.evaluation.fewshot.support import draw_supports
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder

SHORT = {"shots": (1, 5), "seeds": 3, "imagenet": "none", "pixels": False, "device": "cpu", "amp": False}


def quiet(width: int = 120) -> Console:
    return Console(file=io.StringIO(), width=width)


@pytest.fixture
def other_run(tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    folder.mkdir()
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=16)
    save_encoder(folder / "encoder.safetensors", create_encoder(spec.name, 1, 16, seed=11), spec)
    return folder


def test_two_runs_and_random_init_are_compared_and_reported(run_folder: Path, other_run: Path) -> None:
    console = quiet()
    result = fastssl.fewshot([run_folder, other_run], console=console, **SHORT)
    assert result.encoders == ("run", "other", "random init")
    assert (result.shots, result.seeds, result.n_pool, result.n_test) == ((1, 5), (0, 1, 2), 60, 30)
    assert len(result.rows) == 6
    assert len(result.pairs) == 3 * 2 * 2
    said = console.file.getvalue()
    assert "cells: test accuracy in %, 3 seeds, 30 test images" in said
    assert "differences in accuracy, points, paired by seed" in said
    assert "95 % interval of each; p: paired t-test, Holm-adjusted over 6 comparisons" in said
    first = result.pairs[0].test
    assert f"{100 * first.difference:+.1f}" in said
    assert f"{100 * first.low:+.1f} to {100 * first.high:+.1f}" in said
    report = run_folder / "report"
    assert result.folder == str(report)
    content = json.loads((report / "fewshot.json").read_text())
    assert content["rows"][0]["acc"]["mean"] == result.row("run", 1).acc.mean
    for row in content["rows"]:
        assert [np.trace(one["confusion"]) / 30 for one in row["detail_by_seed"]] == pytest.approx(row["acc_by_seed"])
        assert all(one["auc_low"] < one["auc_high"] for one in row["detail_by_seed"])
    assert "test scores in detail at 5 images per class, means" in said
    assert f"recall per class, run: {result.row('run', 5).detail.recall[0]:.2f} class 0, " in said
    rows = list(csv.DictReader((report / "fewshot.csv").open()))
    assert [(row["encoder"], row["shots"]) for row in rows[:2]] == [("run", "1"), ("run", "5")]
    assert float(rows[1]["acc_std"]) == result.row("run", 5).acc.std
    assert float(rows[1]["ece"]) == np.mean([one.ece for one in result.row("run", 5).detail_by_seed])
    classes = list(csv.DictReader((report / "fewshot-classes.csv").open()))
    assert [float(row["recall"]) for row in classes[3:6]] == list(result.row("run", 5).detail.recall)
    pairs = list(csv.DictReader((report / "fewshot-pairs.csv").open()))
    names = (
        "encoder",
        "against",
        "shots",
        "metric",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "comparisons",
        "reason",
    )
    assert tuple(pairs[0]) == names
    assert [float(pair["p_holm"]) for pair in pairs] == [pair.test.p_holm for pair in result.pairs]
    assert Image.open(report / "fewshot.png").size > (500, 400)


def test_the_accuracies_are_sklearn_s_on_the_same_images(run_folder: Path, data_file: Path) -> None:
    """By hand from the exported encoder: features, standardising, support sets' rows, classifier."""
    result = fewshot(run_folder, console=quiet(), **SHORT)
    arrays, encoder = np.load(data_file), load_encoder(run_folder).module.eval()
    with torch.no_grad():
        train, test = (
            encoder(torch.from_numpy(arrays[f"{split}_images"]).float()[:, None] / 127.5 - 1).double().numpy()
            for split in ("train", "test")
        )
    varying = train.std(axis=0) > 0
    train, test = train[:, varying], test[:, varying]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    train, test = (train - mean) / deviation, (test - mean) / deviation
    labels = arrays["train_labels"][:, 0].astype(np.int64)
    for support in draw_supports(labels, (1, 5), range(3)):
        expected = [
            LogisticRegression(tol=1e-8, max_iter=2000)
            .fit(train[rows], labels[rows])
            .score(test, arrays["test_labels"][:, 0])
            for rows in support.rows
        ]
        np.testing.assert_allclose(result.row("run", support.shots).acc_by_seed, expected, atol=1.01 / 30)


def test_every_encoder_sees_the_same_images(run_folder: Path, other_run: Path) -> None:
    """An encoder compared with its own copy differs in nothing, which is no evidence of anything."""
    (other_run / "encoder.safetensors").write_bytes((run_folder / "encoder.safetensors").read_bytes())
    result = fewshot([run_folder, other_run], console=quiet(), random=False, **SHORT)
    for shots in (1, 5):
        assert result.row("run", shots).acc_by_seed == result.row("other", shots).acc_by_seed
    assert {(pair.test.difference, pair.test.reason) for pair in result.pairs} == {(0, "no spread over the seeds")}


def test_an_exhausted_pool_gives_no_p_and_no_interval_and_says_why(run_folder: Path, other_run: Path) -> None:
    """The pool has 20 images of each class: at 25 shots every seed draws all of them, at 15 half or more."""
    console, why = quiet(200), "all seeds draw nearly the same images (100 % in common)"
    settings = {**SHORT, "shots": (15, 25)}
    result = fewshot([run_folder, other_run], console=console, random=False, **settings)
    content = json.loads((run_folder / "report" / "fewshot.json").read_text(), parse_constant=pytest.fail)
    undefined = [pair["test"] for pair in content["pairs"] if pair["shots"] == 25]
    assert len(undefined) == 2  # accuracy and AUC
    for test in undefined:
        assert [test[name] for name in ("low", "high", "p", "p_holm")] == [None] * 4
        assert test["reason"] == why
    row = next(row for row in csv.DictReader((run_folder / "report" / "fewshot.csv").open()) if row["shots"] == "25")
    assert (row["acc_low"], row["acc_high"], row["acc_reason"], row["overlap"]) == ("", "", why, "1.0")
    said = console.file.getvalue()
    assert f"no p-value for 1 of 2 comparisons: {why}" in said
    assert "no intervals or p-values at 25 shots (100 % in common on average)" in said
    assert "share many images at 15 shots (" in said
    assert not any(pair.test.significant for pair in result.pairs if pair.shots == 25)


def test_a_second_comparison_is_the_same_from_the_features_kept(
    run_folder: Path, scramble_features: Callable[[Path], None]
) -> None:
    first = fewshot(run_folder, console=quiet(), **SHORT)
    assert fewshot(run_folder, console=quiet(), **SHORT) == first
    scramble_features(run_folder)
    third = fewshot(run_folder, console=quiet(), **SHORT)
    for encoder in ("run", "random init"):
        assert third.row(encoder, 5).auc_by_seed != first.row(encoder, 5).auc_by_seed


def test_a_single_seed_has_no_spread_and_no_pairs_table(run_folder: Path) -> None:
    console = quiet()
    result = fewshot(run_folder, console=console, **{**SHORT, "seeds": 1})
    assert np.isnan(result.row("run", 1).acc.std)
    assert "±" not in console.file.getvalue()
    assert "differences" not in console.file.getvalue()
    assert "no p-value for 2 of 2 comparisons: a single seed" in console.file.getvalue()
    assert json.loads((run_folder / "report" / "fewshot.json").read_text())["rows"][0]["acc"]["std"] is None


def test_too_many_scores_have_no_intervals_and_that_is_told(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SCORES", 100)
    result = fewshot(run_folder, console=quiet(), **SHORT)
    assert all(np.isnan(one.auc_low) for row in result.rows for one in row.detail_by_seed)
    assert module.NOT_AFFORDABLE in result.notes


def test_data_without_splits_are_tested_on_images_held_out_and_that_is_told(
    run_folder: Path, data_file: Path, tmp_path: Path
) -> None:
    arrays = np.load(data_file)
    np.savez(tmp_path / "whole.npz", train_images=arrays["train_images"], train_labels=arrays["train_labels"])
    result = fewshot(run_folder, console=quiet(), data=str(tmp_path / "whole.npz"), **{**SHORT, "shots": (20,)})
    assert (result.n_pool, result.n_test) == (48, 12)
    assert any(
        "no labelled test split: tested on 12 images held out of train (seed 0)" in note for note in result.notes
    )
    assert "class 0 has 16 images to draw from: all of them are taken at 20 shots" in result.notes


def test_an_imagenet_encoder_is_compared_with_from_a_file(run_folder: Path, tmp_path: Path) -> None:
    import timm
    from safetensors.torch import save_file

    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.safetensors")
    settings = {
        **SHORT,
        "imagenet": "test_resnet",
        "imagenet_weights": tmp_path / "weights.safetensors",
        "imagenet_size": 32,
    }
    result = fewshot(run_folder, console=quiet(), random=False, **settings)
    assert result.encoders == ("run", "ImageNet test_resnet")
    assert "ImageNet test_resnet sees the same images, resized to 32 px" in result.notes


def test_raw_pixels_are_compared_with_where_they_are_few(
    run_folder: Path, data_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes differ by brightness alone, which a line on the pixels finds: scikit-learn's, on the same images."""
    settings = {**SHORT, "pixels": True, "random": False}
    result = fewshot(run_folder, console=quiet(), **settings)
    assert result.encoders == ("run", "raw pixels")
    arrays = np.load(data_file)
    train, test = (arrays[f"{split}_images"].reshape(-1, 256).astype(np.float64) for split in ("train", "test"))
    train, test = (train - train.mean(axis=0)) / train.std(axis=0), (test - train.mean(axis=0)) / train.std(axis=0)
    labels = arrays["train_labels"][:, 0]
    (support,) = draw_supports(labels, (5,), range(3))
    expected = [
        LogisticRegression(tol=1e-8, max_iter=2000)
        .fit(train[rows], labels[rows])
        .score(test, arrays["test_labels"][:, 0])
        for rows in support.rows
    ]
    np.testing.assert_allclose(result.row("raw pixels", 5).acc_by_seed, expected, atol=1.01 / 30)
    monkeypatch.setattr("fastssl.evaluation.shared.raw_pixels.MOST_PIXEL_VALUES", 100)
    without = fewshot(run_folder, console=quiet(), **settings)
    assert without.encoders == ("run",)
    assert "no raw pixels: 60 images of 256 values each are too many for a linear model" in without.notes


def test_no_imagenet_weights_at_hand_are_a_note_and_asked_for_an_error(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastssl.evaluation.shared.pretrained.is_at_hand", lambda _: False)
    result = fewshot(run_folder, console=quiet(), **{**SHORT, "imagenet": "auto"})
    assert result.encoders == ("run", "random init")
    assert any(note.startswith("no ImageNet encoder to compare with") for note in result.notes)
    monkeypatch.setattr("fastssl.models.imagenet.is_cached", lambda _: False)
    monkeypatch.setattr("fastssl.models.imagenet.why_unreachable", lambda: "no connection")
    with pytest.raises(ConfigError, match=r"downloaded \(no connection\); fetch .* and give --imagenet-weights FILE"):
        fewshot(run_folder, console=quiet(), **{**SHORT, "imagenet": "resnet18"})


def test_images_of_several_labels_are_refused(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(data_file))
    for split in ("train", "val", "test"):
        arrays[f"{split}_labels"] = 1 - np.eye(3, dtype=np.uint8)[arrays[f"{split}_labels"][:, 0]]
    np.savez(tmp_path / "several.npz", **arrays)
    with pytest.raises(DataError, match="several labels each"):
        fewshot(run_folder, console=quiet(), data=str(tmp_path / "several.npz"), **SHORT)
    assert not (run_folder / "report").exists()


def test_images_of_other_channels_are_refused(run_folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "colour.npz", train_images=np.zeros((9, 16, 16, 3), np.uint8), train_labels=np.arange(9) % 3)
    with pytest.raises(DataError, match=r"images have 3 channel\(s\), encoder 'run' takes 1"):
        fewshot(run_folder, console=quiet(), data=str(tmp_path / "colour.npz"), **SHORT)


def test_an_encoder_that_diverged_is_named(run_folder: Path) -> None:
    encoder, spec = load_encoder(run_folder)
    next(encoder.parameters()).data.fill_(3e38)  # finite, and overflows
    save_encoder(run_folder / "encoder.safetensors", encoder, spec)
    with pytest.raises(CheckpointError, match="run: features are not finite"):
        fewshot(run_folder, console=quiet(), **SHORT)


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit_the_terminal(run_folder: Path, width: int) -> None:
    console = quiet(width)
    fewshot(run_folder, console=console, quiet=True, **{**SHORT, "shots": (1, 5, 10, 15, 20)})
    table = console.file.getvalue().split("note:")[0]
    assert max(map(len, table.splitlines())) <= width
    assert "…" not in table


def test_the_command_line_makes_the_same_comparison(
    run_folder: Path, other_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["fewshot", str(run_folder), str(other_run), "--shots", "5", "1", "--seeds", "3", "--imagenet", "none"]
    assert main([*line, "--no-pixels", "--device", "cpu", "--no-amp", "--out", str(tmp_path / "table")]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "random init" in said
    expected: FewshotResult = fewshot([run_folder, other_run], console=quiet(), **SHORT)
    content = json.loads((tmp_path / "table" / "report" / "fewshot.json").read_text())
    assert [row["acc"]["mean"] for row in content["rows"]] == [row.acc.mean for row in expected.rows]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "give at least one run folder"),
        (["nowhere"], "nowhere: no such run folder or encoder file"),
        (["RUN", "RUN"], "given twice"),
        (["RUN", "--shots", "0"], "shots"),
        (["RUN", "--imagenet-weights", "w.pth"], "weights given without imagenet"),
        (["RUN", "--imagenet", "resnet19"], "imagenet='resnet19': not a timm model, did you mean 'resnet18'?"),
        (["RUN", "--sedes", "3"], "unknown setting 'sedes', did you mean 'seeds'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_clear_line(
    run_folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["fewshot", *(str(run_folder) if word == "RUN" else word for word in arguments)]) == 2
    complaint = capsys.readouterr().err
    assert expected in complaint
    assert complaint.count("\n") == 1
    assert not (run_folder / "report").exists()
