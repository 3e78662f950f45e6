"""What a preview shows, as arrays: sections of rows of cells, one cell an image.

Covers: from a view's batch to 8-bit pictures and curves; a row's words. Does not cover: where batches come from
(`preview.py`), nor placing and drawing (`sheet.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines import Bezier, Jigsaw, PretextTasks, View

WORDS = {"image": "input", "query": "query crop", "key": "key crop"}
"""What a view's pictures are called, where their own names are not plain enough."""
QUARTERED = 4
"""Channels that are shown as four quarters, having no common colour."""


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels: uint8 `[H, W, 3]`. tiles: along a side, where borders between tiles are drawn. caption: a word in it."""

    pixels: np.ndarray
    tiles: int = 1
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Curve:
    """levels: output grey levels [0, 255] for evenly spaced input levels 0 to 255, float32 `[E]`."""

    levels: np.ndarray

    @property
    def falls(self) -> bool:
        """Whether dark becomes bright."""
        return bool(self.levels[0] > self.levels[-1])


@dataclass(frozen=True)
class Row:
    """One thing, of every image."""

    label: str
    cells: tuple[Picture | Curve, ...]

    @property
    def pictures(self) -> list[np.ndarray]:
        """The pixels of those cells that are pictures."""
        return [cell.pixels for cell in self.cells if isinstance(cell, Picture)]


@dataclass(frozen=True)
class Section:
    """Rows that belong together."""

    title: str
    rows: tuple[Row, ...]


def original_section(images: np.ndarray, captions: Sequence[str]) -> Section:
    """The images as they are stored: uint8 or uint16 `[N, H, W, C]`; captions: a word for each."""
    levels = images if images.dtype == np.uint8 else np.rint(images / 257.0).astype(np.uint8)
    cells = tuple(Picture(_in_colour(image), caption=word) for image, word in zip(levels, captions, strict=True))
    return Section("Original", (Row("", cells),))


def view_sections(
    title: str,
    view: View,
    batch: Mapping[str, Tensor],
    pictures: Mapping[str, Tensor],
    *,
    seed: int,
    epoch: int,
    shape: tuple[int, int],
    dtype: np.dtype,
) -> list[Section]:
    """The sections of one view: one, or one for each of its tasks.

    Args:
        batch: what the loader yielded of `view`, "index" included; of all its parts, if it has several.
        pictures: what a stage made of the batch, `Stage.visualize`; a "task/name" goes to that task's section.
        seed, epoch: with which the batch was drawn. shape, dtype: (H, W) and type of the stored images.
    """
    tasks = dict(view.tasks) if isinstance(view, PretextTasks) else {"": view}
    sections = []
    for task, own in tasks.items():
        rows = []
        if isinstance(own, Bezier):
            drawn = own.draw(seed, epoch, batch["index"].cpu().numpy(), shape)
            rows.append(Row("curve", tuple(map(Curve, curves(own, drawn, dtype)))))
        rows += _rows(own, _of_task(batch, task), _of_task(pictures, task))
        sections.append(Section(task.capitalize() or title, tuple(rows)))
    left = {name: picture for name, picture in pictures.items() if name.split("/")[0] not in tasks and "" not in tasks}
    if left:
        sections.append(Section("Output", tuple(_picture_row(view, name, made) for name, made in left.items())))
    return sections


def curves(view: Bezier, drawn: Mapping[str, np.ndarray], dtype: np.dtype) -> np.ndarray:
    """The curve that each sample goes through: float32 `[B, entries]`, as fine as images of `dtype` ask for."""
    levels = torch.empty(0, dtype=torch.uint8 if dtype == np.uint8 else torch.float32)
    return view.tables(levels, {name: torch.from_numpy(values) for name, values in drawn.items()}).numpy()


def without_repeats(sections: Sequence[Section], original: Section) -> list[Section]:
    """The sections less those targets that are the originals pixel for pixel."""

    def repeats(row: Row) -> bool:
        pairs = zip(row.pictures, original.rows[0].pictures, strict=False)
        return row.label == "target" and all(np.array_equal(target, stored) for target, stored in pairs)

    return [replace(section, rows=tuple(row for row in section.rows if not repeats(row))) for section in sections]


def to_pixels(pictures: Tensor, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Normalised pictures `[B, C, S, S]` as grey levels: uint8 `[B, S, S, C]`, clipped to [0, 255]."""
    shares = pictures.detach().float().cpu() * torch.tensor(std).view(-1, 1, 1) + torch.tensor(mean).view(-1, 1, 1)
    return (shares * 255.0).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _rows(view: View, batch: Mapping[str, Tensor], pictures: Mapping[str, Tensor]) -> list[Row]:
    """Masks and pictures in the view's order, what the stage made of them before the target."""
    shown = {name: values for name, values in batch.items() if values.ndim == 4}
    order = [name for name in shown if name != "target"]
    words = [f"order {number}" for number in batch["permutation"].tolist()] if "permutation" in batch else []
    rows = [
        _mask_row(shown[name]) if name == "mask" else _picture_row(view, name, shown[name], words) for name in order
    ]
    rows += [_picture_row(view, name, made) for name, made in pictures.items()]
    return rows + ([_picture_row(view, "target", shown["target"])] if "target" in shown else [])


def _picture_row(view: View, name: str, pictures: Tensor, captions: Sequence[str] = ()) -> Row:
    """Normalised pictures, with a word in each where there are captions."""
    pixels = to_pixels(pictures, view.mean, view.std)
    tiles = (view.grid if isinstance(view, Jigsaw) else 1) * (2 if pixels.shape[3] == QUARTERED else 1)
    words = captions or [""] * len(pixels)
    cells = tuple(Picture(_in_colour(image), tiles, word) for image, word in zip(pixels, words, strict=True))
    return Row(WORDS.get(name, name.replace("_", " ")), cells)


def _mask_row(masks: Tensor) -> Row:
    """uint8 `[B, 1, S, S]`, 1 where masked, in white on black; the label says which share that is."""
    share = masks.float().mean().item()
    pixels = masks.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8) * 255
    return Row(f"mask, {share:.0%}", tuple(Picture(_in_colour(image)) for image in pixels))


def _in_colour(image: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, C]` as `[H, W, 3]`, or four channels as four grey quarters, `[2 H, 2 W, 3]`."""
    if image.shape[2] == QUARTERED:
        first, second, third, fourth = np.moveaxis(image, 2, 0)
        image = np.block([[first, second], [third, fourth]])[:, :, None]
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _of_task(values: Mapping[str, Tensor], task: str) -> dict[str, Tensor]:
    prefix = f"{task}/" if task else ""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
