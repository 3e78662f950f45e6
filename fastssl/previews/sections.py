"""From the batch of a view to the sections of a preview.

Covers: pixels and curves of 8 bits, and the words of the rows. Does not cover: where batches come from (`preview.py`),
placing and drawing (`sheet_layout.py`, `sheet_drawing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fastssl.pipelines import Bezier, Jigsaw, PretextTasks, View

from .sheet import CellRow, CurveCell, ImageCell, Section
from .stored_images import QUARTERED, in_colour, stored_cells

LABELS = {"image": "input", "query": "query crop", "key": "key crop"}
"""Labels for images of a batch whose own names are not plain enough."""


def original_section(images: np.ndarray, captions: Sequence[str]) -> Section:
    """Make the section of the images as they are stored.

    Args:
        images: uint8 or uint16 `[N, H, W, C]`.
        captions: a word for each.

    Returns:
        A section with one row.
    """
    return Section(title="Original", rows=(CellRow(label="", cells=stored_cells(images, captions)),))


def view_sections(
    title: str,
    view: View,
    batch: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor],
    *,
    seed: int,
    epoch: int,
    shape: tuple[int, int],
    dtype: np.dtype,
) -> list[Section]:
    """Make the sections of a view: one, or one for each of its tasks.

    Args:
        title: of the section, where the view has no tasks.
        view: that rendered the batch.
        batch: what the loader yielded, with "index"; of all parts of the view, if it has several.
        outputs: images that a stage made of the batch (`Stage.visualize`), `[B, C, S, S]`, normalised; one called
            "task/name" goes to that task's section.
        seed: with which the batch was drawn.
        epoch: likewise.
        shape: (height, width) of the stored images, in pixels.
        dtype: of the stored images.

    Returns:
        The sections, last one for outputs that belong to no task.
    """
    tasks = dict(view.tasks) if isinstance(view, PretextTasks) else {"": view}
    sections = []
    for task, own in tasks.items():
        rows = []
        if isinstance(own, Bezier):
            drawn = own.draw(seed, epoch, batch["index"].cpu().numpy(), shape)
            cells = tuple(CurveCell(levels=levels) for levels in curves(own, drawn, dtype))
            rows.append(CellRow(label="curve", cells=cells))
        rows += _rows(own, _of_task(batch, task), _of_task(outputs, task))
        sections.append(Section(title=task.capitalize() or title, rows=tuple(rows)))
    left = {name: images for name, images in outputs.items() if name.split("/")[0] not in tasks and "" not in tasks}
    if left:
        sections.append(Section(title="Output", rows=tuple(_image_row(view, *named) for named in left.items())))
    return sections


def curves(view: Bezier, drawn: Mapping[str, np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Compute the curve that is applied to each sample.

    Args:
        view: that applies it.
        drawn: what `view.draw` returned.
        dtype: of the stored images; curves of uint16 images have more entries.

    Returns:
        float32 `[B, entries]`, output levels from 0 to 255.
    """
    levels = torch.empty(0, dtype=torch.uint8 if dtype == np.uint8 else torch.float32)
    return view.tables(levels, {name: torch.from_numpy(values) for name, values in drawn.items()}).numpy()


def without_repeats(sections: Sequence[Section], original: Section) -> list[Section]:
    """Leave out those targets that are the originals, pixel for pixel.

    Args:
        sections: of views.
        original: of the stored images.

    Returns:
        The same sections, without those rows.
    """

    def repeats(row: CellRow) -> bool:
        pairs = zip(row.images, original.rows[0].images, strict=False)
        return row.label == "target" and all(np.array_equal(target, stored) for target, stored in pairs)

    return [replace(section, rows=tuple(row for row in section.rows if not repeats(row))) for section in sections]


def to_pixels(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Convert normalised images to grey levels.

    Args:
        images: `[B, C, S, S]`, normalised as (image - mean) / std from images in [0, 1].
        mean: of each channel.
        std: of each channel.

    Returns:
        uint8 `[B, S, S, C]`, clipped to [0, 255].
    """
    shares = images.detach().float().cpu() * torch.tensor(std).view(-1, 1, 1) + torch.tensor(mean).view(-1, 1, 1)
    return (shares * 255.0).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _rows(view: View, batch: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> list[CellRow]:
    """Masks and images in the view's order; what the stage made of them comes before the target."""
    shown = {name: values for name, values in batch.items() if values.ndim == 4}
    order = [name for name in shown if name != "target"]
    words = [f"order {number}" for number in batch["permutation"].tolist()] if "permutation" in batch else []
    rows = [_mask_row(shown[name]) if name == "mask" else _image_row(view, name, shown[name], words) for name in order]
    rows += [_image_row(view, name, made) for name, made in outputs.items()]
    return rows + ([_image_row(view, "target", shown["target"])] if "target" in shown else [])


def _image_row(view: View, name: str, images: Tensor, captions: Sequence[str] = ()) -> CellRow:
    """Normalised images, each with its caption if there are any."""
    pixels = to_pixels(images, view.mean, view.std)
    tiles = (view.grid if isinstance(view, Jigsaw) else 1) * (2 if pixels.shape[3] == QUARTERED else 1)
    captioned = zip(pixels, captions or [""] * len(pixels), strict=True)
    cells = (ImageCell(pixels=in_colour(image), tiles=tiles, caption=word) for image, word in captioned)
    return CellRow(label=LABELS.get(name, name.replace("_", " ")), cells=tuple(cells))


def _mask_row(masks: Tensor) -> CellRow:
    """uint8 `[B, 1, S, S]`, 1 where masked, in white on black; the label names the masked share."""
    share = masks.float().mean().item()
    pixels = masks.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8) * 255
    return CellRow(label=f"mask, {share:.0%}", cells=tuple(ImageCell(pixels=in_colour(image)) for image in pixels))


def _of_task(values: Mapping[str, Tensor], task: str) -> dict[str, Tensor]:
    prefix = f"{task}/" if task else ""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
