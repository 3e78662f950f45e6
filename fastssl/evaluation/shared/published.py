"""Published MedMNIST results, to compare ours with.

Covers: end-to-end trained ResNet-18 on MedMNIST v2's two-dimensional sets.
Does not cover: other networks or data sets.

Source: Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image classification",
Scientific Data 10, 41 (2023), Table 3 (mean of at least three runs). Rows of path, chest, pneumonia, retina and breast
were confirmed by independent replications; the others rest on one reprint of the table.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "published: ResNet-18 trained on the labels, MedMNIST v2 (Scientific Data 2023), Table 3"


@dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """What a ResNet-18 trained on the labels reached.

    Attributes:
        flag: MedMNIST's name of the data set.
        size: side in pixels.
        splits: images in train, val and test.
        auc: area under the ROC curve on the test split, 0 to 1.
        acc: accuracy there, 0 to 1.
    """

    flag: str
    size: int
    splits: tuple[int, int, int]
    auc: float
    acc: float


PUBLISHED = tuple(
    PublishedResult(flag=flag, size=size, splits=splits, auc=auc, acc=acc)
    for flag, size, splits, auc, acc in (
        ("pathmnist", 28, (89996, 10004, 7180), 0.983, 0.907),
        ("chestmnist", 28, (78468, 11219, 22433), 0.768, 0.947),
        ("dermamnist", 28, (7007, 1003, 2005), 0.917, 0.735),
        ("octmnist", 28, (97477, 10832, 1000), 0.943, 0.743),
        ("pneumoniamnist", 28, (4708, 524, 624), 0.944, 0.854),
        ("pneumoniamnist", 224, (4708, 524, 624), 0.956, 0.864),
        ("retinamnist", 28, (1080, 120, 400), 0.717, 0.524),
        ("breastmnist", 28, (546, 78, 156), 0.901, 0.863),
        ("bloodmnist", 28, (11959, 1712, 3421), 0.998, 0.958),
        ("tissuemnist", 28, (165466, 23640, 47280), 0.930, 0.676),
        ("organamnist", 28, (34561, 6491, 17778), 0.997, 0.935),
        ("organcmnist", 28, (12975, 2392, 8216), 0.992, 0.900),
        ("organsmnist", 28, (13932, 2452, 8827), 0.972, 0.782),
    )
)
"""All that is known here."""


def published_result(name: str, size: int, splits: tuple[int, int, int]) -> PublishedResult | None:
    """Return what is published of a data set; None where nothing is, or its splits are not the official ones.

    Args:
        name: of the data set: MedMNIST's flag, or flag_size.
        size: side in pixels that images are seen at.
        splits: images in train, val and test.
    """
    flag = name.lower().partition("_")[0]
    wanted = (flag, size, splits)
    return next((row for row in PUBLISHED if (row.flag, row.size, row.splits) == wanted), None)
