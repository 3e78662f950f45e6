"""MONAI's data sets as a source, and our networks in its trainer, inferer and loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fastssl
from fastssl import backend
from fastssl.data.shards import write_shards
from fastssl.errors import ConfigError, DataError
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder

monai = pytest.importorskip("monai", reason="MONAI is not installed (pip install 'fastssl-engine[adapters]')")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SCANS = np.random.default_rng(0).uniform(-1000, 1000, (6, 1, 24, 24)).astype(np.float32)
ITEMS = [{"image": scan, "label": number % 2} for number, scan in enumerate(SCANS)]


def scaled(**changes: Any) -> Any:
    from monai.transforms import Compose, ScaleIntensityRanged

    limits = {"a_min": -1000, "a_max": 1000, "b_min": 0.0, "b_max": 1.0, "clip": True, **changes}
    return Compose([ScaleIntensityRanged("image", **limits)])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    spec = EncoderSpec(name="test_resnet", in_channels=1, size=32, mean=0.25, std=0.125)
    save_encoder(tmp_path / "encoder.safetensors", create_encoder("test_resnet", 1, 32, seed=0), spec)
    return tmp_path


@pytest.mark.parametrize("kind", ["Dataset", "CacheDataset", "list"])
def test_intensities_become_the_levels_of_the_stated_range(kind: str) -> None:
    if kind == "list":
        samples = backend.MonaiSamples(data=ITEMS, transform=scaled(), label="label")
    else:
        options = {"progress": False} if kind == "CacheDataset" else {}
        samples = backend.MonaiSamples(data=getattr(monai.data, kind)(ITEMS, scaled(), **options), label="label")
    source = backend.monai_source(samples, value_range="0,1")
    images = source.splits["train"].images
    assert images.dtype == np.uint16
    assert images.shape == (6, 24, 24, 1)
    expected = (SCANS[:, 0, :, :, None].astype(np.float64) + 1000) / 2000 * 65535
    assert np.abs(images.astype(np.float64) - expected).max() < 0.51
    np.testing.assert_array_equal(source.splits["train"].labels, [0, 1, 0, 1, 0, 1])
    assert source.value_range == "0,1"


def test_a_metatensor_keeps_rows_and_columns_apart() -> None:
    from monai.transforms import Compose, Resized, ToMetaTensord

    ramp = np.arange(16, dtype=np.float32).reshape(1, 16, 1).repeat(16, axis=2)  # grows downwards
    transform = Compose([ToMetaTensord("image"), Resized("image", spatial_size=(8, 8), mode="area")])
    source = backend.monai_source(backend.MonaiSamples(data=[{"image": ramp}], transform=transform), value_range="0,15")
    rows = source.splits["train"].images[0, :, :, 0].astype(float)
    np.testing.assert_allclose(rows, np.broadcast_to((np.arange(8) * 2 + 0.5)[:, None] / 15 * 65535, (8, 8)), atol=1)


def test_several_crops_of_an_item_are_several_images() -> None:
    from monai.transforms import RandSpatialCropSamplesd

    crops = RandSpatialCropSamplesd("image", roi_size=(8, 8), num_samples=3, random_size=False)
    source = backend.monai_source(backend.MonaiSamples(data=ITEMS, transform=crops), value_range="-1000,1000")
    assert source.splits["train"].images.shape == (18, 8, 8, 1)


def test_uint8_images_stay_as_they_are_and_splits_keep_their_names() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16), dtype=np.uint8)
    parts = {
        split: backend.MonaiSamples(data=[{"image": torch.from_numpy(image)} for image in images])
        for split, images in (("train", colour[:3]), ("test", colour[3:]))
    }
    source = backend.monai_source(parts)
    np.testing.assert_array_equal(source.splits["train"].images, colour[:3].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(source.splits["test"].images, colour[3:].transpose(0, 2, 3, 1))


def test_shards_are_written_without_holding_the_images(tmp_path: Path) -> None:
    samples = backend.MonaiSamples(data=monai.data.Dataset(ITEMS, scaled()), label="label")
    stored = fastssl.open_source(write_shards(tmp_path / "shards", samples, value_range="0,1")).splits["train"]
    in_memory = backend.monai_source(samples, value_range="0,1").splits["train"]
    np.testing.assert_array_equal(stored.images[:], in_memory.images)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ([{"image": np.zeros((1, 8, 8, 4), np.float32)}], r"item 0 is a volume of shape \[1, 8, 8, 4\]; cut it into"),
        ([{"image": np.zeros((8, 8), np.float32)}], r"item 0 has shape \[8, 8\]; give \[C, H, W\]"),
        ([{"image": np.zeros((8, 8, 1), np.float32)}], r"item 0 has shape \[8, 8, 1\]; give .*EnsureChannelFirstd"),
        ([{"image": "scan.nii"}], r"item 0 holds 'scan.nii', no image; load it by a transform such as LoadImaged"),
        ([{"scan": 0}], r"item 0 has no 'image'; it has scan"),
        ([np.zeros((1, 8, 8))], r"item 0 is a ndarray; give dictionaries"),
        (7, r"data is a int; give a data set of MONAI"),
        ([{"image": np.full((1, 8, 8), np.nan, np.float32)}], r"train: image 0 holds values that are no numbers"),
        (
            [{"image": np.zeros((1, side, side), np.float32)} for side in (8, 9)],
            r"train: image 1 is float32 \[9, 9, 1\], and the first image float32 \[8, 8, 1\]",
        ),
        ([], r"train: there is no image to write"),
    ],
)
def test_what_cannot_be_used_is_one_line(data: Any, line: str) -> None:
    with pytest.raises(DataError, match=line) as caught:
        backend.monai_source(backend.MonaiSamples(data=data), value_range="0,1")
    assert "\n" not in str(caught.value)


def test_floats_without_a_range_are_refused() -> None:
    with pytest.raises(DataError, match="images of float32 need value_range"):
        backend.monai_source(backend.MonaiSamples(data=ITEMS))


def test_the_networks_normalise_as_the_encoder_was_trained(run: Path) -> None:
    encoder, _ = fastssl.load_encoder(run)
    images = torch.rand(3, 1, 32, 32)
    classifier = backend.monai_classifier(run, 5).eval()
    with torch.no_grad():
        features = encoder((images - 0.25) / 0.125)
        torch.testing.assert_close(classifier(images), classifier.get_submodule("head")(features))
        torch.testing.assert_close(classifier(monai.data.MetaTensor(images)), classifier(images))
    assert classifier(images).shape == (3, 5)


def test_an_encoder_learns_in_monais_supervised_trainer(run: Path) -> None:
    """Bright images against dark ones: the loss falls, and the encoder's weights move."""
    engines = pytest.importorskip("monai.engines")
    pytest.importorskip("ignite", reason="pytorch-ignite is not installed (pip install 'fastssl-engine[adapters]')")
    torch.manual_seed(0)
    items = [{"image": torch.rand(1, 32, 32) / 4 + 0.7 * (i % 2), "label": i % 2} for i in range(16)]
    network = backend.monai_classifier(run, 2)
    before = {name: value.clone() for name, value in network.get_submodule("encoder").named_parameters()}
    losses: list[float] = []
    loss = torch.nn.CrossEntropyLoss()

    def noted(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        value = loss(logits, labels)
        losses.append(value.item())
        return value

    engines.SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=8,
        train_data_loader=monai.data.DataLoader(monai.data.Dataset(items), batch_size=8, shuffle=True),
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=3e-3),
        loss_function=noted,
    ).run()
    assert len(losses) == 16
    assert np.mean(losses[-4:]) < 0.5 * np.mean(losses[:4])
    assert any(not torch.equal(value, before[name]) for name, value in network.encoder.named_parameters())


def test_a_unet_segments_under_monais_dice_loss_and_sliding_window(run: Path) -> None:
    """It learns where it is bright; windows over a larger image, averaged, are what MONAI computes of any network."""
    torch.manual_seed(0)
    images = torch.nn.functional.interpolate((torch.rand(8, 1, 4, 4) > 0.5).float(), scale_factor=8.0)
    network = backend.monai_unet(run, 1)
    loss = monai.losses.DiceLoss(sigmoid=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    values = []
    for _ in range(25):
        optimizer.zero_grad()
        value = loss(network(images), images)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.6 * values[0]
    network.eval()
    large = torch.rand(1, 1, 64, 96)
    inferer: Callable[..., torch.Tensor] = monai.inferers.SlidingWindowInferer(roi_size=(32, 32), overlap=0.0)
    with torch.no_grad():
        whole = inferer(large, network)
        corner = network(large[..., 32:, 64:])
    assert whole.shape == (1, 1, 64, 96)
    torch.testing.assert_close(whole[..., 32:, 64:], corner, rtol=1e-4, atol=1e-4)


def test_a_transformer_has_no_unet(tmp_path: Path) -> None:
    spec = EncoderSpec(name="test_vit", in_channels=1, size=32)
    save_encoder(tmp_path / "encoder.safetensors", create_encoder("test_vit", 1, 32, seed=0), spec)
    with pytest.raises(ConfigError, match="no feature pyramid"):
        backend.monai_unet(tmp_path, 1)
