"""Pairing a folder of images with a folder of masks, and with one of field-of-view masks.

Covers: folders apart, one in the other, or one and the same; what is refused because it may be wrong. Does not cover:
the ways to pair names (`ways.py`), several masks of one image (`several.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastssl.errors import DataError

from .listing import ListedFile, list_files
from .names import cut_pattern, cut_suffix
from .records import Pair, Pairing, listed
from .roles import place_of, tell_apart
from .several import Chosen, choose_masks
from .ways import Match, NamedFile, best_match, matches

_EXAMPLE = (
    "give --image-suffix and --mask-suffix, such as _training and _manual1 for 21_training.tif and 21_manual1.gif"
)


@dataclass(frozen=True, kw_only=True)
class Folders:
    """What lies in the folders.

    Attributes:
        images: files that may be images.
        masks: files that may be masks.
        shared: they come from one folder.
        fov: files that may be field-of-view masks.
        passed_over: ending -> files of other kinds.
        notes: what was left out of the listing, a line each.
    """

    images: Sequence[ListedFile]
    masks: Sequence[ListedFile]
    shared: bool
    fov: Sequence[ListedFile]
    passed_over: Counter[str]
    notes: tuple[str, ...]


def find_pairs(
    images: Path, masks: Path, fov: Path | None = None, *, image_suffix: str = "", mask_suffix: str = ""
) -> Pairing:
    """Return every image with its masks, sorted by name.

    Args:
        images: the folder of images, and of subfolders of them.
        masks: the folder of masks. It may be the folder of images; then masks are what lies in subfolders of masks, or
            what is called after another file (`Image_01L.jpg` is an image, `Image_01L_1stHO.png` is not).
        fov: the folder of field-of-view masks, or None.
        image_suffix: how image names end. Other files are left out, and names go without it.
        mask_suffix: what a mask's name has after the image's, with or without the file's extension. "_mask*" takes all
            masks whose names go on in this way, and unites them.

    Raises:
        DataError: a folder is missing, there is no image, two images have one name, few images have a mask, or more
            than one file may be an image's mask.
    """
    found = _list_all(images, masks, fov, image_suffix, mask_suffix)
    own = _named_images(found.images, images, image_suffix)
    mask_names = _named_masks(found.masks, own, mask_suffix)
    what = f"mask in {masks}"
    match = best_match(own, mask_names, exact=bool(mask_suffix))
    if match is None:
        raise DataError(_nothing_fits(own, found.masks, what))
    if not mask_suffix:
        _check_leftovers(own, match, masks, shared=found.shared)
    with_mask = [image for image, fitting in zip(own, match.masks, strict=True) if fitting]
    chosen = choose_masks(
        with_mask,
        [fitting for fitting in match.masks if fitting],
        what=what,
        united=match.own_folder or "*" in mask_suffix,
    )
    views = [None] * len(with_mask) if fov is None else _views(fov, found, with_mask, chosen)
    pairs = [
        Pair(
            name=image.name,
            image=image.file.path,
            masks=tuple(mask.file.path for mask in fitting),
            fov=view,
            place="/".join((*place_of(image.file), image.file.stem)),
        )
        for image, fitting, view in zip(with_mask, chosen.masks, views, strict=True)
    ]
    return Pairing(
        pairs=tuple(sorted(pairs, key=lambda pair: pair.name)),
        how=_how(with_mask, chosen),
        images_alone=tuple(image.file.below for image, fitting in zip(own, match.masks, strict=True) if not fitting),
        masks_alone=tuple(mask.file.below for mask in match.rest),
        notes=(*found.notes, chosen.note) if chosen.note else found.notes,
        passed_over=found.passed_over,
    )


def _list_all(images: Path, masks: Path, fov: Path | None, image_suffix: str, mask_suffix: str) -> Folders:
    """The files of all folders; a folder inside another one belongs to its own role alone."""
    roots = {folder.resolve(): folder for folder in (images, masks, fov) if folder is not None}
    listings = {
        root: list_files(folder, without=[other for other in roots if root in other.parents])
        for root, folder in roots.items()
    }
    image_files: Sequence[ListedFile] = listings[images.resolve()].files
    mask_files: Sequence[ListedFile] = listings[masks.resolve()].files
    shared = images.resolve() == masks.resolve()
    if shared:
        image_files, mask_files = tell_apart(image_files, image_suffix, mask_suffix)
    passed_over: Counter[str] = Counter()
    for listing in listings.values():
        passed_over.update(listing.passed_over)
    return Folders(
        images=image_files,
        masks=mask_files,
        shared=shared,
        fov=() if fov is None else listings[fov.resolve()].files,
        passed_over=passed_over,
        notes=tuple(note for listing in listings.values() for note in listing.notes),
    )


def _named_images(files: Sequence[ListedFile], folder: Path, suffix: str) -> list[NamedFile]:
    """The images by name: that of the file, or with its folders where two files of different folders have one name."""
    cut = [(file, name) for file in files if (name := cut_suffix(file, suffix)) is not None]
    if not cut:
        ending = f" whose name ends in {suffix!r}, unlike {files[0].below}," if suffix and files else ""
        raise DataError(f"{folder}: no image{ending} is left to be paired; see --image-suffix and --mask-suffix")
    if len({name.casefold() for _, name in cut}) < len(cut):
        cut = [(file, "/".join((*place_of(file), name))) for file, name in cut]
    first: dict[str, ListedFile] = {}
    for file, name in cut:
        if name in first:
            names = f"{first[name].below} and {file.below}"
            raise DataError(
                f"{folder}: {names} have one name; keep one of them, or give --image-suffix with the ending"
            )
        first[name] = file
    return [NamedFile(file=file, name=name) for file, name in cut]


def _named_masks(files: Sequence[ListedFile], images: Sequence[NamedFile], suffix: str) -> list[NamedFile]:
    """The masks by name, in the form of the images' names, without the suffix that was given."""
    with_folders = any("/" in image.name for image in images)
    known = {image.name.rpartition("/")[2] for image in images}
    found = []
    for file in files:
        name = cut_pattern(file, suffix, known) if "*" in suffix else cut_suffix(file, suffix)
        if name is not None:
            found.append(NamedFile(file=file, name="/".join((*place_of(file), name)) if with_folders else name))
    return found


def _check_leftovers(images: Sequence[NamedFile], match: Match, folder: Path, *, shared: bool) -> None:
    """Refuse a match where files that are left over would fit the images as well, in another way."""
    paired = [image for image, fitting in zip(images, match.masks, strict=True) if fitting]
    alone = [image for image, fitting in zip(images, match.masks, strict=True) if not fitting]
    left = [*match.rest, *(alone if shared else ())]
    for other in matches(paired, left, exact=False):
        if all(other.masks) or (other.complete and other.likely):
            index = next(index for index, fitting in enumerate(other.masks) if fitting)
            image = paired[index]
            own = match.masks[images.index(image)]
            names = listed([file.file.below for file in (*own, *other.masks[index])])
            raise DataError(f"more than one mask in {folder} may fit {image.file.path.name}: {names}; {_EXAMPLE}")


def _views(folder: Path, found: Folders, images: Sequence[NamedFile], chosen: Chosen) -> list[Path | None]:
    """The field-of-view mask of every image."""
    taken = {image.file.path for image in images}
    used = {mask.file.path for own in chosen.masks for mask in own}
    files = [file for file in found.fov if file.path not in taken]
    files = [file for file in files if file.path not in used] or files
    match = best_match(images, _named_masks(files, images, ""), exact=False)
    what = f"field-of-view mask in {folder}"
    if match is None or not all(match.masks):
        lacking = [own for index, own in enumerate(images) if match is None or not match.masks[index]]
        raise DataError(_nothing_fits(lacking, files, what))
    return [own[0].file.path for own in choose_masks(images, match.masks, what=what, united=False).masks]


def _how(images: Sequence[NamedFile], chosen: Chosen) -> str:
    """The first pair, and how many there are."""
    masks = listed([mask.file.below for mask in chosen.masks[0]])
    return f"{images[0].file.below} with {masks}, {len(images)} pairs"


def _nothing_fits(images: Sequence[NamedFile], masks: Sequence[ListedFile], what: str) -> str:
    """One line that names images without a mask."""
    names = listed([image.file.below for image in images])
    holds = f"; one there is {masks[0].below}" if masks else "; there is none at all"
    return f"no {what} fits {names}; a mask's name is its image's and what follows it{holds}; {_EXAMPLE}"
