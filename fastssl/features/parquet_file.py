"""Features and facts about images as a Parquet file.

Covers: the columns, one row group for each part, what the file says of itself. Does not cover: where features come from
(`parts.py`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastssl.errors import ConfigError

from .rows import UNKNOWN, ImageRows, label_width, utf8

if TYPE_CHECKING:
    import pyarrow as pa

ABOUT = b"fastssl"
"""The key of the file's metadata that has facts about all rows, as JSON."""


def check_pyarrow() -> None:
    """Refuse Parquet where there is nothing to write it.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ConfigError(["out: .parquet needs pyarrow; pip install pyarrow, or give --out FILE.npz"]) from None


def write_parquet(
    path: Path,
    parts: Iterable[tuple[ImageRows, np.ndarray]],
    rows: Mapping[str, ImageRows],
    width: int,
    dtype: np.dtype,
    about: Mapping[str, Any],
) -> None:
    """Write a Parquet file, of which one part is in memory at a time.

    Args:
        path: of the file.
        parts: facts and features `[n, D]`, in order.
        rows: by split, all that the parts are of; they say which columns there are.
        width: D.
        dtype: of the features.
        about: facts about all rows, kept as JSON in the file's metadata under "fastssl".

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    class_names = tuple(about["class_names"])
    schema = _schema(rows, class_names, width, dtype).with_metadata({ABOUT: json.dumps(about).encode()})
    repeating = [name for name in ("split", "label_name", "patient") if name in schema.names]
    with pq.ParquetWriter(path, schema, use_dictionary=repeating) as writer:
        for own, features in parts:
            columns = _columns(own, features, class_names, schema)
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def label_columns(class_names: Sequence[str], width: int) -> list[str]:
    """Name the columns of several labels: "label_" and the name, with its number where names are alike.

    Args:
        class_names: by column.
        width: number of labels.
    """
    names = [utf8(name) for name in class_names] if len(class_names) == width else [str(n) for n in range(width)]
    counts = Counter(names)
    return [f"label_{name}" if counts[name] == 1 else f"label_{name}_{n}" for n, name in enumerate(names)]


def _schema(rows: Mapping[str, ImageRows], class_names: Sequence[str], width: int, dtype: np.dtype) -> pa.Schema:
    import pyarrow as pa

    fields = [pa.field("id", pa.string(), nullable=False), pa.field("split", pa.string(), nullable=False)]
    labels = label_width(rows)
    if labels == 0:
        fields.append(pa.field("label", pa.int64()))
        fields += [pa.field("label_name", pa.string())] if class_names else []
    elif labels:
        fields += [pa.field(name, pa.int64()) for name in label_columns(class_names, labels)]
    if any(one.patients is not None for one in rows.values()):
        fields.append(pa.field("patient", pa.string()))
    numbers = pa.list_(pa.from_numpy_dtype(dtype), width)
    return pa.schema([*fields, pa.field("feature", numbers, nullable=False)])


def _columns(own: ImageRows, features: np.ndarray, class_names: Sequence[str], schema: pa.Schema) -> list[pa.Array]:
    import pyarrow as pa

    columns = [pa.array(own.ids, pa.string()), pa.array([own.split] * len(own), pa.string())]
    names = [name for name in schema.names if name.startswith("label") and name != "label_name"]
    labels = np.full((len(own), len(names)), UNKNOWN) if own.labels is None else own.labels.reshape(len(own), -1)
    columns += [_integers(labels[:, column]) for column in range(len(names))]
    if "label_name" in schema.names:
        columns.append(pa.array([utf8(class_names[one]) if one >= 0 else None for one in labels[:, 0]], pa.string()))
    if "patient" in schema.names:
        columns.append(pa.array([one or None for one in own.patients or [""] * len(own)], pa.string()))
    flat = pa.array(np.ascontiguousarray(features).reshape(-1))
    return [*columns, pa.FixedSizeListArray.from_arrays(flat, type=schema.field("feature").type)]


def _integers(values: np.ndarray) -> pa.Array:
    """Whole numbers, null where they are not known."""
    import pyarrow as pa

    return pa.array(values.astype(np.int64), pa.int64(), mask=values < 0)
