"""The map: features of images in two dimensions, by class, with thumbnails.

Covers: which images, their features, the projection and its cache, the drawing. Does not cover: the projection itself
(`fastssl.reports.projection`), what happens under a pointer (`fastssl/reports/templates/page.js`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fastssl.config.report import Projection, ReportConfig
from fastssl.evaluation.shared.candidates import Candidate
from fastssl.evaluation.shared.extraction import FEATURES
from fastssl.evaluation.shared.features import FeatureCache, FeatureKey
from fastssl.evaluation.shared.partition import Part

from ..blocks import Block, Chart, ChartGrid, Lines, ReportSection, ReportTable
from ..charts import ScatterPoint, scatter_chart
from ..projection import NAMES, project
from ..run_images import RunImages, class_indices, part_images
from ..thumbnails import as_rgb, tile_sheet
from ..words import share_text

MANY = 400
"""Points from which they are drawn small."""
EXPLAINED = (
    "Each point is an image; images with similar features lie close together. Only that is meant: distances between "
    "groups, their sizes and the axes say nothing."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class MapImages:
    """The images of a map.

    Attributes:
        parts: some images of each part, first the test part.
        sheet: data URI of their thumbnails.
        columns: thumbnails in a row of the sheet.
    """

    parts: tuple[Part, ...]
    sheet: str
    columns: int

    @property
    def classes(self) -> np.ndarray:
        """The class of each image, int64 `[M]`."""
        return np.concatenate([class_indices(part) for part in self.parts])

    @property
    def names(self) -> list[str]:
        """Such as "test image 12" of each image."""
        return [f"{part.split} image {row}" for part in self.parts for row in part.rows]


def choose_map_images(images: RunImages, most: int, seed: int) -> MapImages:
    """Choose the images of the map: those of the test part, then of the validation and training parts.

    Args:
        images: of the report.
        most: how many at most.
        seed: of the choice, where a part has more than there is room for.
    """
    rng, chosen, left = np.random.default_rng(seed), [], most
    for part in reversed(images.parts.all):
        rows = np.sort(rng.permutation(len(part))[:left])
        if len(rows):
            chosen.append(Part(split=part.split, rows=part.rows[rows], labels=part.labels[rows]))
            left -= len(rows)
    pixels = [one for part in chosen for one in as_rgb(part_images(images.source, part, np.arange(len(part))))]
    sheet, columns = tile_sheet(pixels)
    return MapImages(parts=tuple(chosen), sheet=sheet, columns=columns)


def map_section(images: RunImages, shown: MapImages, config: ReportConfig) -> ReportSection:
    """Make the section.

    Args:
        images: of the report.
        shown: those on the map.
        config: how features are projected.

    Raises:
        CheckpointError: features are not finite.
    """
    how = config.projection
    charts = [_chart(candidate, images, shown, how, config.seed) for candidate in images.candidates]
    counts = ", ".join(f"{len(part)} {part.split}" for part in shown.parts)
    blocks: list[Block] = [ChartGrid(charts=tuple(charts))]
    lines = (EXPLAINED, f"{counts} images, projected by {NAMES[how]} (seed {config.seed}).")
    blocks.append(Lines(lines=(*lines, *images.problems)))
    return ReportSection(
        anchor="map",
        title="A map of the features",
        lead="Point at an image to see it; with the keyboard, choose the map and use the arrow keys.",
        blocks=tuple(blocks),
    )


def _chart(candidate: Candidate, images: RunImages, shown: MapImages, how: Projection, seed: int) -> Chart:
    features = torch.cat([images.extraction.of_part(candidate, part) for part in shown.parts])
    places = _kept_projection(candidate, images, features, how, seed)
    classes, names = shown.classes, shown.names
    points = [
        ScatterPoint(
            x=float(x), y=float(y), number=int(label), title=", ".join(filter(None, (images.class_name(label), name)))
        )
        for (x, y), label, name in zip(places.tolist(), classes.tolist(), names, strict=True)
    ]
    legend = {int(label): images.class_name(int(label)) for label in np.unique(classes)} if images.labelled else {}
    together = neighbour_agreement(features, classes)
    summary = f"{candidate.label}: {len(points)} images by {NAMES[how]}"
    agreement = (
        f"{share_text(together[0])} of the images have a nearest neighbour of their own class." if legend else ""
    )
    table = ReportTable(
        caption="Images whose nearest neighbour, by all features, is of their own class",
        columns=("class", "images", "share"),
        rows=tuple(
            (name, str(int((classes == label).sum())), share_text(together[1][label])) for label, name in legend.items()
        ),
    )
    return Chart(
        title=candidate.label,
        svg=scatter_chart(points, summary=f"{summary}. {agreement}", small=len(points) > MANY),
        legend=legend,
        note=agreement,
        table=table if legend else None,
        points=True,
    )


def neighbour_agreement(features: Tensor, classes: np.ndarray) -> tuple[float, dict[int, float]]:
    """Return the share of images whose nearest other image is of their own class: of all, and by class.

    Args:
        features: `[N, D]`.
        classes: int64 `[N]`.
    """
    directions = torch.nn.functional.normalize(features.double(), dim=1)
    similar = directions @ directions.T
    similar.fill_diagonal_(-2.0)
    agrees = classes[similar.argmax(dim=1).numpy()] == classes
    return float(agrees.mean()), {int(label): float(agrees[classes == label].mean()) for label in np.unique(classes)}


def _kept_projection(candidate: Candidate, images: RunImages, features: Tensor, how: Projection, seed: int) -> Tensor:
    """The projection, which is kept with the run's features, so that a second report is quick."""
    digest = hashlib.blake2b(features.numpy().tobytes(), digest_size=16).hexdigest()
    key = FeatureKey(encoder=digest, data=images.source.fingerprint, split="map", view=f"{how}, {seed}", precision="")
    cache = FeatureCache(candidate.folder / FEATURES)
    found = cache.find(key)
    if found is None:
        found = project(features, how, seed)
        cache.keep(key, found)
    return found
