"""A cache of its own for every test, image files, a server, and a list that collects what is told."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FASTSSL_CACHE", str(folder))
    return folder


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def save() -> Callable[..., Path]:
    """Save a smooth image of a given Pillow mode and (width, height); `seed` makes it differ from the others."""

    def write(path: Path, mode: str = "L", size: tuple[int, int] = (40, 32), seed: int = 0, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path, **options)
        return path

    return write


@pytest.fixture
def classes(tmp_path: Path, save: Callable[..., Path]) -> Path:
    """A folder of two classes with twelve grey PNGs each, of two sizes."""
    root = tmp_path / "two classes"
    for label, name in enumerate(("benign", "malignant")):
        for index in range(12):
            save(root / name / f"{index:03}.png", size=(40, 32) if index % 2 else (32, 48), seed=100 * label + index)
    return root


@dataclass
class Server:
    """A web server on this machine: what it sends, and how often it was asked. length: None is the body's own."""

    url: str = ""
    body: bytes = b""
    length: int | None = None
    requests: int = 0


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            self.send_response(200)
            self.send_header("Content-Length", str(state.length or len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *arguments: object) -> None:
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{serving.server_port}/file.npz"
    yield state
    serving.shutdown()
    serving.server_close()
