"""The names of all images, in every form in which a user may write them.

Covers: with and without ending, suffix and folders, either form of Unicode; images that are known and left out. Does
not cover: who is in which split (`splits.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fastssl.data.layout.words import composed

from .pairing import Pair


@dataclass(frozen=True, kw_only=True)
class ImageNames:
    """All images that may be in a split.

    Attributes:
        names: sorted.
        places: name -> path of the image without extension; names that are missing here are their own places.
        aliases: another way to write a name -> the name.
        left_out: ways to write the names of images that exist, but cannot be used.
    """

    names: Sequence[str]
    places: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pairs: Iterable[Pair], left_out: Iterable[str] = ()) -> ImageNames:
        """Gather the names of pairs.

        Args:
            pairs: images that can be used.
            left_out: paths of image files that cannot.
        """
        places = {pair.name: pair.place for pair in pairs}
        aliases: dict[str, str] = {}
        twice: set[str] = set()
        for pair in pairs:
            for alias in {pair.place, *_forms(pair.image.name), *_forms("/".join(pair.image.parts[-2:]))}:
                if aliases.setdefault(alias, pair.name) != pair.name:
                    twice.add(alias)
        unique = {alias: name for alias, name in aliases.items() if alias not in twice}
        unique |= {name: name for name in places}
        out = frozenset(
            form for path in left_out for whole in (path, path.rpartition("/")[2]) for form in _forms(whole)
        )
        return cls(names=sorted(places), places=places, aliases=unique, left_out=out - unique.keys())

    def place(self, name: str) -> str:
        """Return the path of an image, without extension and with slashes."""
        return self.places.get(name, name)

    def find(self, text: str) -> str | None:
        """Return the name that a user means, or None where no image is called so.

        Args:
            text: as written.
        """
        wanted = composed(text.strip()).replace("\\", "/").removeprefix("./")
        found = self.aliases.get(wanted)
        return wanted if found is None and wanted in self.names else found

    def is_left_out(self, text: str) -> bool:
        """Say whether an image is meant that exists, but cannot be used.

        Args:
            text: as written.
        """
        return composed(text.strip()).replace("\\", "/").removeprefix("./") in self.left_out


def _forms(path: str) -> tuple[str, str]:
    """A path with and without its extension."""
    path = composed(path)
    folder, slash, file = path.rpartition("/")
    stem = file[: file.rfind(".")] if "." in file[1:] else file
    return path, folder + slash + stem
