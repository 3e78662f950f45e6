"""The ways in which names of images and of masks can agree, and which of them holds for two folders.

Covers: equal names, names that go on, names without what all of a folder share, numbers, one folder per image. Does not
cover: listing files (`listing.py`), what to do with several masks of one image (`several.py`).

A way is taken if it gives every image a mask, or every mask an image; the first such one, for they are ordered from
plain to loose. Where names agree for most files, numbers alone do not decide. So public sets pair by themselves: equal
names (Kvasir-SEG, CVC-ClinicDB), names that go on (ISIC, BUSI, STARE, CHASE_DB1), endings on both sides (DRIVE), one
folder per image (the 2018 Data Science Bowl).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .listing import ListedFile
from .names import numbers, shortened, without_common_end, without_common_parts
from .roles import place_of


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """A file and the name that it goes by.

    Attributes:
        file: the file.
        name: without the suffix that the user gave, and with folders where images' names repeat.
    """

    file: ListedFile
    name: str


@dataclass(frozen=True, kw_only=True)
class Match:
    """What one way gives.

    Attributes:
        masks: of each image, in the order of images; none, one or several.
        rest: the masks that no image has.
        own_folder: masks were found by the folder of their image, which is of this image alone.
        loose: only numbers agree.
    """

    masks: tuple[tuple[NamedFile, ...], ...]
    rest: tuple[NamedFile, ...]
    own_folder: bool = False
    loose: bool = False

    @property
    def complete(self) -> bool:
        """Say whether every image has a mask, or every mask an image."""
        return any(self.masks) and (all(self.masks) or not self.rest)

    @property
    def likely(self) -> bool:
        """Say whether most images have a mask and most masks an image."""
        found = sum(map(bool, self.masks))
        taken = sum(map(len, self.masks))
        return 2 * found > len(self.masks) and taken > len(self.rest)


def best_match(images: Sequence[NamedFile], masks: Sequence[NamedFile], *, exact: bool) -> Match | None:
    """Return what the first way gives that holds, or None where none does.

    Args:
        images: of different names.
        masks: any number of files.
        exact: names of masks do not go on after those of images, for their suffix was given.
    """
    plain: Match | None = None
    for match in matches(images, masks, exact=exact):
        if match.loose and plain is not None and plain.likely:
            return plain
        if match.complete:
            return match
        plain = plain or match
    return plain if plain is not None and plain.likely else None


def matches(images: Sequence[NamedFile], masks: Sequence[NamedFile], *, exact: bool) -> Iterator[Match]:
    """Yield what every way gives, from plain to loose; a loose way gives each image one mask at most.

    Args:
        images: as for `best_match`, and so are the others.
        masks: likewise.
        exact: likewise.
    """
    names, mask_names = [one.name for one in images], [one.name for one in masks]
    yield _by_keys(images, masks, names, mask_names, exact=exact)
    yield _by_keys(images, masks, without_common_end(names), mask_names, exact=exact)
    short, mask_short = without_common_parts(names), without_common_parts(mask_names)
    yield _by_keys(images, masks, short, mask_short, exact=exact)
    yield _by_folder(images, masks)
    counts, mask_counts = list(map(numbers, short)), list(map(numbers, mask_short))
    yield _single(_by_keys(images, masks, counts, mask_counts, exact=True))
    first, mask_first = ([each.partition(" ")[0] for each in found] for found in (counts, mask_counts))
    yield _single(_by_keys(images, masks, first, mask_first, exact=True))


def _by_keys(
    images: Sequence[NamedFile],
    masks: Sequence[NamedFile],
    keys: Sequence[str],
    mask_keys: Sequence[str],
    *,
    exact: bool,
) -> Match:
    """Masks whose key is an image's or, unless `exact`, goes on after it; where several fit, the longest key has it."""
    if len({key.casefold() for key in keys}) == len(keys):
        keys, mask_keys = [key.casefold() for key in keys], [key.casefold() for key in mask_keys]
    if len(set(keys)) < len(keys) or not all(keys):
        return Match(masks=((),) * len(images), rest=tuple(masks))
    owners = {key: index for index, key in enumerate(keys)}
    found: dict[int, list[NamedFile]] = defaultdict(list)
    rest: list[NamedFile] = []
    for mask, key in zip(masks, mask_keys, strict=True):
        fitting = (owners[name] for name in ([key] if exact else [key, *shortened(key)]) if name in owners)
        owner = next(fitting, None)
        (rest if owner is None else found[owner]).append(mask)
    return Match(masks=tuple(tuple(found[index]) for index in range(len(images))), rest=tuple(rest))


def _by_folder(images: Sequence[NamedFile], masks: Sequence[NamedFile]) -> Match:
    """Masks that lie in the place of one image alone."""
    places = [place_of(image.file) for image in images]
    lone = {place for place, count in Counter(places).items() if count == 1 and place}
    found: dict[tuple[str, ...], list[NamedFile]] = defaultdict(list)
    for mask in masks:
        found[place_of(mask.file)].append(mask)
    own = tuple(tuple(found[place]) if place in lone else () for place in places)
    rest = tuple(mask for place, some in found.items() if place not in lone for mask in some)
    return Match(masks=own, rest=rest, own_folder=True)


def _single(match: Match) -> Match:
    """The match, if no image has several masks; else nothing."""
    if all(len(masks) <= 1 for masks in match.masks):
        return replace(match, loose=True)
    rest = (*match.rest, *(mask for masks in match.masks for mask in masks))
    return Match(masks=((),) * len(match.masks), rest=rest, loose=True)
