"""`datasets` as a source, against the pixels that were put in; streams are read once and never held."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastssl
from fastssl import backend
from fastssl.errors import DataError

datasets = pytest.importorskip("datasets", reason="datasets is not installed (pip install 'fastssl-engine[adapters]')")
Image = pytest.importorskip("PIL.Image")

GREY = np.random.default_rng(0).integers(0, 256, (12, 20, 20), dtype=np.uint8)
CLASSES = np.arange(12) % 3
FEATURES = datasets.Features(
    {"scan": datasets.Image(), "finding": datasets.ClassLabel(names=["none", "nodule", "effusion"])}
)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def of(images: list[Any], labels: Any = CLASSES, features: Any = FEATURES) -> Any:
    rows = {"scan": [{"bytes": image, "path": None} for image in images], "finding": list(labels)[: len(images)]}
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.fixture(scope="module")
def dataset() -> Any:
    return of([encoded(image) for image in GREY])


def test_a_parquet_stream_becomes_shards_that_data_opens(dataset: Any, tmp_path: Path) -> None:
    dataset.to_parquet(tmp_path / "scans.parquet")
    stream = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "scans.parquet"), split="train", streaming=True, cache_dir=str(tmp_path)
    )
    source = fastssl.open_source(backend.write_dataset(tmp_path / "shards", stream))
    np.testing.assert_array_equal(source.splits["train"].images[:], GREY[..., None])
    np.testing.assert_array_equal(source.splits["train"].labels, CLASSES)
    assert source.class_names == ("none", "nodule", "effusion")
    assert source.task == "multi-class"


def test_a_stream_is_on_the_disk_before_its_last_rows_are_made(tmp_path: Path) -> None:
    """12 MiB of images: those of the first 4 MiB are written by then, and each is made once."""
    written: list[int] = []
    image = encoded(np.zeros((1024, 1024), np.uint8))

    def rows() -> Any:
        for _ in range(12):
            written.append(sum(path.stat().st_size for path in tmp_path.rglob("train-*.npy")))
            yield {"scan": {"bytes": image, "path": None}, "finding": 0}

    stream = datasets.IterableDataset.from_generator(rows, features=FEATURES)
    backend.write_dataset(tmp_path / "shards", stream, label="")
    assert len(written) == 12
    assert written[-1] >= 4 << 20
    assert fastssl.open_source(tmp_path / "shards").splits["train"].labels is None


def test_splits_keep_their_names_and_a_source_trains(dataset: Any) -> None:
    parts = datasets.DatasetDict({"train": dataset, "validation": dataset.select([3, 1])})
    source = backend.dataset_source(parts)
    np.testing.assert_array_equal(source.splits["val"].images, GREY[[3, 1], ..., None])
    np.testing.assert_array_equal(source.splits["val"].labels, CLASSES[[3, 1]])
    assert isinstance(source.splits["train"].images, np.ndarray)
    assert source.report.path == ""
    run = backend.open_run(source, stage="simclr", encoder="test_resnet", batch_size=4, steps=1, device="cpu")
    step = backend.Step(run.stage, run.optimizer, runtime=run.runtime)
    with run.loader() as loader:
        assert step(next(iter(loader)))["loss"].isfinite()


def test_files_are_decoded_as_in_a_folder(tmp_path: Path) -> None:
    """A scan of 16 bits keeps its levels; `datasets` would hand over what Pillow makes of it."""
    deep = np.random.default_rng(1).integers(0, 4096, (3, 16, 16), dtype=np.uint16)
    (tmp_path / "scans").mkdir()
    for number, image in enumerate(deep):
        (tmp_path / "scans" / f"{number}.png").write_bytes(encoded(image))
    paths = [str(tmp_path / "scans" / f"{number}.png") for number in range(3)]
    by_path = datasets.Dataset.from_dict({"scan": paths}, features=datasets.Features({"scan": datasets.Image()}))
    expected = fastssl.open_source(tmp_path / "scans", size=16, value_range="0,4095").splits["train"].images
    for data in (by_path, of([encoded(image) for image in deep])):
        images = backend.dataset_source(data, value_range="0,4095").splits["train"].images
        np.testing.assert_array_equal(images, expected)


def test_arrays_several_labels_and_modes_are_taken() -> None:
    features = datasets.Features(
        {
            "scan": datasets.Array3D((20, 20, 1), "uint8"),
            "finding": datasets.List(datasets.ClassLabel(names=["a", "b", "c"])),
        }
    )
    rows = {"scan": list(GREY[:3, ..., None]), "finding": [[0], [1, 2], []]}
    source = backend.dataset_source(datasets.Dataset.from_dict(rows, features=features), label="finding")
    np.testing.assert_array_equal(source.splits["train"].images, GREY[:3, ..., None])
    np.testing.assert_array_equal(source.splits["train"].labels, [[1, 0, 0], [0, 1, 1], [0, 0, 0]])
    assert source.class_names == ("a", "b", "c")
    colour = of([encoded(GREY[0]), encoded(np.stack([GREY[1]] * 3, axis=-1))])
    as_grey = backend.dataset_source(colour.cast_column("scan", datasets.Image(mode="L")))
    np.testing.assert_array_equal(as_grey.splits["train"].images, GREY[:2, ..., None])


def test_a_format_is_not_applied(dataset: Any) -> None:
    images = backend.dataset_source(dataset.with_format("torch")).splits["train"].images
    np.testing.assert_array_equal(images, GREY[..., None])


def test_images_are_resized_to_one_size() -> None:
    mixed = of([encoded(GREY[0]), encoded(GREY[1, :, :16])])
    with pytest.raises(DataError, match="train: image 1 has 20x16 px; give a size"):
        backend.dataset_source(mixed)
    assert backend.dataset_source(mixed, size=8).image_shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("change", "options", "line"),
    [
        (None, {"image": "picture"}, r"dataset has no column 'picture'; it has scan, finding"),
        (None, {"label": "class"}, r"dataset has no column 'class'; it has scan, finding"),
        (None, {"image": "finding"}, r"column 'finding' is ClassLabel, no Image or array"),
        (lambda d: d.remove_columns("scan"), {}, r"dataset has no column of images among finding; cast one"),
        (
            lambda d: datasets.concatenate_datasets(
                [d, d.select_columns("scan").rename_column("scan", "mask")], axis=1
            ),
            {},
            r"several columns .*scan, mask",
        ),
        (lambda d: d.with_transform(lambda rows: rows), {}, r"dataset has a transform, which is not applied"),
        (lambda d: datasets.DatasetDict({"test": d}), {}, r"dataset has the splits test; give train"),
        (lambda d: {"train": d, "unsupervised": d}, {}, r"dataset has the splits train, unsupervised; give"),
        (lambda d: list(d), {}, r"dataset is a list; give a Dataset or IterableDataset"),
        (lambda d: {"train": d, "test": d.remove_columns("finding")}, {}, r"test: there is no column 'finding'"),
        (lambda d: of([b"no image"]), {}, r"train: image 0: it is no image"),
        (lambda d: of([encoded(GREY[0])[:90]]), {}, r"train: image 0: damaged"),
        (lambda d: d.select([]), {}, r"train: there is no image to write"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_leaves_no_folder(
    dataset: Any, tmp_path: Path, change: Any, options: dict[str, Any], line: str
) -> None:
    with pytest.raises(DataError, match=line):
        backend.write_dataset(tmp_path / "shards", change(dataset) if change else dataset, **options)
    assert not list(tmp_path.iterdir())


def test_a_missing_image_and_a_later_type_are_named(dataset: Any) -> None:
    missing = datasets.Dataset.from_dict({"scan": [{"bytes": encoded(GREY[0])}, None], "finding": [0, 1]}, FEATURES)
    with pytest.raises(DataError, match="train: image 1 is missing"):
        backend.dataset_source(missing)
    with pytest.raises(DataError, match=r"train: image 1 is uint8 \[20, 20, 3\], and the first image"):
        backend.dataset_source(of([encoded(GREY[0]), encoded(np.stack([GREY[1]] * 3, axis=-1))]))
    with pytest.raises(DataError, match="images of uint16 need value_range"):
        backend.dataset_source(of([encoded(GREY[0].astype(np.uint16))]))


def test_what_is_written_says_where_it_is_from(dataset: Any, tmp_path: Path) -> None:
    backend.write_dataset(tmp_path / "shards", dataset, modality="chest X-ray")
    stored = [json.loads(path.read_text()) for path in (tmp_path / "shards").glob("*.json")]
    assert [index["modality"] for index in stored] == ["chest X-ray"]
