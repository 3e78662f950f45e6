"""Nearest neighbours: some test images, and the training images whose features are most similar.

Covers: choosing queries and drawing their neighbours, marked as right or wrong. Does not cover: finding them
(`fastssl.embeddings.nearest`), classifying by them (`fastssl.embeddings.knn`).
"""

from __future__ import annotations

import numpy as np
import torch

from fastssl.embeddings.nearest import nearest
from fastssl.evaluation.shared.candidates import Candidate

from ..blocks import Gallery, GalleryGrid, Lines, ReportSection, Thumbnail, ThumbnailRow
from ..run_images import RunImages, class_indices, part_images
from ..thumbnails import as_rgb, thumbnail_uri

NEIGHBOURS = 5
MOST_QUERIES = 8
FROM_UNLABELLED = 6
SEED = 0


def neighbours_section(images: RunImages) -> ReportSection:
    """Make the section.

    Args:
        images: of the report.

    Raises:
        CheckpointError: features are not finite.
    """
    queries = choose_queries(images)
    galleries = tuple(_gallery(candidate, images, queries) for candidate in images.candidates)
    where = "test images" if len(images.parts.test) else "images"
    return ReportSection(
        anchor="neighbours",
        title="Nearest neighbours",
        lead=f"Some {where}, drawn by chance, and the {NEIGHBOURS} training images with the most similar features.",
        blocks=(GalleryGrid(galleries=galleries), Lines(lines=("Similarity: cosine of the features.",))),
    )


def choose_queries(images: RunImages) -> np.ndarray:
    """Choose images to look from, as many of each class as there is room for: int64, places in their part.

    Args:
        images: of the report.
    """
    part = images.parts.test if len(images.parts.test) else images.parts.train
    rng, classes = np.random.default_rng(SEED), class_indices(part)
    present = np.unique(classes)
    each = max(1, MOST_QUERIES // len(present)) if images.labelled else FROM_UNLABELLED
    chosen = [rng.permutation(np.flatnonzero(classes == label))[:each] for label in present[:MOST_QUERIES]]
    return np.concatenate(chosen)


def _gallery(candidate: Candidate, images: RunImages, queries: np.ndarray) -> Gallery:
    train_part, tested = images.parts.train, len(images.parts.test) > 0
    query_part = images.parts.test if tested else train_part
    train = images.extraction.of_part(candidate, train_part)
    query = images.extraction.of_part(candidate, query_part)[torch.from_numpy(queries)]
    without = None if tested else [np.array([own]) for own in queries]
    neighbours = nearest(train, query, NEIGHBOURS, without)
    train_classes, query_classes = class_indices(train_part), class_indices(query_part)
    shown = as_rgb(part_images(images.source, query_part, queries))
    rows, right = [], 0
    for pixels, row, found in zip(shown, queries, neighbours, strict=True):
        label = int(query_classes[row])
        name = images.class_name(label)
        alt = ", ".join(filter(None, (name, f"{query_part.split} image {query_part.rows[row]}")))
        thumbnails = [Thumbnail(uri=thumbnail_uri(pixels), alt=f"query: {alt}", caption=name or "query")]
        near = as_rgb(part_images(images.source, train_part, found.places.numpy()))
        for image, place, similarity in zip(near, found.places.numpy(), found.similarities, strict=True):
            same = int(train_classes[place]) == label
            right += same
            thumbnails.append(
                Thumbnail(
                    uri=thumbnail_uri(image),
                    alt=f"training image {train_part.rows[place]}",
                    caption=_caption(images, int(train_classes[place]), float(similarity), same),
                    tone=("good" if same else "bad") if images.labelled else "",
                )
            )
        rows.append(ThumbnailRow(label="", images=tuple(thumbnails)))
    note = (
        f"{right} of {sum(len(found.places) for found in neighbours)} neighbours shown are of the query's class."
        if images.labelled
        else ""
    )
    return Gallery(title=candidate.label, rows=tuple(rows), note=note)


def _caption(images: RunImages, label: int, similarity: float, same: bool) -> str:
    if not images.labelled:
        return f"{similarity:.2f}"
    return f"{'✓' if same else '✗'} {images.class_name(label)} {similarity:.2f}"
