"""MedMNIST sets by flag: found in a folder, downloaded if missing, or refused in one line."""

from __future__ import annotations

import hashlib
import io

import medmnist
import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.labels import medmnist_table
from fastssl.data.named.medmnist_sets import open_medmnist
from fastssl.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
LABELS = np.arange(6)[:, None] % 2


def test_every_two_dimensional_set_of_the_package_is_known_as_the_package_describes_it():
    two_dimensional = {flag: info for flag, info in medmnist.INFO.items() if not flag.endswith("3d")}
    assert set(medmnist_table.FLAGS) == set(two_dimensional)
    for flag, info in two_dimensional.items():
        known = medmnist_table.describe(flag)
        assert known.task == info["task"]
        assert list(known.class_names) == [info["label"][str(index)] for index in range(len(info["label"]))]


@pytest.mark.parametrize(("size", "name"), [(None, "breastmnist"), (28, "breastmnist"), (64, "breastmnist_64")])
def test_a_set_is_found_under_the_root_at_its_size(tmp_path, size, name):
    images = np.zeros((4, size or 28, size or 28), np.uint8)
    np.savez(tmp_path / f"{name}.npz", train_images=images, train_labels=LABELS[:4])
    source = open_source("breastmnist", root=tmp_path, size=size)
    assert source.name == name
    assert source.task == "binary-class"
    assert source.class_names == ("malignant", "normal, benign")
    assert source.image_shape == (size or 28, size or 28, 1)


def test_a_size_that_medmnist_does_not_come_at_is_refused(tmp_path):
    with pytest.raises(DataError, match="28, 64, 128 and 224 px, not size=32"):
        open_source("breastmnist", root=tmp_path, size=32)


def test_a_missing_set_is_downloaded_once(tmp_path, server, told):
    content = io.BytesIO()
    np.savez(content, train_images=IMAGES, train_labels=LABELS)
    server.body = content.getvalue()
    info = {"url_64": server.url, "MD5_64": hashlib.md5(server.body).hexdigest()}
    source = open_medmnist("breastmnist", tmp_path / "new", 64, told.append, info=info)
    assert source.name == "breastmnist_64"
    open_source("breastmnist", root=tmp_path / "new", size=64)
    assert server.requests == 1
    assert told[0] == f"downloading breastmnist_64.npz to {tmp_path / 'new'}"


@pytest.mark.parametrize("suffix", ["", "_64", "_128", "_224"])
def test_every_set_of_the_package_says_where_its_file_is(suffix):
    for flag in medmnist_table.FLAGS:
        info = medmnist_table.table()[flag]
        assert info[f"url{suffix}"].startswith("https://")
        assert len(bytes.fromhex(info[f"MD5{suffix}"])) == 16
