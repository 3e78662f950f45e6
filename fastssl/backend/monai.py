"""MONAI: its dictionary data sets and transforms as a source of images, trained encoders and U-Nets as its networks.

Covers: items that hold an image with channels first, two-dimensional, of any data set or of a list with a transform; a
classifier and a segmentation network that take images as MONAI scales them, from 0 to 1. Does not cover: volumes, which
a transform must cut into slices, and MONAI's own views during pre-training: the view of a stage augments.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fastssl.backend.samples import source_in_memory
from fastssl.data import Source
from fastssl.data.shards import write_shards
from fastssl.errors import DataError
from fastssl.models.encoder import EncoderSpec, feature_dim
from fastssl.models.encoder_file import load_encoder
from fastssl.models.unet import create_unet

Items = Any
"""A data set of MONAI or torch with dictionaries as items, or an iterable of them."""


@dataclass(frozen=True, kw_only=True)
class MonaiSamples:
    """The images of a data set of MONAI, one after the other, as `write_shards` and `monai_source` take them.

    Every iteration computes the items anew, random transforms included.

    Args:
        data: a data set (`Dataset`, `CacheDataset`, `PersistentDataset`, ...) or any iterable whose items are
            dictionaries, or lists of them as some crops yield.
        transform: applied to each item, such as `monai.transforms.Compose([...])`; None: the items are as wanted.
        image: key of the image, `[C, H, W]` with 1, 3 or 4 channels: a NumPy array, a tensor or a MetaTensor.
        label: key of the label: a whole number, or a row of 0 and 1; None: no labels.
    """

    data: Items
    transform: Callable[[Any], Any] | None = None
    image: Hashable = "image"
    label: Hashable | None = None

    def __iter__(self) -> Iterator[Any]:
        """Yield `[H, W, C]` arrays, or (image, label) pairs.

        Raises:
            DataError: an item is no dictionary, lacks a key, or holds a volume or other shape.
        """
        for number, item in enumerate(_items(self.data)):
            changed = item if self.transform is None else self.transform(item)
            for part in changed if isinstance(changed, list) else [changed]:
                pixels = _channels_last(_value(part, self.image, number), number)
                if self.label is None:
                    yield pixels
                else:
                    yield pixels, _plain(_value(part, self.label, number))


def monai_source(
    samples: MonaiSamples | Mapping[str, MonaiSamples],
    *,
    value_range: str | None = None,
    size: int | None = None,
    class_names: tuple[str, ...] = (),
    modality: str = "unknown",
) -> Source:
    """Read data sets of MONAI into memory, as `open_run` takes them.

    For more images than memory holds: `fastssl.data.shards.write_shards(FOLDER, samples, value_range=...)`.

    Args:
        samples: of the split "train", or by split ("train", "val", "test").
        value_range: the values that become black and white, "LOW,HIGH": "0,1" after `ScaleIntensityd`. What is
            outside is clipped. None: uint8 images as they are; for all other types it must be given.
        size: side of the square that each image is resized to, in pixels; None: they are squares of one size already.
        class_names: by class index; empty: the values of the labels are the classes.
        modality: of the images, such as "chest X-ray".

    Returns:
        The source: images `[N, S, S, C]`, uint8 of uint8 images and uint16 of others, labels where there are any.

    Raises:
        DataError: an image or a label cannot be used; the text says which.
    """

    def write(folder: Path) -> None:
        write_shards(folder, samples, size=size, value_range=value_range, class_names=class_names, modality=modality)

    return source_in_memory(write, "MONAI")


def monai_classifier(run: str | os.PathLike[str], classes: int) -> nn.Module:
    """Put a new linear head on a trained encoder, as a network for MONAI's engines and losses.

    Args:
        run: a run folder, or its `encoder.safetensors`.
        classes: length of the output.

    Returns:
        A network that maps images `[B, C, S, S]`, scaled to 0 (black) to 1 (white) by the run's value range, to
        logits `[B, classes]`; the encoder is its `encoder`, the head its `head`, and all of it trains.

    Raises:
        CheckpointError: the encoder cannot be read.
    """
    encoder, spec = load_encoder(Path(run))
    head = nn.Linear(feature_dim(encoder, spec.in_channels, spec.size), classes)
    network = nn.Sequential()
    network.add_module("normalize", ChannelNorm(spec))
    network.add_module("encoder", encoder)
    network.add_module("head", head)
    return network.train()


def monai_unet(run: str | os.PathLike[str], outputs: int) -> nn.Module:
    """Make a U-Net of a trained encoder and a new decoder, as a network for MONAI's engines, inferers and losses.

    Args:
        run: a run folder, or its `encoder.safetensors`.
        outputs: channels of the output.

    Returns:
        A network that maps images `[B, C, H, W]`, scaled to 0 (black) to 1 (white) by the run's value range, of any
        height and width that the encoder takes, to logits `[B, outputs, H, W]`; the U-Net is its `unet`.

    Raises:
        CheckpointError: the encoder cannot be read.
        ConfigError: it has no feature pyramid.
    """
    encoder, spec = load_encoder(Path(run))
    network = nn.Sequential()
    network.add_module("normalize", ChannelNorm(spec))
    network.add_module("unet", create_unet(encoder, spec.in_channels, spec.size, outputs))
    return network.train()


class ChannelNorm(nn.Module):
    """Normalise images from 0 to 1 as an encoder was trained: (image - mean) / std of each channel.

    Args:
        spec: of the encoder.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(spec.channel_mean).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.channel_std).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise.

        Args:
            images: `[B, C, H, W]`; the metadata of a MetaTensor is dropped, which no layer of the encoder needs.

        Returns:
            The same shape.
        """
        plain = images.as_tensor() if hasattr(images, "as_tensor") else images
        return (plain - self.mean) / self.std


def _items(data: Items) -> Iterator[Any]:
    """A data set of torch may raise no IndexError at its end, so it is asked for its length."""
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, Mapping):
        return (data[index] for index in range(len(data)))
    try:
        return iter(data)
    except TypeError:
        raise DataError(
            f"data is a {type(data).__name__}; give a data set of MONAI or a list of dictionaries"
        ) from None


def _value(item: Any, key: Hashable, number: int) -> Any:
    if not isinstance(item, Mapping):
        raise DataError(f"item {number} is a {type(item).__name__}; give dictionaries, as MONAI's transforms take them")
    if key not in item:
        raise DataError(f"item {number} has no {key!r}; it has {', '.join(map(str, item))}")
    return _plain(item[key])


def _plain(value: Any) -> Any:
    """A tensor, also on a GPU or with a gradient, as an array; a single number as a number."""
    plain = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    return plain.item() if isinstance(plain, (np.ndarray, np.generic)) and plain.ndim == 0 else plain


def _channels_last(pixels: Any, number: int) -> np.ndarray:
    if not isinstance(pixels, np.ndarray):
        what = repr(pixels) if isinstance(pixels, str) else f"a {type(pixels).__name__}"
        raise DataError(f"item {number} holds {what}, no image; load it by a transform such as LoadImaged")
    shape = list(pixels.shape)
    if pixels.ndim == 4:
        raise DataError(f"item {number} is a volume of shape {shape}; cut it into slices [C, H, W], one for each item")
    if pixels.ndim != 3 or shape[0] not in (1, 3, 4):
        remedy = "EnsureChannelFirstd puts channels first"
        raise DataError(f"item {number} has shape {shape}; give [C, H, W] with C 1, 3 or 4 ({remedy})")
    return np.moveaxis(pixels, 0, -1)
