"""The files that the paths in a table mean.

Covers: whole paths, paths whose first folders are others or left out, other endings or none, upper and lower case;
paths that could be several files. Does not cover: the form of paths (`paths.py`), paths of folders
(`folder_index.py`), which column holds them (`find_path.py`).

A path means the file that it is equal to in the strictest of these ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile

from .paths import Beginnings, normal, stem


@dataclass(frozen=True, kw_only=True)
class PathMatch:
    """Which files the distinct paths of a table mean.

    Args:
        files: path -> indices of its files: one, or all in a folder; paths without any are left out.
        unclear: path -> names of several files or folders, each of which it could be.
        shared: path -> the file that other paths could be as well, with the same right.
    """

    files: Mapping[str, Sequence[int]]
    unclear: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)


def _same(path: str) -> str:
    return path


def _small(path: str) -> str:
    return path.casefold()


def _small_stem(path: str) -> str:
    return stem(path).casefold()


Form = tuple[Callable[[str], str], Callable[[str], str]]
"""How a path of the table and one of a file are written to be compared."""

FORMS: tuple[Form, ...] = ((_same, _same), (_same, stem), (stem, stem))
LOOSE_FORMS: tuple[Form, ...] = ((_small, _small), (_small, _small_stem), (_small_stem, _small_stem))


class FileIndex:
    """Finds files by paths.

    Args:
        files: relative paths.
        beginnings: where paths may begin.
    """

    def __init__(self, files: Sequence[str], beginnings: Beginnings) -> None:
        self._shown = files
        self._files = [normal(file) for file in files]
        self._beginnings = beginnings
        names = [file.rpartition("/")[2] for file in self._files]
        self._names = {_small(name) for name in names}.union(map(_small_stem, names))
        self._indices: dict[tuple[Callable[[str], str], int], dict[str, Sequence[int]]] = {}

    def match(self, paths: Iterable[str]) -> PathMatch:
        """Find the files of paths.

        Args:
            paths: distinct, not empty.

        Returns:
            The files.
        """
        texts = ((path, normal(path)) for path in paths)
        search = _Search(left={path: text for path, text in texts if self._may_be(text)})
        for forms in (FORMS, LOOSE_FORMS):
            for form in forms:
                self._take(search, partial(self._whole, form=form), whole=True)
            for form in forms:
                self._take(search, partial(self._ending, form=form), whole=False)
        return PathMatch(files=search.files, unclear=search.unclear, shared=search.shared)

    def _may_be(self, text: str) -> bool:
        """Whether any file has the name of a path, in any form; most paths of large tables may have no file at all."""
        name = text.rpartition("/")[2]
        return _small(name) in self._names or _small_stem(name) in self._names

    def _take(self, search: _Search, look: Callable[[str], Sequence[int]], whole: bool) -> None:
        """Take the files that one way finds, without those of stricter ways."""
        found = {}
        for path, text in search.left.items():
            if not whole and search.folders_fit and "/" in text:
                continue  # other paths of the table begin where the files do, so that this one means another folder
            if hits := [hit for hit in look(text) if hit not in search.taken]:
                found[path] = hits
        owners = defaultdict(list)
        for path, hits in found.items():
            if len(hits) > 1:
                search.unclear[path] = [self._shown[hit] for hit in hits]
            else:
                owners[hits[0]].append(path)
        for hit, own in owners.items():
            for path in own if whole else self._nearest(own, hit, search):
                search.files[path] = [hit]
        search.folders_fit |= whole and any("/" in search.left[path] for path in found)
        search.taken.update(owners)
        for path in found:
            del search.left[path]

    def _nearest(self, paths: list[str], hit: int, search: _Search) -> list[str]:
        """Of several paths that end like one file, the one that is like it in most folders, those above it included."""
        if len(paths) == 1:
            return paths
        file = (self._beginnings.root + self._files[hit]).split("/")[::-1]
        alike = {path: _alike(search.left[path].split("/")[::-1], file) for path in paths}
        best = [path for path in paths if alike[path] == max(alike.values())]
        if len({search.left[path] for path in best}) > 1:
            search.shared.update(dict.fromkeys(best, self._shown[hit]))
            return []
        return best

    def _whole(self, text: str, form: Form) -> Sequence[int]:
        """The files of a path from the folder of the images on."""
        of_path, of_file = form
        index = self._index(of_file, 0)
        for path in self._beginnings.of(text):
            if hits := index.get(of_path(path)):
                return hits
        return ()

    def _ending(self, text: str, form: Form) -> Sequence[int]:
        """The file that a path ends in, or the files that end in a path."""
        of_path, of_file = form
        parts = of_path(text).split("/")
        whole = self._index(of_file, 0)
        shorter = ("/".join(parts[first:]) for first in range(1, len(parts)))
        if hits := next((hits for path in shorter if (hits := whole.get(path))), None):
            return hits
        return self._index(of_file, len(parts)).get("/".join(parts), ())

    def _index(self, form: Callable[[str], str], parts: int) -> dict[str, Sequence[int]]:
        """The files by their last parts, or by all of them (0), made when it is first asked for."""
        made = self._indices.get((form, parts))
        if made is None:
            keys = [form(file) for file in self._files]
            made = self._indices[form, parts] = _by_key([_last(key, parts) for key in keys] if parts else keys)
        return made


def _last(path: str, parts: int) -> str:
    """The last parts of a path; "" where it has no more than these."""
    cut = path.rsplit("/", parts)
    return "/".join(cut[1:]) if len(cut) > parts else ""


def _by_key(keys: Sequence[str]) -> dict[str, Sequence[int]]:
    """Key -> the places that it has, without ""."""
    places: dict[str, Sequence[int]] = {key: (place,) for place, key in enumerate(keys)}
    if len(places) < len(keys):
        several = defaultdict(list)
        for place, key in enumerate(keys):
            several[key].append(place)
        places.update(several)
    places.pop("", None)
    return places


@dataclass
class _Search:
    """What has been found so far; `folders_fit`: paths with folders were found as they are."""

    left: dict[str, str]
    files: dict[str, Sequence[int]] = field(default_factory=dict)
    unclear: dict[str, Sequence[str]] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    folders_fit: bool = False


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
