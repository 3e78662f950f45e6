"""The benchmark from files to a report, against the protocol carried out by hand with NumPy and scikit-learn."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier

import fastssl
from fastssl.cli import main
from fastssl.config import BenchmarkConfig, build
from fastssl.data.labels import medmnist_table
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.evaluation.medmnist_plus.linear import LinearRecipe
from fastssl.evaluation.medmnist_plus.report import BenchmarkResult
from fastssl.evaluation.medmnist_plus.run import score_sets
from fastssl.evaluation.medmnist_plus.trial import FILE, knn_trial
from fastssl.evaluation.shared.extraction import PartFeatures
from fastssl.evaluation.shared.features import FeatureKey
from fastssl.evaluation.shared.partition import Part, Partition
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.pipelines import Padded, Plain

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, which timm has for test_byobnet."""
SHORT = LinearRecipe(epochs=3)


def run(paths: list[Path], recipe: LinearRecipe | None = SHORT, **settings: Any) -> tuple[BenchmarkResult, str]:
    said = io.StringIO()
    config = build(BenchmarkConfig, {"device": "cpu", **settings})
    return score_sets(paths, config, Console(file=said, width=200), recipe), said.getvalue()


def knn_by_hand(encode: Callable[[np.ndarray], np.ndarray], file: Path) -> float:
    arrays = np.load(file)
    model = KNeighborsClassifier(11, algorithm="ball_tree")
    model.fit(encode(arrays["train_images"]), arrays["train_labels"][:, 0])
    return accuracy_score(arrays["test_labels"][:, 0], model.predict(encode(arrays["test_images"])))


def rgb_padded(images: np.ndarray, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> np.ndarray:
    """ToTensor, Normalize, Pad: `[N, H, W]` or `[N, H, W, 3]` bytes to `[N, 3, 224, 224]`."""
    pixels = images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
    border = (224 - pixels.shape[1]) // 2
    padded = np.pad((pixels / 255 - mean) / std, ((0, 0), (border, border), (border, border), (0, 0)))
    return padded.transpose(0, 3, 1, 2).astype(np.float32)


def test_a_baseline_sees_rgb_padded_after_normalising(medmnist: Path, weights: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data_root": medmnist, "baseline": f"timm:test_byobnet={weights}", "classifiers": "knn"}
    settings["batch_size"] = 16  # of 224 x 224 pixels
    files = [str(medmnist / name) for name in ("breastmnist_64.npz", "bloodmnist.npz")]
    result, _ = run([], **settings, flags=files, out=tmp_path / "out")
    encoder = create_encoder("test_byobnet", 3, 224, seed=5).eval()

    def encode(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return encoder(torch.from_numpy(rgb_padded(images))).numpy()

    assert [(row.data, row.size, row.input) for row in result.rows] == [
        ("breastmnist", 64, "padded to 224"),
        ("bloodmnist", 28, "padded to 224"),
    ]
    assert [row.acc for row in result.rows] == pytest.approx([knn_by_hand(encode, Path(file)) for file in files])


@pytest.mark.parametrize("fit", ["resize", "pad"])
def test_a_run_sees_images_of_its_own_size_as_they_are_and_larger_ones_resized(
    fit: str, grey_run: Path, medmnist: Path
) -> None:
    result, _ = run([grey_run], flags="breastmnist", classifiers="knn", fit=fit)
    encoder, _ = load_encoder(grey_run)

    def encode(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return encoder(torch.from_numpy((images[:, None] / 255 - 0.5) / 0.5).float()).numpy()

    own = result.row("breastmnist", "grey", "kNN", 28)
    assert (own.acc, own.input) == (pytest.approx(knn_by_hand(encode, medmnist / "breastmnist.npz")), "as they are")
    assert result.row("breastmnist", "grey", "kNN", 64).input == "resized to 28"


def test_a_large_run_sees_small_images_padded_where_that_is_asked_for(
    medmnist: Path, tmp_path: Path, kept_features: Callable[[Path], list[FeatureKey]]
) -> None:
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=48)
    save_encoder(tmp_path / "large.safetensors", create_encoder(spec.name, 1, 48, seed=3), spec)
    settings: dict[str, Any] = {"data_root": medmnist, "flags": "breastmnist", "sizes": 28, "classifiers": "knn"}
    rows = [run([tmp_path / "large.safetensors"], **settings, fit=fit)[0].rows[0] for fit in ("resize", "pad")]
    assert [row.input for row in rows] == ["resized to 48", "padded to 48"]
    views = {key.view for key in kept_features(tmp_path / "large")}
    assert views == {repr(Plain(48, 1)), repr(Padded(48, 1))}


def test_a_grey_run_is_left_out_of_sets_in_colour(grey_run: Path) -> None:
    result, _ = run([grey_run], sizes=28, classifiers="knn")
    assert [one.flag for one in result.data] == ["pneumoniamnist", "breastmnist"]
    assert "bloodmnist is left out for grey (1 channel(s)): its images have other channels" in result.notes
    mean = result.row("mean", "grey", "kNN")
    assert (mean.sets, mean.acc) == (2, pytest.approx(np.mean([row.acc for row in result.rows])))
    with pytest.raises(DataError, match="no encoder takes the images of any set here; bloodmnist is left out"):
        run([grey_run], flags="bloodmnist")


def test_published_rows_stand_beside_official_splits_alone(grey_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, said = run([grey_run], flags="breastmnist", sizes=28)
    assert {row.origin for row in (*result.rows, *result.means)} == {"measured"}
    assert "breastmnist, 28 px: 60/20/30 images in train/val/test are not MedMNIST's 546/78/156" in said
    table = medmnist_table.table()
    official = {**table["breastmnist"], "n_samples": {"train": 60, "val": 20, "test": 30}}
    monkeypatch.setattr(medmnist_table, "table", lambda: {**table, "breastmnist": official})
    result, said = run([grey_run], flags="breastmnist", sizes=28)
    assert result.row("breastmnist", "published DINO ViT-B/16", "linear").acc == pytest.approx(0.8333)
    assert result.row("mean", "published DINO ViT-B/16", "linear").sets == 12
    assert "2 of them are finished already" in said
    assert "Scientific Reports 15, 7669 (2025)" in said


def test_the_linear_rows_are_means_over_the_seeds(grey_run: Path) -> None:
    result, said = run([grey_run], flags="breastmnist", sizes=28, seeds=(1, 2, 3))
    row = result.row("breastmnist", "grey", "linear")
    assert len(row.auc_by_seed) == 3
    assert (row.auc, row.auc_std) == pytest.approx((np.mean(row.auc_by_seed), np.std(row.auc_by_seed, ddof=1)))
    assert "the last epoch was the best, so that more would help" in said


def test_an_interrupted_benchmark_goes_on(grey_run: Path, medmnist: Path) -> None:
    """The second set cannot be read: the trials of the first are kept, and not repeated."""
    whole = (medmnist / "breastmnist.npz").read_bytes()
    (medmnist / "breastmnist.npz").write_bytes(whole[:1000])
    with pytest.raises(DataError, match=r"breastmnist\.npz"):
        run([grey_run], sizes=28)
    kept = (grey_run / "report" / FILE).read_text().splitlines()
    assert [json.loads(line)["settings"]["classifier"] for line in kept] == ["knn", "linear"]
    assert not (grey_run / "report" / "benchmark.json").exists()
    (medmnist / "breastmnist.npz").write_bytes(whole)
    _, said = run([grey_run], sizes=28)
    assert said.count("2 of them are finished already") == 1
    assert (grey_run / "report" / FILE).read_text().splitlines()[:2] == kept


def test_the_report_holds_every_row(grey_run: Path, tmp_path: Path) -> None:
    result, _ = run([grey_run], flags="breastmnist", out=tmp_path / "out", seeds=7)
    content = json.loads((tmp_path / "out/report/benchmark.json").read_text())
    assert [row["acc"] for row in content["rows"]] == [row.acc for row in result.rows]
    assert content["rows"][1]["auc_std"] is None  # of a single seed
    with (tmp_path / "out/report/benchmark.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["data"], row["size"], row["classifier"]) for row in rows] == [
        ("breastmnist", "28", "kNN"),
        ("breastmnist", "28", "linear"),
        ("breastmnist", "64", "kNN"),
        ("breastmnist", "64", "linear"),
    ]
    assert (tmp_path / "out/report/benchmark-means.csv").exists()
    with pytest.raises(KeyError, match="no row 'breastmnist', 'grey', 'kNN', 128 px"):
        result.row("breastmnist", "grey", "kNN", 128)


@pytest.mark.parametrize("multi_label", [False, True], ids=["classes", "labels"])
def test_votes_are_scored_as_the_benchmark_does(multi_label: bool) -> None:
    """ACC of several labels is the mean over them of each label's accuracy, by more than half of the votes."""
    rng = np.random.default_rng(0)
    labels = {name: rng.integers(0, 2, (40, 3)) if multi_label else rng.integers(0, 4, 40) for name in "abc"}
    train, val, test = (Part(split=name, rows=np.arange(40), labels=labels[name]) for name in "abc")
    features = PartFeatures(*(torch.from_numpy(rng.normal(size=(40, 5)).astype(np.float32)) for _ in range(3)))
    parts = Partition(train=train, val=val, test=test, classes=3 if multi_label else 4, seed=0)
    task: Any = "multi-label, binary-class" if multi_label else "multi-class"
    found = knn_trial(features, parts, task=task, device=torch.device("cpu"))
    model = KNeighborsClassifier(11, algorithm="ball_tree").fit(features.train.numpy(), train.labels)
    assert found.acc == (pytest.approx((model.predict(features.test.numpy()) == test.labels).mean()),)


def test_too_few_images_to_vote_are_refused() -> None:
    part = Part(split="train", rows=np.arange(10), labels=np.arange(10) % 2)
    parts = Partition(train=part, val=part, test=part, classes=2, seed=0)
    with pytest.raises(DataError, match="10 training images: 11 nearest neighbours need as many at least"):
        knn_trial(PartFeatures(*[torch.zeros(10, 2)] * 3), parts, task="binary-class", device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["medmnst+"], "no benchmark is called 'medmnst+'; did you mean 'medmnist+'?"),
        (["medmnist+"], "give a run, or --baseline timm:NAME"),
        (["medmnist+", "nowhere"], "nowhere: no such run folder or encoder file"),
        (["medmnist+", "--baseline", "timm:resnet81"], "baseline='resnet81': not a timm model"),
        (["medmnist+", "--baseline", "timm:test_resnet=none.pth"], "none.pth"),
        (["medmnist+", "--flags", "octmnist", "--sizes", "28"], "octmnist: none of octmnist.npz in"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line_and_nothing_is_written(
    line: list[str], said: str, medmnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main(["benchmark", *line, "--data-root", str(medmnist), "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "here").iterdir())


def test_weights_that_are_not_here_are_said_with_the_file_to_get(
    medmnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    name = "vit_base_patch16_224.dino"
    with pytest.raises(ConfigError) as refused:
        run([], data_root=medmnist, baseline=f"timm:{name}", out=tmp_path / "o")
    assert f"fetch model.safetensors of timm/{name}, and give --baseline timm:{name}=FILE, or add --download" in str(
        refused.value
    )


def test_weights_of_another_model_are_refused(medmnist: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"weights, mine\.pth"):
        run([], data_root=medmnist, baseline=f"timm:test_vit={weights}", out=tmp_path / "o")


def test_the_name_of_the_benchmark_is_asked_of_python_too() -> None:
    with pytest.raises(ConfigError, match=r"no benchmark is called 'imagenet'; there is medmnist\+"):
        fastssl.benchmark("imagenet")
