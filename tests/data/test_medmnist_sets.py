"""MedMNIST sets by flag: found under a root, fetched and checked, or refused in one line."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import time

import medmnist
import numpy as np
import pytest

from fastssl.data import medmnist_table, open_source
from fastssl.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
LABELS = np.arange(6)[:, None] % 2


def content() -> bytes:
    file = io.BytesIO()
    np.savez(file, train_images=IMAGES, train_labels=LABELS)
    return file.getvalue()


@pytest.fixture
def served(monkeypatch):
    """Serve bytes of our own as BreastMNIST; the returned dict steers what is sent and what is expected."""
    body = content()
    sent = {"body": body, "length": len(body), "requests": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            sent["requests"] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(sent["length"]))
            self.end_headers()
            self.wfile.write(sent["body"])

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    info = medmnist_table.table()["breastmnist"]
    monkeypatch.setitem(info, "url", f"http://127.0.0.1:{server.server_port}/breastmnist.npz")
    monkeypatch.setitem(info, "MD5", hashlib.md5(body).hexdigest())
    yield sent
    server.shutdown()
    server.server_close()


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


def test_a_missing_set_is_downloaded_once(tmp_path, served, told):
    source = open_source("breastmnist", root=tmp_path / "new", notify=told.append)
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], IMAGES)
    open_source("breastmnist", root=tmp_path / "new")
    assert served["requests"] == 1
    assert told == [f"downloading breastmnist.npz to {tmp_path / 'new'}"]


def visible(folder) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


def test_a_damaged_download_is_refused_and_leaves_no_file(tmp_path, served):
    served["body"] = bytes(len(served["body"]))
    with pytest.raises(DataError, match="is damaged"):
        open_source("breastmnist", root=tmp_path)
    assert visible(tmp_path) == []


def test_a_download_that_breaks_off_leaves_no_file(tmp_path, served):
    served["body"] = served["body"][:2000]
    with pytest.raises(DataError, match=r"broke off|is damaged"):
        open_source("breastmnist", root=tmp_path)
    assert visible(tmp_path) == []


def test_without_a_network_one_line_names_the_file_the_url_and_the_folder(tmp_path, monkeypatch):
    info = medmnist_table.table()["breastmnist"]
    monkeypatch.setitem(info, "url_64", "http://127.0.0.1:9/breastmnist_64.npz")
    started = time.monotonic()
    with pytest.raises(DataError) as caught:
        open_source("breastmnist", root=tmp_path, size=64)
    text = str(caught.value)
    assert time.monotonic() - started < 5
    assert "\n" not in text
    for part in ("breastmnist_64.npz is not in", "http://127.0.0.1:9/breastmnist_64.npz", str(tmp_path)):
        assert part in text
