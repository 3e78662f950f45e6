"""A file that neighbours are looked for is read as the run's data were."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console

import fastssl
from tests.data.reading.dicom.dicom_files import dataset, save


def test_a_query_is_windowed_as_the_run_has_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FASTSSL_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    (tmp_path / "set").mkdir()
    for number in range(20):
        pixels = rng.integers(900, 1100, (32, 32), dtype=np.uint16)
        made = dataset(pixels, PatientID=f"P{number}", WindowCenter=30000, WindowWidth=60000)
        save(tmp_path / "set" / f"{number:02}.dcm", made)
    save(tmp_path / "elsewhere.dcm", dataset(pixels, PatientID="P19", WindowCenter=30000, WindowWidth=60000))
    quiet = {"console": Console(file=io.StringIO()), "quiet": True, "device": "cpu"}
    fastssl.train(
        data=str(tmp_path / "set"), window="1000,200", size=32, encoder="test_resnet", steps=1, batch_size=8,
        queue_size=16, monitor="off", out=tmp_path / "run", **quiet,
    )  # fmt: skip
    found = fastssl.neighbours(tmp_path / "run", tmp_path / "elsewhere.dcm", k=1, **quiet)
    (nearest,) = found.images[0].neighbours
    assert nearest.id == "19.dcm"
    assert nearest.similarity > 0.99999
