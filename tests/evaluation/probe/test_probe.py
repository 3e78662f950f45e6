"""A probe from run folder to report, and what it says where it cannot."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import fastssl
from fastssl.errors import CheckpointError, ConfigError, DataError, FastSSLError
from fastssl.evaluation.probe.run import probe
from fastssl.evaluation.shared.metrics import evaluate
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.models.spec_text import TrainedSteps


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def test_a_run_is_scored_along_with_random_init_and_pixels(run_folder: Path) -> None:
    console = quiet()
    result = fastssl.probe(run_folder, console=console, device="cpu")
    assert [(row.features, row.classifier) for row in result.rows] == [
        ("trained", "linear"),
        ("trained", "kNN"),
        ("random init", "linear"),
        ("random init", "kNN"),
        ("raw pixels", "linear"),
    ]
    assert (result.data, result.task, result.size) == ("cells", "multi-class", 16)
    assert (result.n_train, result.n_val, result.n_test) == (60, 30, 30)
    assert result.row("raw pixels").auc > 0.9
    assert "cells, 16 px, test_resnet (60 train, 30 val, 30 test)" in console.file.getvalue()
    report = json.loads((run_folder / "report" / "probe.json").read_text())
    assert report["rows"][0]["auc"] == result.row("trained").auc
    assert report["class_names"] == list(result.class_names)
    for row in report["rows"]:
        assert np.trace(row["detail"]["confusion"]) / 30 == pytest.approx(row["acc"])
        assert np.mean(row["detail"]["recall"]) == pytest.approx(row["detail"]["balanced_acc"])
        if row["features"] != "raw pixels":  # which make no error, so that nothing varies
            assert row["detail"]["auc_low"] <= row["auc"] <= row["detail"]["auc_high"]
    said = console.file.getvalue()
    assert "bal. ACC" in said
    first = result.row("trained").detail
    assert first is not None
    recall = ", ".join(f"{own:.2f} class {name}" for own, name in zip(first.recall, result.class_names, strict=True))
    assert f"recall per class, trained, linear: {recall}" in said
    assert "AUC 95 %, ACC 95 %: percentiles of 1000 bootstrap resamples of test images" in said


def test_patients_are_kept_apart_and_resampled_as_a_whole(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    """Pairs of images: intervals by patient rest on half as many draws."""
    arrays = np.load(data_file)
    whole = {
        name: np.concatenate([arrays[f"{split}_{name}"] for split in ("train", "val", "test")])
        for name in ("images", "labels")
    }
    owners = np.array([f"P{index // 6 * 3 + index % 3}" for index in range(120)])
    np.savez(tmp_path / "owned.npz", **{f"train_{name}": array for name, array in whole.items()}, train_groups=owners)
    result = probe(run_folder, console=quiet(), data=str(tmp_path / "owned.npz"), device="cpu")
    patients = result.n_test // 2
    assert any(f"tested on {result.n_test} images of {patients} patients held out" in note for note in result.notes)
    assert result.notes[-1].endswith(f"bootstrap resamples of the {patients} patients of the test images")


def test_the_trained_rows_come_from_the_exported_encoder(run_folder: Path, data_file: Path) -> None:
    """The kNN row, computed by hand from `encoder.safetensors` with nothing of the extraction."""
    result = probe(run_folder, console=quiet(), device="cpu", amp=False)
    encoder = load_encoder(run_folder).module.eval()
    arrays = np.load(data_file)
    features = {}
    with torch.no_grad():
        for split in ("train", "test"):
            pixels = torch.from_numpy(arrays[f"{split}_images"]).float()[:, None] / 127.5 - 1
            features[split] = torch.nn.functional.normalize(encoder(pixels)).double().numpy()
    cosine = features["test"] @ features["train"].T
    nearest = np.argsort(-cosine, axis=1)[:, :7]  # the root of 60
    weight = np.exp(np.take_along_axis(cosine, nearest, axis=1) / 0.1)
    votes = np.eye(3)[arrays["train_labels"][:, 0][nearest]]
    scores = (weight[..., None] * votes).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    expected = evaluate(arrays["test_labels"][:, 0], scores, "multi-class")
    row = result.row("trained", "kNN")
    assert (row.setting, row.dim) == ("k 7", features["train"].shape[1])
    assert (row.auc, row.acc) == (pytest.approx(expected.auc, abs=2e-3), pytest.approx(expected.acc, abs=0.04))


def test_a_second_probe_finds_the_same_from_the_features_kept(
    run_folder: Path, scramble_features: Callable[[Path], None]
) -> None:
    first = probe(run_folder, console=quiet(), device="cpu")
    assert probe(run_folder, console=quiet(), device="cpu") == first
    scramble_features(run_folder)
    third = probe(run_folder, console=quiet(), device="cpu")
    assert third.row("raw pixels") == first.row("raw pixels")
    for features in ("trained", "random init"):
        assert third.row(features) != first.row(features)


def test_other_weights_in_the_run_are_extracted_anew(run_folder: Path) -> None:
    first = probe(run_folder, console=quiet(), device="cpu")
    spec = load_encoder(run_folder).spec
    save_encoder(run_folder / "encoder.safetensors", create_encoder(spec.name, 1, 16, seed=8), spec)
    second = probe(run_folder, console=quiet(), device="cpu")
    assert second.row("trained") != first.row("trained")
    assert second.row("random init") == first.row("random init")


def test_an_encoder_file_alone_is_probed_on_the_data_given(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    alone = tmp_path / "mine.safetensors"
    alone.write_bytes((run_folder / "encoder.safetensors").read_bytes())
    with pytest.raises(ConfigError, match=r"no config\.yaml that names its data; give --data"):
        probe(alone, console=quiet())
    result = probe(alone, console=quiet(), data=str(data_file), device="cpu")
    assert result.rows == probe(run_folder, console=quiet(), device="cpu").rows
    assert Path(result.folder) == tmp_path / "mine" / "report"


def test_data_without_splits_are_divided_and_that_is_told(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    arrays = np.load(data_file)
    np.savez(tmp_path / "whole.npz", train_images=arrays["train_images"], train_labels=arrays["train_labels"])
    result = probe(run_folder, console=quiet(), data=str(tmp_path / "whole.npz"), device="cpu")
    assert (result.n_train, result.n_val, result.n_test) == (39, 9, 12)
    assert result.row("trained").n_train == result.row("trained", "kNN").n_train == 48
    assert any("no labelled test split" in note for note in result.notes)


def test_multi_label_data_are_probed(run_folder: Path, data_file: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(data_file))
    for split in ("train", "val", "test"):
        classes = arrays[f"{split}_labels"][:, 0]
        arrays[f"{split}_labels"] = np.stack([classes == 0, classes > 0, classes == 2], axis=1).astype(np.uint8)
    np.savez(tmp_path / "several.npz", **arrays)
    console = quiet()
    result = probe(run_folder, console=console, data=str(tmp_path / "several.npz"), device="cpu")
    assert result.task == "multi-label, binary-class"
    assert result.row("raw pixels").auc > 0.9
    assert result.row("raw pixels").detail.confusion is None
    assert "sensitivity/specificity per label, trained, linear: " in console.file.getvalue()
    stored = json.loads((run_folder / "report" / "probe.json").read_text())
    assert stored["rows"][0]["detail"]["confusion"] is None


@pytest.mark.parametrize("form", ["0, 128, 255", "one-hot", "some unlabelled"])
def test_every_form_of_the_same_labels_gives_the_same_scores(
    form: str, run_folder: Path, data_file: Path, tmp_path: Path
) -> None:
    as_saved = {
        "0, 128, 255": lambda labels: np.array([0, 128, 255])[labels],
        "one-hot": lambda labels: np.eye(3, dtype=np.uint8)[labels],
        "some unlabelled": lambda labels: np.append(labels[:-4], [255] * 4).astype(np.uint8),
    }[form]
    arrays, whole = dict(np.load(data_file)), dict(np.load(data_file))
    for split in ("train", "val", "test"):
        arrays[f"{split}_labels"] = as_saved(whole[f"{split}_labels"][:, 0])
        if form == "some unlabelled":
            whole |= {name: whole[name][:-4] for name in (f"{split}_images", f"{split}_labels")}
    np.savez(tmp_path / "form.npz", **arrays)
    np.savez(tmp_path / "whole.npz", **whole)
    found, expected = (
        probe(run_folder, console=quiet(), data=str(tmp_path / f"{n}.npz"), amp=False) for n in ("form", "whole")
    )
    assert (found.task, found.n_train, found.n_test) == (expected.task, expected.n_train, expected.n_test)
    assert [(row.auc, row.acc) for row in found.rows] == [(row.auc, row.acc) for row in expected.rows]
    left_out = "images without a label are left out: train 4, val 4, test 4"
    assert (left_out in found.notes) == (form == "some unlabelled")


def test_a_class_missing_from_the_test_split_leaves_auc_undefined_and_says_so(
    run_folder: Path, data_file: Path, tmp_path: Path
) -> None:
    arrays = dict(np.load(data_file))
    kept = arrays["test_labels"][:, 0] < 2
    arrays["test_images"], arrays["test_labels"] = arrays["test_images"][kept], arrays["test_labels"][kept]
    np.savez(tmp_path / "two.npz", **arrays)
    result = probe(run_folder, console=quiet(), data=str(tmp_path / "two.npz"), device="cpu")
    assert np.isnan(result.row("trained").auc)
    assert "test AUC undefined: class 2 does not occur in this split" in result.notes
    assert json.loads((run_folder / "report" / "probe.json").read_text())["rows"][0]["auc"] is None


@pytest.mark.parametrize("kind", ["unlabelled", "colour"])
def test_data_that_cannot_be_probed_are_one_clear_line(kind: str, run_folder: Path, tmp_path: Path) -> None:
    images = np.zeros((9, 16, 16, 3) if kind == "colour" else (9, 16, 16), np.uint8)
    labels = {"train_labels": np.arange(9) % 3} if kind == "colour" else {}
    np.savez(tmp_path / "odd.npz", train_images=images, **labels)
    message = {"unlabelled": "an evaluation needs labels", "colour": r"3 channel\(s\), encoder 'trained' takes 1"}[kind]
    with pytest.raises(DataError, match=message):
        probe(run_folder, console=quiet(), data=str(tmp_path / "odd.npz"))
    assert not (run_folder / "report").exists()


def test_an_encoder_whose_training_has_not_ended_is_told(run_folder: Path) -> None:
    encoder, spec = load_encoder(run_folder)
    steps = TrainedSteps(step=27, total_steps=100_000)
    save_encoder(run_folder / "encoder.safetensors", encoder, spec, steps)
    assert "trained: its training has not ended, step 27 of 100000" in probe(run_folder, console=quiet()).notes


def test_an_encoder_that_diverged_is_named(run_folder: Path) -> None:
    encoder, spec = load_encoder(run_folder)
    next(encoder.parameters()).data.fill_(3e38)  # finite, and overflows
    save_encoder(run_folder / "encoder.safetensors", encoder, spec)
    with pytest.raises(CheckpointError, match="features are not finite"):
        probe(run_folder, console=quiet(), device="cpu")


def test_a_size_the_encoder_cannot_take_is_one_clear_line(data_file: Path, tmp_path: Path) -> None:
    spec = EncoderSpec(name="test_vit", in_channels=1, size=32)
    save_encoder(tmp_path / "encoder.safetensors", create_encoder(spec.name, 1, 32), spec)
    with pytest.raises(ConfigError, match="cannot take 1x20x20 images"):
        probe(tmp_path, console=quiet(), data=str(data_file), size=20)


def test_what_is_not_a_run_or_not_a_setting_is_refused(tmp_path: Path, run_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no such run folder"):
        probe(tmp_path / "nowhere", console=quiet())
    with pytest.raises(FastSSLError, match="unknown setting 'batchsize', did you mean 'batch_size'"):
        probe(run_folder, batchsize=3)


def test_random_init_of_resnet18_on_pneumonia_is_where_it_was_measured(shared_data: Path, tmp_path: Path) -> None:
    """About 0.75 AUC and 0.715 accuracy were measured before this code existed, with scikit-learn."""
    spec = EncoderSpec(name="resnet18", in_channels=1, size=28)
    save_encoder(tmp_path / "encoder.safetensors", create_encoder("resnet18", 1, 28, seed=0), spec)
    result = probe(tmp_path, console=quiet(), data=str(shared_data / "pneumoniamnist.npz"), device="cpu", amp=False)
    row = result.row("random init")
    assert (row.auc, row.acc) == (pytest.approx(0.75, abs=0.02), pytest.approx(0.715, abs=0.02))
    assert result.row("trained").auc == row.auc
    assert result.row("published ResNet-18", "end to end").auc == 0.944
