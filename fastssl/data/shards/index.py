"""The index of a folder of shards: what its files are.

Covers: the record, as JSON, and refusing one that is damaged. Does not cover: the shards (`images.py`), writing a
folder (`write.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastssl.data.source import Task
from fastssl.errors import DataError
from fastssl.files import write_json

INDEX_FILE = "shards.json"
"""The index's name; a folder that has one is a folder of shards."""
VERSION = 2
_WITHOUT_PATIENTS = 1
"""The version of folders without groups and ids, which are written as they always were."""


@dataclass(frozen=True, kw_only=True)
class StoredShard:
    """One file of images.

    Args:
        file: its name in the folder.
        count: of its images.
        checksum: 32 hexadecimal digits of BLAKE2b over its pixels.
    """

    file: str
    count: int
    checksum: str


@dataclass(frozen=True, kw_only=True)
class SideFile:
    """A file beside the shards.

    Args:
        file: its name in the folder.
        checksum: 32 hexadecimal digits of BLAKE2b: of groups over their values, of ids over the file.
    """

    file: str
    checksum: str


@dataclass(frozen=True, kw_only=True)
class StoredSplit:
    """The files of one split.

    Args:
        shards: in order.
        labels: name of the file of labels; None without labels.
        labels_checksum: of the labels, like a shard's; "" without labels.
        groups: the file of the numbers of patients; None where it is not known whose the images are.
        ids: the file of what the images are called; None where they have no names.
    """

    shards: tuple[StoredShard, ...]
    labels: str | None = None
    labels_checksum: str = ""
    groups: SideFile | None = None
    ids: SideFile | None = None

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(shard.count for shard in self.shards)


@dataclass(frozen=True, kw_only=True)
class ShardIndex:
    """What a folder of shards holds.

    Args:
        name: of the data set.
        image_shape: height, width and channels of every image.
        dtype: "uint8" or "uint16".
        splits: by name, "train" among them.
        task: as `Source.task` has it.
        class_names: as `Source.class_names` has them.
        modality: of the images.
        fingerprint: as `Source.fingerprint` has it.
        image_fingerprint: as `Source.image_fingerprint` has it.
        value_range: the values that became black and white, as `Source.value_range` has them.
        range_note: the same, for a person.
        depth: bits of the values before they became grey levels, for a person.
        outside: share of the values that the range clipped.
        notes: what was changed in writing, a line each.
        label_problem: as `Source.label_problem` has it.
        group_names: as `Source.group_names` has them.
        patients_by: what says whose the images are, as `DataReport.patients_by` has it.
    """

    name: str
    image_shape: tuple[int, int, int]
    dtype: str
    splits: Mapping[str, StoredSplit]
    task: Task
    class_names: tuple[str, ...]
    modality: str
    fingerprint: str
    image_fingerprint: str
    value_range: str | None
    range_note: str
    depth: str
    outside: float
    notes: tuple[str, ...]
    label_problem: str = ""
    group_names: tuple[str, ...] = ()
    patients_by: str = ""

    def write(self, folder: Path) -> None:
        """Write the index into a folder.

        Args:
            folder: of the shards.

        Raises:
            OSError: it cannot be written.
        """
        about = asdict(self)
        named = any(own.groups or own.ids for own in self.splits.values())
        if not named:
            del about["group_names"], about["patients_by"]
            for own in about["splits"].values():
                del own["groups"], own["ids"]
        write_json(folder / INDEX_FILE, {"version": VERSION if named else _WITHOUT_PATIENTS, **about})


def read_index(folder: Path) -> ShardIndex:
    """Read the index of a folder of shards.

    Args:
        folder: that has an `INDEX_FILE`.

    Returns:
        The index.

    Raises:
        DataError: it cannot be read, is damaged, or was written by a later version.
    """
    path = folder / INDEX_FILE
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about.pop("version")
        if isinstance(version, int) and version > VERSION:
            raise DataError(f"{path} has version {version}, which this fastssl cannot read; install a newer one")
        return _index(about)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; change its permissions or copy it again") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{path} is damaged: it is no index of shards; write the shards again") from None


def _index(about: dict[str, Any]) -> ShardIndex:
    """The record of what JSON holds; raises ValueError, LookupError or TypeError where it is none."""
    splits = {
        name: StoredSplit(
            shards=tuple(StoredShard(**shard) for shard in own["shards"]),
            labels=own["labels"],
            labels_checksum=own["labels_checksum"],
            **{name: SideFile(**own[name]) for name in ("groups", "ids") if own.get(name) is not None},
        )
        for name, own in about.pop("splits").items()
    }
    height, width, channels = (int(side) for side in about.pop("image_shape"))
    index = ShardIndex(
        splits=splits,
        image_shape=(height, width, channels),
        class_names=tuple(map(str, about.pop("class_names"))),
        notes=tuple(map(str, about.pop("notes"))),
        group_names=tuple(map(str, about.pop("group_names", ()))),
        **about,
    )
    files = [shard.file for own in splits.values() for shard in own.shards]
    files += [own.labels for own in splits.values() if own.labels is not None]
    files += [one.file for own in splits.values() for one in (own.groups, own.ids) if one is not None]
    plain = all(Path(name).name == name for name in files)  # a name that leads out of the folder is nobody's
    counts = [shard.count for own in splits.values() for shard in own.shards]
    if not plain or "train" not in splits or min(counts) < 1 or index.dtype not in ("uint8", "uint16"):
        raise ValueError
    return index
