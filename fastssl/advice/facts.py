"""What rules are applied to: the facts about data, a task and a machine.

Covers: the record, and what each fact is. Does not cover: finding them (`look.py`), rules (`rules.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Task = Literal["classification", "segmentation", "detection", "mixed"]
"""What an encoder is trained for; mixed: classification and a dense task."""


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """Facts about data, a task and a machine; None: not known.

    Attributes:
        task: that the encoder is for.
        images: images that pre-training would see, all of the training split.
        size: side of the images in pixels, as training would see them.
        channels: of an image.
        bits: of a value in the files.
        modality: in words, such as "chest X-ray"; "unknown".
        labels: labelled training images, or masks; what the user says that there will be.
        labels_per_class: labelled training images of the smallest class.
        label_share: labels / images.
        classes: number of classes, or labels of multi-label data.
        imbalance: images of the largest class / images of the smallest.
        duplicates: training images whose pixels are those of another one.
        redundancy: share of the training images that are equal or near copies of another one, 0 to 1.
        leaks: images of other splits that are equal or near copies of a training image.
        patients: whose all images are.
        budget: minutes that everything may take.
        gpu: a GPU is in use.
        imagenet: ImageNet weights of EfficientNet-Lite0 are at hand.
    """

    task: Task
    images: int
    size: int
    channels: int
    bits: int = 8
    modality: str = "unknown"
    labels: int | None = None
    labels_per_class: int | None = None
    label_share: float | None = None
    classes: int | None = None
    imbalance: float | None = None
    duplicates: int = 0
    redundancy: float = 0.0
    leaks: int = 0
    patients: int | None = None
    budget: float | None = None
    gpu: bool = False
    imagenet: bool = False

    def known(self) -> dict[str, Any]:
        """Return the facts that are known, by name."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "unknown")}
