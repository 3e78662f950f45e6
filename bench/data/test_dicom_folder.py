"""A hospital's export of 100,000 small DICOM files: the first opening, beside loops with pydicom; memory.

Covers: finding, headers, decoding, grey levels and the cache, each reading in a process of its own, taking turns; the
files are in the page cache, since they have just been written or read. Does not cover: cold or slow disks, compressed
files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from bench.data.dicom_process import WORK, DicomOrder
from bench.harness import Amount, Comparison

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux says how much is resident"),
]

FILES, SIDE, SIZE, ROUNDS = 100_000, 64, 56, 2
SLICES, PATIENT_SERIES = 20, 2
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Patients with two series of 20 slices of 12 bits; few of them where everything runs once."""
    root = tmp_path_factory.mktemp("export")
    count = 80 if request.config.option.benchmark_disable else FILES
    rng = np.random.default_rng(0)
    for index in range(count):
        series, place = divmod(index, SLICES)
        patient = series // PATIENT_SERIES
        path = root / f"PAT{patient:05}" / "STU00000" / f"SER{series % PATIENT_SERIES:05}" / f"IMG{place:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_slice(path, rng.integers(0, 4096, (SIDE, SIDE), dtype=np.uint16), patient, series, place)
    return root


def write_slice(path: Path, values: np.ndarray, patient: int, series: int, place: int) -> None:
    """Write a slice of CT with a window, as scanners do, without ending."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.{series}.{place}"
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.PatientID, data.PatientName, data.Modality = f"P{patient:05}", "Doe^Jane", "CT"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"1.2.826.0.2.{patient}", f"1.2.826.0.3.{series}"
    data.InstanceNumber, data.ImagePositionPatient = place + 1, [0, 0, 5.0 * place]
    data.ImageOrientationPatient, data.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
    data.Rows, data.Columns = values.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.RescaleSlope, data.RescaleIntercept, data.WindowCenter, data.WindowWidth = 1, -1024, 40, 400
    data.PixelData = values.tobytes()
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def test_the_first_opening_of_a_hospital_export(folder: Path, compare: Comparison, tmp_path: Path) -> None:
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in WORK}
    for _ in range(1 if compare.once else ROUNDS):
        for name, own in runs.items():
            own.append(_run(DicomOrder(folder=str(folder), work=name, size=SIZE), tmp_path / "cache"))
    (count,) = {run["images"] for own in runs.values() for run in own}
    compare.record(
        f"{FILES:,} DICOM files of {SIDE} px, 16 bit, to {SIZE} px",
        {name: [run["seconds"] for run in own] for name, own in runs.items()},
        amount=Amount(count, "images"),
        facts={name: {"GiB resident": max(run["peak"] for run in own) / 2**30} for name, own in runs.items()},
    )


def _run(order: DicomOrder, cache: Path) -> dict[str, float]:
    line = [sys.executable, "-m", "bench.data.dicom_process", json.dumps(asdict(order))]
    environment = os.environ | {"FASTSSL_CACHE": str(cache)}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=3600)
    shutil.rmtree(cache, ignore_errors=True)  # each opening is the first
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
