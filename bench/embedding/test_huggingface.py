"""MoCo's two crops of a data set of Hugging Face: by its own transform in a DataLoader, and by our source and loader.

Covers: an epoch of 2560 grey PNG images of 28 px as it is consumed, from a `datasets.Dataset`, which decodes them when
they are asked for; its way is that of its documentation, `with_transform` with torchvision's views. Does not cover:
turning the data set into a source, which decodes once, streams, the network.
"""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from bench.embedding.test_plain_loop import BATCH, SIZE, images
from bench.embedding.torchvision_views import augmentation, loader_of
from bench.embedding.two_crops import compare_two_crops
from bench.harness import Comparison
from fastssl.backend import dataset_source


class TwoCropsOfRows:
    """What `with_transform` takes: rows of the data set to rows of tensors."""

    def __init__(self) -> None:
        self.augment = augmentation(SIZE)

    def __call__(self, rows: dict[str, list[Any]]) -> dict[str, list[Tensor]]:
        from torchvision.transforms.v2.functional import pil_to_tensor

        pictures = [pil_to_tensor(picture) for picture in rows["image"]]
        return {name: [self.augment(picture) for picture in pictures] for name in ("query", "key")}


def dataset() -> Any:
    import datasets

    features = datasets.Features({"image": datasets.Image()})
    return datasets.Dataset.from_dict({"image": [Image.fromarray(one[..., 0]) for one in images()]}, features=features)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.benchmark(min_rounds=3)
def test_two_crops_of_a_data_set_of_hugging_face(compare: Comparison, device: str) -> None:
    pytest.importorskip("datasets", reason="needs datasets: pip install datasets")
    data = dataset()
    compare_two_crops(
        compare,
        device,
        whose="data set of Hugging Face",
        source=dataset_source(data),
        way="with_transform and DataLoader",
        package="torchvision",
        theirs=lambda: loader_of(data.with_transform(TwoCropsOfRows()), BATCH),
    )
