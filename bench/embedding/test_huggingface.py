"""MoCo's two crops of a data set of Hugging Face: by its own transform in a DataLoader, and by our source and loader.

Covers: an epoch of 2560 grey PNG images of 28 px as it is consumed, from a `datasets.Dataset`, which decodes them when
they are asked for; its way is that of its documentation, `with_transform` with torchvision's views. Does not cover:
turning the data set into a source, which decodes once, streams, the network.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from bench.embedding.consumed import consumed
from bench.embedding.test_plain_loop import BATCH, IMAGES, SIZE, images
from bench.embedding.torchvision_views import augmentation, loader_of
from bench.harness import Amount, Comparison, NotInstalled, best_device, peer
from fastssl.backend import dataset_source
from fastssl.pipelines import Loader, TwoCrops


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


def ours(closing: ExitStack, device: str) -> Callable[[], None]:
    train = dataset_source(dataset()).splits["train"]
    loader = closing.enter_context(Loader(train.images, TwoCrops(SIZE, 1), batch_size=BATCH, device=device))
    return consumed(loader, device)


def theirs(device: str) -> Callable[[], None]:
    return consumed(loader_of(dataset().with_transform(TwoCropsOfRows()), BATCH), device)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.benchmark(min_rounds=3)
def test_two_crops_of_a_data_set_of_hugging_face(compare: Comparison, device: str) -> None:
    pytest.importorskip("datasets", reason="needs datasets: pip install datasets")
    with ExitStack() as closing:
        variants: dict[str, Callable[[], object] | NotInstalled] = {
            "fastssl source and loader": ours(closing, device),
            "with_transform and DataLoader": peer("torchvision", lambda: theirs(device)),
        }
        problem = f"two crops of a data set of Hugging Face, {SIZE} px, an epoch in batches of {BATCH}"
        compare(problem, variants, amount=Amount(IMAGES, "images"), device=best_device(), warm_up=1, wall=True)
