"""Which mask belongs to which image, told from file names alone.

Covers: folders of images and of masks, apart or one and the same; several masks per image; field-of-view masks.
Does not cover: opening any file (`files.py`), who is in which split (`splits.py`).

A mask's name is its image's, or begins with it and goes on with a character that is neither letter nor digit, so that
`img1` does not claim `img10_mask`; where several images fit, the longest name has it. Suffixes are cut off first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastssl.errors import DataError

SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The files of one image.

    Attributes:
        name: the image's file name without folder, extension and suffix.
        image: the file of the image.
        mask: the file of its mask.
        fov: the file of its field-of-view mask, or None.
    """

    name: str
    image: Path
    mask: Path
    fov: Path | None = None


def find_pairs(
    images: Path, masks: Path, fov: Path | None = None, *, image_suffix: str = "", mask_suffix: str = ""
) -> list[Pair]:
    """Return every image with its mask, sorted by name.

    Args:
        images: the folder of images.
        masks: the folder of masks. It may be the folder of images; then an image is a file whose name extends no other
            file's (`Image_01L.jpg` is one, `Image_01L_1stHO.png` is not).
        fov: the folder of field-of-view masks, or None.
        image_suffix: how image names end. Other files are left out, and names go without it.
        mask_suffix: what a mask's name has after the image's. Without it any rest will do, as long as one mask fits.

    Raises:
        DataError: a folder is missing, there is no image, two images have one name, or no mask or several masks fit an
            image.
    """
    shared = any(folder is not None and folder.resolve() == images.resolve() for folder in (masks, fov))
    own = _images(images, image_suffix, shared=shared)
    mask_of = _assign(own, _candidates(masks, images, own), mask_suffix, f"mask in {masks}")
    if fov is None:
        return [Pair(name=name, image=own[name], mask=mask_of[name]) for name in sorted(own)]
    fov_of = _assign(own, _candidates(fov, images, own), "", f"field-of-view mask in {fov}")
    return [Pair(name=name, image=own[name], mask=mask_of[name], fov=fov_of[name]) for name in sorted(own)]


def _images(folder: Path, suffix: str, *, shared: bool) -> dict[str, Path]:
    """Name -> file; in a folder that is `shared` with masks, only files whose name extends no other."""
    files = [path for path in _pictures(folder) if path.stem.endswith(suffix)]
    stems = {path.stem for path in files}
    found: dict[str, Path] = {}
    for path in files:
        if shared and any(shorter in stems for shorter in _shortened(path.stem)):
            continue
        name = path.stem.removesuffix(suffix)
        if name in found:
            raise DataError(f"{folder}: {found[name].name} and {path.name} have one name; keep one of them")
        found[name] = path
    if not found:
        ending = f" whose name ends in {suffix!r}" if suffix else ""
        raise DataError(f"{folder}: no image{ending} that Pillow can read")
    return found


def _candidates(folder: Path, images: Path, own: Mapping[str, Path]) -> list[Path]:
    """The files of `folder` that may be masks: not the images themselves, where they lie in the same place."""
    files = _pictures(folder)
    if folder.resolve() != images.resolve():
        return files
    taken = {path.name for path in own.values()}
    return [path for path in files if path.name not in taken]


def _assign(own: Mapping[str, Path], candidates: Iterable[Path], suffix: str, what: str) -> dict[str, Path]:
    """Name -> the one file that fits it; `what` names the kind of file in errors."""
    fitting: dict[str, list[Path]] = {name: [] for name in own}
    for path in candidates:
        name = next((name for name in _names_of(path.stem, suffix) if name in fitting), None)
        if name is not None:
            fitting[name].append(path)
    _check(own, fitting, what)
    return {name: paths[0] for name, paths in fitting.items()}


def _names_of(stem: str, suffix: str) -> list[str]:
    """The image names that a mask called `stem` may belong to, longest first."""
    if suffix:
        return [stem.removesuffix(suffix)] if stem.endswith(suffix) else []
    return [stem, *_shortened(stem)]


def _shortened(stem: str) -> list[str]:
    """The names that `stem` extends by a separator and possibly more, longest first."""
    return [stem[:end] for end in range(len(stem) - 1, 0, -1) if not stem[end].isalnum()]


def _check(own: Mapping[str, Path], fitting: Mapping[str, list[Path]], what: str) -> None:
    """Refuse images that no file or several files fit."""
    missing = [own[name].name for name, paths in fitting.items() if not paths]
    if missing:
        raise DataError(f"no {what} fits {_listed(missing)}; a mask's name is its image's and what follows it")
    for name, paths in fitting.items():
        if len(paths) > 1:
            rest = paths[0].stem.removeprefix(name)
            choice = f"choose with --mask-suffix {rest}" if rest and what.startswith("mask") else "keep one of them"
            names = _listed([path.name for path in paths])
            raise DataError(f"more than one {what} fits {own[name].name}: {names}; {choice}")


def _pictures(folder: Path) -> list[Path]:
    """Files that Pillow has a reader for by their extension, sorted by name."""
    from PIL import Image

    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of images")
    extensions = Image.registered_extensions()  # fills Image.OPEN
    return sorted(
        path
        for path in folder.iterdir()
        if path.name[0] != "." and extensions.get(path.suffix.lower()) in Image.OPEN and path.is_file()
    )


def _listed(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
