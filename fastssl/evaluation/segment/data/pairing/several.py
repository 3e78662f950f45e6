"""Several masks that fit one image: lesions of it, or a choice.

Covers: numbered masks, left and right, folders of single objects, which are united; other masks, of which one ending
must be chosen. Does not cover: finding them (`ways.py`).

BUSI numbers the lesions of an image (`x_mask.png`, `x_mask_1.png`); the 2018 Data Science Bowl has a mask for each
nucleus. CHASE_DB1 (`_1stHO`, `_2ndHO`) and DRIVE (`_manual1`, `_manual2`) have two annotators, who must not be united.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastssl.errors import DataError

from .names import shortened
from .records import listed
from .ways import NamedFile

_ANNOTATOR = re.compile(
    r"(?i)manual|observer|\dst|\dnd|\drd|\dth|expert|annotator|annotation|rater|reader|grader|doctor"
)
_NUMBER = re.compile(r"^(?P<base>.*?)(?P<number>[ _.\-]*\(?\d+\)?)$")


class MaskChoiceError(DataError):
    """Several masks fit an image, and one ending has to be chosen.

    Args:
        text: as of any error.
        suffix: an ending that every image has, for --mask-suffix; "" where there is none.
    """

    def __init__(self, text: str, suffix: str = "") -> None:
        super().__init__(text)
        self.suffix = suffix


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The masks that are taken.

    Attributes:
        masks: of each image, in the order of images.
        left_out: masks of another ending than the one that all images have.
        note: what was united or chosen, in one line; "" where every image had one mask.
    """

    masks: tuple[tuple[NamedFile, ...], ...]
    left_out: tuple[NamedFile, ...] = ()
    note: str = ""


def choose_masks(
    images: Sequence[NamedFile], masks: Sequence[Sequence[NamedFile]], *, what: str, united: bool
) -> Chosen:
    """Unite the masks of each image, or choose among them, by one rule for all images.

    Args:
        images: with at least one mask each.
        masks: of each image.
        what: names the kind of file in errors, such as "mask in DIR".
        united: they are lesions of one image for certain, by a folder of their own or by what the user asked for.

    Raises:
        MaskChoiceError: one of them must be chosen.
    """
    several = {image.name: list(own) for image, own in zip(images, masks, strict=True) if len(own) > 1}
    everyone = tuple(tuple(own) for own in masks)
    if not several:
        return Chosen(masks=everyone)
    endings = [_endings(image.name, own) for image, own in zip(images, masks, strict=True)]
    reason = "" if what.startswith("field") else _reason_to_unite(images, several, endings, united=united)
    if reason:
        name, own = next(iter(several.items()))
        note = f"{len(several)} image(s) have several masks, which are united ({reason}), such as those of {name}: "
        return Chosen(masks=everyone, note=note + listed([mask.file.below for mask in own]))
    common = set.intersection(*map(set, endings))
    numbered = all(_numbered_base(own) is not None for own in endings) and not _is_series(images)
    if not numbered and len(common) == 1 and all(len(set(own)) == len(own) for own in endings):
        return _with_ending(everyone, endings, common.pop())
    index = next(index for index, own in enumerate(masks) if len(own) > 1)
    text = _choice(images[index], masks[index], endings[index], what)
    raise MaskChoiceError(text, endings[index][0] if endings[index][0] in common else "")


def _reason_to_unite(
    images: Sequence[NamedFile],
    several: Mapping[str, Sequence[NamedFile]],
    endings: Sequence[Sequence[str]],
    *,
    united: bool,
) -> str:
    """Why the masks of one image are all parts of its foreground; "" where they may be something else."""
    if united:
        return "as asked for, or one folder per image"
    if all(_are_sides([mask.file.below.lower() for mask in own]) for own in several.values()):
        return "left and right"
    bases = [_numbered_base(own) for own in endings]
    if None in bases or any(_ANNOTATOR.search(base or "") for base in bases) or _is_series(images):
        return ""
    plain = all(base in own for base, own in zip(bases, endings, strict=True))
    alike = len({tuple(sorted(own)) for own in endings}) == 1
    return "numbered" if plain or not alike else ""


def _endings(name: str, masks: Sequence[NamedFile]) -> list[str]:
    """What the masks' names have after the image's; their whole names where one does not go on after it."""
    names = [mask.name for mask in masks]
    if all(each.casefold().startswith(name.casefold()) for each in names):
        return [each[len(name) :] for each in names]
    return [next((each[len(key) :] for key in shortened(each) if name.startswith(key)), each) for each in names]


def _numbered_base(endings: Sequence[str]) -> str | None:
    """What endings share that differ by a number alone, or by having none; None where they differ otherwise."""
    if len(set(endings)) < len(endings):
        return None
    if len(endings) == 1:
        return endings[0]
    for base in dict.fromkeys(_base(ending) for ending in endings):
        if all(base in (ending, _base(ending)) for ending in endings):
            return base
    return None


def _base(ending: str) -> str:
    """An ending without its number."""
    found = _NUMBER.match(ending)
    return found["base"] if found else ending


def _is_series(images: Sequence[NamedFile]) -> bool:
    """Whether images are numbered like masks, so that a number may be of an image that is not there."""
    names = {image.name for image in images}
    return any(_base(name) in names for name in names if _base(name) != name)


def _are_sides(names: Sequence[str]) -> bool:
    """Whether one is of the left and the other of the right."""
    return len(names) == 2 and sorted("left" in name for name in names) == [False, True] == sorted(
        "right" in name for name in names
    )


def _with_ending(masks: Sequence[Sequence[NamedFile]], endings: Sequence[Sequence[str]], ending: str) -> Chosen:
    """Of each image the mask of the one ending that all images have."""
    taken, left_out = [], []
    for own, ends in zip(masks, endings, strict=True):
        taken.append(tuple(mask for mask, end in zip(own, ends, strict=True) if end == ending))
        left_out += [mask for mask, end in zip(own, ends, strict=True) if end != ending]
    kind = f"that end in {ending!r}" if ending else "called as their images"
    note = f"masks are those {kind}, as every image has; {len(left_out)} of other endings are left out: "
    return Chosen(
        masks=tuple(taken), left_out=tuple(left_out), note=note + listed([mask.file.below for mask in left_out])
    )


def _choice(image: NamedFile, masks: Sequence[NamedFile], endings: Sequence[str], what: str) -> str:
    """One line that names the masks, and how to choose."""
    ending = endings[0]
    folders = [mask.file.folders for mask in masks]
    if len(set(endings)) == len(endings) and ending and what.startswith("mask"):
        base = _numbered_base(endings)
        unite = f", or unite them with --mask-suffix '{base}*'" if base is not None else ""
        advice = f"choose with --mask-suffix {ending}{unite}"
    elif len(set(folders)) == len(folders):
        advice = f"give the folder {'/'.join(folders[0]) or '.'} alone"
    else:
        advice = "keep one of them"
    names = listed([mask.file.below for mask in masks])
    return f"more than one {what} fits {image.file.path.name}: {names}; {advice}"
