"""A file of features: the encoder's own, with what is known of each image, whole whenever it is there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import fastssl
from fastssl.data import Source
from fastssl.embeddings import extract as extraction
from fastssl.errors import ConfigError, DataError
from fastssl.evaluation.shared import extraction as shared
from fastssl.features import parts
from fastssl.features.embed_result import EmbedResult

CPU: dict[str, Any] = {"device": "cpu", "amp": False, "quiet": True}


def embedded(run: Path, out: Path, **settings: Any) -> EmbedResult:
    return fastssl.embed(run, out=out, console=Console(file=io.StringIO()), **{**CPU, **settings})


def expected(run: Path, source: Source, split: str) -> np.ndarray:
    """By the encoder and torch alone."""
    encoder, spec = fastssl.load_encoder(run)
    pixels = torch.from_numpy(np.asarray(source.splits[split].images)).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        return encoder((pixels - spec.mean) / spec.std).numpy()


def test_an_npz_has_the_encoders_features_and_the_facts_of_each_image(
    run_folder: Path, named: Source, tmp_path: Path
) -> None:
    result = embedded(run_folder, tmp_path / "f.npz")
    assert dict(result.counts) == {"train": 60, "val": 30, "test": 30}
    with np.load(tmp_path / "f.npz", allow_pickle=False) as file:
        arrays = dict(file)
    wanted = np.concatenate([expected(run_folder, named, split) for split in ("train", "val", "test")])
    np.testing.assert_allclose(arrays["features"], wanted, atol=1e-5)
    assert arrays["split"].tolist() == ["train"] * 60 + ["val"] * 30 + ["test"] * 30
    assert arrays["ids"][61] == "val/scan 1.png"
    np.testing.assert_array_equal(arrays["labels"][:60], named.splits["train"].labels)
    assert arrays["patient"][[0, 3, 4]].tolist() == ["p000", "p000", "p001"]
    about = json.loads(str(arrays["about"]))
    assert (about["encoder"], about["size"], about["mean"]) == ("test_resnet", 16, [0.5])
    assert about["data_fingerprint"] == named.fingerprint


def test_parquet_holds_the_same_as_npz(run_folder: Path, named: Source, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("f.npz", "f.parquet"):
        embedded(run_folder, tmp_path / name, normalize=True, dtype="float16", split="test")
    table, arrays = parquet.read_table(tmp_path / "f.parquet"), np.load(tmp_path / "f.npz", allow_pickle=False)
    assert table.column_names == ["id", "split", "label", "label_name", "patient", "feature"]
    features = np.stack(table["feature"].to_numpy())
    assert features.dtype == arrays["features"].dtype == np.float16
    np.testing.assert_array_equal(features, arrays["features"])
    np.testing.assert_allclose(np.linalg.norm(features.astype(float), axis=1), 1, atol=2e-3)
    for column, name in (("id", "ids"), ("label", "labels"), ("patient", "patient")):
        assert table[column].to_pylist() == arrays[name].tolist()
    assert table["label_name"][0].as_py() == named.class_names[int(arrays["labels"][0])]
    assert json.loads(table.schema.metadata[b"fastssl"]) == json.loads(str(arrays["about"]))


@pytest.mark.parametrize("name", ["f.npz", "f.parquet"])
def test_an_interrupted_call_goes_on_and_its_file_is_that_of_one_that_was_not(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(parts, "IMAGES", 16)
    settings: dict[str, Any] = {"batch_size": 8}
    embedded(run_folder, tmp_path / "whole" / name, **settings)
    calls: list[int] = []

    def stopping(encoder: Any, images: Any, *args: Any, **options: Any) -> torch.Tensor:
        calls.append(len(images))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return extraction.extract(encoder, images, *args, **options)

    out = tmp_path / name
    with monkeypatch.context() as patch:
        patch.setattr("fastssl.features.opened.SplitExtraction", _running(stopping))
        with pytest.raises(KeyboardInterrupt):
            embedded(run_folder, out, **settings)
        assert not out.exists()
        result = embedded(run_folder, out, **settings)
    assert result.resumed == 16 * 3
    assert sum(calls[4:]) == 120 - 48
    assert out.read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {name, "whole", "run", "cells.npz"}


def _running(run: Any) -> Any:
    return lambda **options: shared.SplitExtraction(**options, run=run)


def test_parts_of_another_call_are_not_taken(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded(run_folder, tmp_path / "wanted.npz", split="val")
    with monkeypatch.context() as patch:
        patch.setattr("fastssl.features.embed.finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            embedded(run_folder, tmp_path / "f.npz", split="val", batch_size=7)
    assert embedded(run_folder, tmp_path / "f.npz", split="val").resumed == 0
    assert (tmp_path / "f.npz").read_bytes() == (tmp_path / "wanted.npz").read_bytes()


def test_several_labels_are_columns_and_what_is_not_known_is_null(
    run_folder: Path, tmp_path: Path, data_file: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrays = dict(np.load(data_file))
    arrays["train_labels"] = np.eye(3, dtype=np.int64)[arrays["train_labels"][:, 0]]
    for split in ("val", "test"):
        arrays[f"{split}_labels"] = np.eye(3, dtype=np.int64)[arrays[f"{split}_labels"][:, 0]]
    arrays["test_labels"][0] = [0, -1, 1]
    np.savez(tmp_path / "several.npz", **arrays)
    embedded(run_folder, tmp_path / "f.parquet", data=str(tmp_path / "several.npz"), split="test")
    table = parquet.read_table(tmp_path / "f.parquet")
    labels = [name for name in table.column_names if name.startswith("label_")]
    assert len(labels) == 3
    assert [table[name][0].as_py() for name in labels] == [0, None, 1]
    assert table["id"][5].as_py() == "test/5"
    assert "patient" not in table.column_names


def test_mistakes_are_told_before_anything_is_computed(
    run_folder: Path, data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastssl.features.embed.open_both", lambda *_: pytest.fail("opened"))
    with pytest.raises(ConfigError, match=r"give a file that ends in .parquet or .npz"):
        embedded(run_folder, tmp_path / "f.csv")
    with pytest.raises(ConfigError, match="exists; give another --out, or replace it with --overwrite"):
        embedded(run_folder, data_file)
    with pytest.raises(ConfigError, match="is a file; give another --out"):
        embedded(run_folder, data_file / "f.npz")


def test_the_images_themselves_are_never_replaced(run_folder: Path, data_file: Path) -> None:
    before = data_file.read_bytes()
    with pytest.raises(ConfigError, match="holds the images themselves"):
        embedded(run_folder, data_file, overwrite=True)
    assert data_file.read_bytes() == before


def test_a_split_that_is_not_there_and_features_beyond_float16_are_one_line(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "one.npz", train_images=np.zeros((4, 16, 16), np.uint8))
    with pytest.raises(DataError, match="has no split val; there are train"):
        embedded(run_folder, tmp_path / "f.npz", data=str(tmp_path / "one.npz"), split="val")
    whole = extraction.extract
    monkeypatch.setattr(
        "fastssl.features.opened.SplitExtraction", _running(lambda *args, **options: whole(*args, **options) + 1e5)
    )
    with pytest.raises(ConfigError, match="dtype=float16: a feature is 1e\\+05, beyond 65504; use float32"):
        embedded(run_folder, tmp_path / "f.npz", dtype="float16")
    assert not (tmp_path / "f.npz").exists()
