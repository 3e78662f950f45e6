"""Which MedMNIST sets at which sizes a benchmark has: those on the disk, or those that are named.

Covers: finding their files, opening one, what was left out. Does not cover: reading files (`fastssl.data`), which
encoder sees which of them (`encoders.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastssl.config import BenchmarkConfig
from fastssl.config.data import FULL_RANGE
from fastssl.data import Source, open_source
from fastssl.data.labels.medmnist_table import FLAGS, SIZES, file_of_set, set_of_file, size_of_file, table
from fastssl.data.paths import expanded, kind_of
from fastssl.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True)
class BenchmarkSet:
    """A MedMNIST set at one size.

    Attributes:
        flag: MedMNIST's name of it.
        size: side of its images, in pixels.
        path: its file.
        fetch: whether the file is missing and is to be downloaded.
    """

    flag: str
    size: int
    path: Path
    fetch: bool = False

    @property
    def name(self) -> str:
        """For a person: "breastmnist, 28 px"."""
        return f"{self.flag}, {self.size} px"


@dataclass(frozen=True, kw_only=True)
class FoundSets:
    """The sets of a benchmark.

    Attributes:
        sets: set by set in MedMNIST's order, smaller images first; one or more.
        left_out: what is not on the disk, in one line; "" where nothing is missing.
    """

    sets: tuple[BenchmarkSet, ...]
    left_out: str


def find_sets(config: BenchmarkConfig, folder: Path) -> FoundSets:
    """Find the files of the sets that are asked for; nothing is downloaded yet.

    Args:
        config: names flags, files and sizes, or leaves them open.
        folder: of MedMNIST files.

    Raises:
        ConfigError: there is no such flag, or a file is not one of MedMNIST's by its name.
        DataError: there is no file of a flag that is named, or of any.
    """
    files = [_named_file(item, folder) for item in config.flags if item.endswith(".npz")]
    flags = [item for item in config.flags if not item.endswith(".npz")]
    wrong = [_no_flag(flag) for flag in flags if flag not in FLAGS]
    if wrong:
        raise ConfigError(wrong)
    wanted = flags or ([] if files else list(FLAGS))
    may_fetch = config.download and bool(flags) and bool(config.sizes)
    looked_for = [one for flag in wanted for one in _of_flag(flag, config.sizes or SIZES, folder, may_fetch)]
    found = [one for one in looked_for if one.fetch or kind_of(one.path) == "file"]
    for flag in flags:
        if flag not in {one.flag for one in found}:
            raise DataError(_no_file(flag, config.sizes, folder))
    if not found and not files:
        sizes = f" at {_listed(config.sizes)} px" if config.sizes else ""
        raise DataError(
            f"no MedMNIST file{sizes} in {folder}: give --data-root, a folder with {file_of_set(FLAGS[0], 28)} or "
            "others; --download fetches the --flags and --sizes that are named"
        )
    missing = [one for one in looked_for if one not in found]
    unique = {(one.flag, one.size): one for one in (*files, *found)}
    ordered = sorted(unique.values(), key=lambda one: (FLAGS.index(one.flag), one.size))
    return FoundSets(sets=tuple(ordered), left_out=_left_out(missing, found, folder, sizes_named=bool(config.sizes)))


def open_set(one: BenchmarkSet, notify: Callable[[str], None]) -> Source:
    """Open a set with its values as they are: 0 is black and 255 is white, as in torchvision's `ToTensor`.

    Args:
        one: the set.
        notify: is told of a download.

    Raises:
        DataError: the file cannot be read or fetched, or its images have another size than its name says.
    """
    if one.fetch:
        return open_source(one.flag, root=one.path.parent, size=one.size, value_range=FULL_RANGE, notify=notify)
    source = open_source(one.path.absolute(), value_range=FULL_RANGE, notify=notify)
    height, width, _ = source.image_shape
    if (height, width) != (one.size, one.size):
        raise DataError(
            f"{one.path}: its images have {height}x{width} pixels, and by its name {one.size}x{one.size}; rename it, "
            "or leave it out with --flags and --sizes"
        )
    return source


def _of_flag(flag: str, sizes: Sequence[int], folder: Path, may_fetch: bool) -> Iterator[BenchmarkSet]:
    for size in sorted(set(sizes)):
        path = folder / file_of_set(flag, size)
        yield BenchmarkSet(flag=flag, size=size, path=path, fetch=may_fetch and kind_of(path) != "file")


def _named_file(item: str, folder: Path) -> BenchmarkSet:
    path = expanded(item, "flags")
    known = set_of_file(path.stem)
    if known is None or known.volumes:
        raise ConfigError(
            [f"flags={item!r}: not a 2D MedMNIST file by its name, such as {file_of_set(FLAGS[0], 64)}; for other data "
             "use fastssl probe"]
        )  # fmt: skip
    there = next((place for place in (path, folder / path) if kind_of(place) == "file"), None)
    if there is None:
        raise DataError(f"flags={item!r}: no such file, neither here nor in {folder}")
    return BenchmarkSet(flag=known.flag, size=size_of_file(path.stem), path=there)


def _no_flag(flag: str) -> str:
    near = difflib.get_close_matches(flag, FLAGS, n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"give some of {', '.join(FLAGS)}, or .npz files of theirs"
    return f"flags={flag!r}: not a MedMNIST flag; {meant}"


def _no_file(flag: str, sizes: Sequence[int], folder: Path) -> str:
    names = ", ".join(file_of_set(flag, size) for size in sizes or SIZES)
    size = min(sizes or SIZES)
    url = table()[flag]["url" if size == SIZES[0] else f"url_{size}"]
    fetched = f"--download with --sizes {' '.join(map(str, sizes or SIZES[:1]))}"
    return f"{flag}: none of {names} in {folder}; put {file_of_set(flag, size)} from {url} there, or add {fetched}"


def _left_out(
    missing: Sequence[BenchmarkSet], found: Sequence[BenchmarkSet], folder: Path, *, sizes_named: bool
) -> str:
    """What is not there: flags without any file, and where sizes are named those that other flags lack."""
    present = {one.flag for one in found}
    absent = list(dict.fromkeys(one.flag for one in missing if one.flag not in present))
    parts = [", ".join(absent)] if absent else []
    if sizes_named:
        parts += [one.name for one in missing if one.flag in present]
    return f"left out, as {folder} has no file of it: {'; '.join(parts)}" if parts else ""


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(set(sizes))))
