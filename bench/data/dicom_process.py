"""One reading of a folder of DICOM files in a process of its own: `python -m bench.data.dicom_process ORDER`.

Covers: fastssl's opening of the folder, and loops over the files with pydicom; seconds, and the most memory that the
process had resident, mapped pages included, as Linux counts it. Does not cover: making the files
(`test_dicom_folder.py`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import apply_rescale, apply_windowing

from fastssl.data import open_source


@dataclass(frozen=True, kw_only=True)
class DicomOrder:
    """What a process is to do.

    Args:
        folder: of the files.
        work: one of `WORK`.
        size: side that images are brought to, in pixels.
    """

    folder: str
    work: str
    size: int


def opened(folder: Path, size: int) -> int:
    """Open the folder as training does: found, headers read, decoded, brought to grey levels, written to the cache."""
    return len(open_source(folder, size=size).splits["train"])


def stored_values(folder: Path, size: int) -> int:
    """The loop that everybody writes first: the stored values of each file, which are thrown away."""
    return sum(pydicom.dcmread(path).pixel_array.size > 0 for path in _files(folder))


def shown(folder: Path, size: int) -> int:
    """The same with what has to be done to show an image: rescale, window, resize; thrown away as well."""
    return sum(_shown(path, size).size > 0 for path in _files(folder))


def _shown(path: Path, size: int) -> np.ndarray:
    header = pydicom.dcmread(path)
    values = apply_windowing(apply_rescale(header.pixel_array, header), header)
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


WORK: dict[str, Callable[[Path, int], int]] = {
    "fastssl, opened": opened,
    "pydicom, rescale, window, resize": shown,
    "bound, pydicom's pixel_array": stored_values,
}


def peak() -> int:
    """Bytes that were resident at most; not getrusage's, which begin with those of the starting process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Do what the order says and print the figures as JSON."""
    order = DicomOrder(**json.loads(sys.argv[1]))
    began = time.perf_counter()
    images = WORK[order.work](Path(order.folder), order.size)
    print(json.dumps({"seconds": time.perf_counter() - began, "images": images, "peak": peak()}))


if __name__ == "__main__":
    main()
