"""Settings about images and devices that commands share.

Covers: which images and how they are read, on which device and how precisely something is computed. Does not cover: any
command's own settings, reading images (`fastssl.data`).
"""

from __future__ import annotations

from math import inf
from typing import Annotated, Any, ClassVar, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, model_validator

from .base import DATA, RUN, SCANS, SEVERAL, SPEED, Alternatives, Auto, AutoSwitch, Config, Count
from .paths import DataText, PathSetting

FULL_RANGE = "full"
"""The value range of a file's whole type: 0 to 255, 0 to 65535."""


def _value_range_text(value: Any) -> Any:
    """A range as it is kept in files: "LOW,HIGH" with LOW below HIGH, "full", or None for auto."""
    if value is None or value == "auto":
        return None
    if value == FULL_RANGE:
        return value
    parts = value.split(",") if isinstance(value, str) else value
    try:
        low, high = (float(part) for part in parts)
    except (TypeError, ValueError):
        low = high = 0.0
    if not -inf < low < high < inf:
        raise ValueError("give two numbers LOW,HIGH with LOW below HIGH, full or auto")
    return f"{low:.9g},{high:.9g}"


ValueRangeText = BeforeValidator(_value_range_text)
"""Accepts "0,4095", (0, 4095), "full" and "auto"."""

Axis = Literal["auto", "axial", "coronal", "sagittal", "0", "1", "2"]


def _window_text(value: Any) -> Any:
    """Windows as they are kept in files: "file", "auto", or "CENTER,WIDTH" one after the other with ";"."""
    if value in (None, "file", "auto"):
        return value or "file"
    pairs = value if isinstance(value, (list, tuple)) else str(value).split(";")
    pairs = [pairs] if pairs and all(isinstance(part, (int, float)) for part in pairs) else pairs
    try:
        windows = [[float(number) for number in (p.split(",") if isinstance(p, str) else p)] for p in pairs]
    except (TypeError, ValueError):
        windows = []
    good = [len(one) == 2 and abs(one[0]) < inf and 0 < one[1] < inf for one in windows]
    if len(windows) not in (1, 3) or not all(good):
        raise ValueError("give file, auto, CENTER,WIDTH (as 40,400), or three of these with ; between them")
    return ";".join(f"{centre:.9g},{width:.9g}" for centre, width in windows)


WindowText = BeforeValidator(_window_text)
"""Accepts "40,400", "40,400;-600,1500;400,1800", (40, 400), lists of pairs, "file" and "auto"."""


def _names_list(value: Any) -> Any:
    """Names of columns, which may hold spaces: split at commas alone."""
    items = [] if value is None else value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(item, str) for item in items):
        return value
    return [part.strip() for item in items for part in item.split(",") if part.strip()]


ColumnNames = Annotated[tuple[str, ...], BeforeValidator(_names_list), SEVERAL]
"""The type of a setting that takes names of columns: `--label-column Edema,Effusion` or several of them."""


class SourceConfig(Config):
    """Which images, and how pictures are read; shared by every command."""

    data: Annotated[str, DataText, Parameter(group=DATA)] = "demo"
    """Images: demo, demo-colour, a MedMNIST flag, an .npz file or a folder (of images, scans or shards)."""
    data_root: Annotated[PathSetting | None, Parameter(group=DATA)] = None
    """Folder of MedMNIST files, where relative paths are looked for as well."""
    size: Annotated[Annotated[int, Field(ge=8, le=1024)] | None, Auto, Parameter(group=DATA)] = None
    """Image side in pixels (auto: as the data has it)."""
    skip_corrupt: Annotated[bool, Parameter(group=DATA, negative="", show_default=False)] = False
    """Name and skip images that cannot be decoded."""
    value_range: Annotated[str | None, ValueRangeText, Parameter(group=DATA, show_default=False)] = None
    """Black and white as LOW,HIGH, or full (auto: the run's or the set's)."""
    max_megapixels: Annotated[int, Field(ge=1), Parameter(group=DATA)] = 200
    """Largest image that is read."""


class PatientsConfig(SourceConfig):
    """Whose images are; shared by every command that divides images."""

    group: Annotated[str | None, Auto, Parameter(group=SCANS, show_default=False)] = None
    """Whose an image is: a column, a pattern, dicom, folder, none (auto: a table, DICOM)."""
    pseudonymise: Annotated[bool, Parameter(group=SCANS)] = True
    """Keep patients as salted hashes."""
    allow_leak: Annotated[bool, Parameter(group=SCANS, negative="", show_default=False)] = False
    """Go on where patients are in two of the data's own splits."""


HOW_DATA_ARE_READ = (
    *("skip_corrupt", "value_range", "max_megapixels", "window", "axis", "every", "neighbours", "labels"),
    *("path_column", "label_column", "split_column", "uncertain", "group", "pseudonymise", "allow_leak"),
)
"""Settings of `ScansConfig` that say how images are read, besides their size."""


class ScansConfig(PatientsConfig):
    """How scans, tables and patients are read; shared by every command that opens one set of images."""

    window: Annotated[str, WindowText, Parameter(group=SCANS)] = "file"
    """Black and white of scans: file, auto, CENTER,WIDTH, or three of these with ; between them."""
    axis: Annotated[Axis, Parameter(group=SCANS)] = "auto"
    """What volumes are cut along: axial, coronal, sagittal, 0, 1 or 2 (auto: the coarsest axis)."""
    every: Annotated[Count, Parameter(group=SCANS)] = 1
    """Take every n-th slice of a volume or frame of a film."""
    neighbours: Annotated[bool, Parameter(group=SCANS, negative="", show_default=False)] = False
    """Put a slice's two neighbours next to it as channels (2.5D)."""
    labels: Annotated[PathSetting | None, Parameter(group=SCANS)] = None
    """Table of the images: .csv, .tsv, .parquet or .xlsx, with paths, labels, patients, splits."""
    path_column: Annotated[str | None, Parameter(group=SCANS)] = None
    """Column of the table that names the files (auto: by its name and contents)."""
    label_column: Annotated[ColumnNames, Parameter(group=SCANS)] = ()
    """Column of the label, or one for each finding (auto: by its name)."""
    split_column: Annotated[str | None, Parameter(group=SCANS)] = None
    """Column of train, val and test (auto: by its name)."""
    uncertain: Annotated[Literal["leave-out", "zeros", "ones"], Parameter(group=SCANS)] = "leave-out"
    """What -1 means in columns of findings; zeros and ones are CheXpert's U-Zeros and U-Ones."""

    @property
    def reading(self) -> dict[str, Any]:
        """How images are read, as `fastssl.data.open_source` takes it; which ones they are is `data`."""
        return {"root": self.data_root, **{name: getattr(self, name) for name in ("size", *HOW_DATA_ARE_READ)}}


class DeviceConfig(Config):
    """On which device and how precisely something is computed; shared by every command that computes."""

    alternatives: ClassVar[Alternatives] = (("amp", "precision"),)

    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"), Parameter(group=SPEED)] = "auto"
    """Device to compute on: auto, cpu, mps, cuda or cuda:N."""
    amp: Annotated[AutoSwitch, Parameter(group=SPEED)] = None
    """Use mixed precision where the device multiplies it faster (auto: on)."""
    precision: Annotated[
        Literal["auto", "bf16", "fp16", "tf32", "fp32"], Parameter(group=SPEED, show_default=False)
    ] = "auto"
    """Use it, even if emulated."""

    @model_validator(mode="after")
    def _one_precision(self) -> DeviceConfig:
        if "amp" in self.model_fields_set and self.amp is False and self.precision in ("bf16", "fp16"):
            raise ValueError(f"amp=False and precision={self.precision} contradict each other: give one")
        return self


class ComputeConfig(DeviceConfig, SourceConfig):
    """Which images, and on which device they are worked on; shared by every command that trains or evaluates on one."""

    seed: Annotated[int, Field(ge=0, lt=2**32), Parameter(group=RUN)] = 0
    """Seed of everything random."""
    quiet: Annotated[bool, Parameter(group=RUN, negative="", show_default=False)] = False
    """Do not print what was read."""


class DataConfig(ComputeConfig, ScansConfig):
    """The same, of commands that open one set of images; others pair images with masks by themselves."""
