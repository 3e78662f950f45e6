"""`fastssl.preview`: that it shows what training sees, of runs and without them, and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

import fastssl
from fastssl.errors import ConfigError
from fastssl.pipelines import Jigsaw, Loader, TwoCrops
from fastssl.previews import preview as module
from fastssl.previews.cells import Row
from fastssl.previews.sheet import Sheet, draw
from fastssl.stages.entry import StageEntry
from fastssl.stages.moco.defaults import MoCoDefaults
from fastssl.stages.moco.settings import MoCoConfig, MoCoSettings
from fastssl.stages.registry import STAGES, config_class
from fastssl.stages.stage import Batch, Stage, StageOutput

RUN = {"encoder": "test_resnet", "batch_size": 16, "device": "cpu", "amp": False, "steps": 1, "seed": 5}

Preview = Callable[..., Sheet]


@pytest.fixture
def preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preview:
    """Calls `fastssl.preview` in an empty folder; returns the sheet that was drawn instead of where it lies."""
    drawn: list[Sheet] = []
    monkeypatch.setattr(module, "draw", lambda sheet: drawn.append(sheet) or draw(sheet))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(run: Path | None = None, **settings: object) -> Sheet:
        path = fastssl.preview(run, console=quiet(), device="cpu", amp=False, **settings)
        with Image.open(path) as image:
            image.verify()
        return drawn[-1]

    return call


@pytest.fixture
def colour_npz(tmp_path: Path) -> Path:
    """40 random colour images of 24 x 24 pixels in two classes."""
    rng = np.random.default_rng(0)
    path = tmp_path / "colour.npz"
    images = rng.integers(0, 256, (40, 24, 24, 3), dtype=np.uint8)
    np.savez(path, train_images=images, train_labels=np.arange(40) % 2)
    return path


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def stacked(row: Row) -> np.ndarray:
    """The pixels of a row: uint8 `[N, H, W, 3]`."""
    return np.stack([cell.pixels for cell in row.cells])


def assert_shown(row: Row, pictures: Tensor) -> None:
    """The row shows pictures in [-1, 1], `[B, C, S, S]`, to half a grey level and float32's rounding."""
    levels = (pictures.double().numpy().transpose(0, 2, 3, 1).clip(-1, 1) + 1) * 127.5
    assert np.abs(stacked(row) - levels).max() <= 0.501


def test_a_stage_is_shown_the_first_images_of_trainings_first_batch(preview: Preview, colour_npz: Path) -> None:
    sheet = preview(data=str(colour_npz), stage="moco", seed=7, epoch=2, images=4)
    stored = np.load(colour_npz)
    with Loader(stored["train_images"], TwoCrops(24, 3), batch_size=16, seed=7, prefetch=0) as loader:
        loader.set_epoch(2)
        batch = next(iter(loader))
    first = batch["index"][:4].numpy()
    (section,) = sheet.sections
    assert np.array_equal(stacked(sheet.original.rows[0]), stored["train_images"][first])
    assert [cell.caption for cell in sheet.original.rows[0].cells] == [str(i) for i in stored["train_labels"][first]]
    assert section.title == "MoCo"
    for row, name in zip(section.rows, ("query", "key"), strict=True):
        assert_shown(row, batch[name][:4])
    assert sheet.facts[0] == "colour: the first 4 images of epoch 2, seed 7"


def test_views_are_shown_by_name_in_the_order_given(preview: Preview, colour_npz: Path) -> None:
    sheet = preview(data=str(colour_npz), views=["jigsaw", "two_crops"])
    assert [section.title for section in sheet.sections] == ["Jigsaw", "Two crops"]
    with Loader(np.load(colour_npz)["train_images"], Jigsaw(24, 3), batch_size=6, prefetch=0) as loader:
        batch = next(iter(loader))
    shuffled = sheet.sections[0].rows[0]
    assert_shown(shuffled, batch["image"])
    assert [cell.caption for cell in shuffled.cells] == [f"order {order}" for order in batch["permutation"].tolist()]


def test_without_any_choice_every_view_that_suits_is_shown(preview: Preview, grey_npz: Path) -> None:
    titles = [section.title for section in preview(data=str(grey_npz)).sections]
    assert titles == [
        "Random crop",
        "Two crops",
        "Inpainting",
        "Jigsaw",
        "Bezier",
        "Block mask",
        "Stripe mask",
        "Ray mask",
        "TOWER",
        "Models Genesis",
    ]


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint16), (3, np.uint16), (4, np.uint8)])
def test_every_kind_of_image_can_be_shown(channels: int, dtype: type, preview: Preview, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (4, 20, 24, channels), dtype=dtype)
    np.savez(tmp_path / "odd.npz", train_images=images)
    sheet = preview(data=str(tmp_path / "odd.npz"))
    assert len(sheet.original.rows[0].cells) == 4
    assert ("shown as quarters" in sheet.facts[-1]) == (channels == 4)


def test_the_demo_set_is_shown_where_no_data_are_named(preview: Preview) -> None:
    sheet = preview(views="ray_mask", mask_ratio=0.25)
    assert sheet.facts[0].startswith("demo (synthetic): ")
    assert sheet.sections[0].rows[1].label == "mask, 25%"


class Inverter(Stage):
    """A stage whose pictures are its input times a learned number that starts at -1."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.factor = nn.Parameter(torch.tensor(-1.0))
        self.dropout = nn.Dropout(0.5)

    def loss(self, batch: Batch) -> StageOutput:
        return StageOutput((self.factor * batch["query"]).sum() * 0 + self.factor, {}, {})

    def visualize(self, batch: Batch) -> dict[str, Tensor]:
        return {"inverted": self.dropout(self.factor * batch["query"])}


class InverterConfig(MoCoConfig):
    """MoCo's settings."""

    stage: str = "inverter"  # type: ignore[assignment]


class InverterSettings(MoCoSettings):
    """The same, resolved."""

    stage: str = "inverter"  # type: ignore[assignment]


class InverterDefaults(MoCoDefaults):
    """MoCo's view around that stage."""

    def stage(self, settings: object, encoder: nn.Module, *others: object) -> Inverter:  # type: ignore[override]
        return Inverter(encoder)


STAGE = StageEntry(
    title="Inverter",
    config=InverterConfig,
    settings=InverterSettings,
    defaults=f"{__name__}:InverterDefaults",
    next_command="probe {run}",
)


@pytest.fixture
def inverter_run(tmp_path: Path, colour_npz: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of one step with a learning rate of 0.5, after which the number is -1.5."""
    monkeypatch.setitem(STAGES, "inverter", __name__)
    config_class.cache_clear()
    folder = tmp_path / "run"
    settings = {**RUN, "stage": "inverter", "lr": 0.5, "weight_decay": 0.0}
    fastssl.train(**settings, data=str(colour_npz), out=folder, console=quiet())
    return folder


def test_a_runs_checkpoint_is_shown_beside_what_it_was_given(preview: Preview, inverter_run: Path) -> None:
    sheet = preview(inverter_run, checkpoint=True, images=3)
    assert (inverter_run / "report" / "preview.png").is_file()
    (section,) = sheet.sections
    assert [row.label for row in section.rows] == ["query crop", "key crop", "inverted"]
    query, inverted = (stacked(section.rows[place]).astype(float) for place in (0, 2))
    expected = ((query / 127.5 - 1) * -1.5 + 1) * 127.5
    assert np.abs(inverted - expected.clip(0, 255)).max() <= 1.5  # a rounded level, times 1.5, rounded
    assert sheet.facts == [
        "colour: the first 3 images of epoch 0, seed 5",
        "stage inverter after 1 steps",
        "24 x 24 pixels, 3 channels",
    ]


def test_a_run_alone_is_shown_by_its_own_data_view_and_seed(preview: Preview, inverter_run: Path) -> None:
    own, same, other = (preview(inverter_run, **settings) for settings in ({}, {"seed": 5}, {"seed": 6}))
    assert own.title == "What run sees"
    rows = [stacked(sheet.sections[0].rows[0]) for sheet in (own, same, other)]
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_other_images_of_its_kind_can_be_shown_to_a_run(preview: Preview, inverter_run: Path, tmp_path: Path) -> None:
    images = np.full((2, 24, 24, 3), 200, np.uint8)
    np.savez(tmp_path / "other.npz", train_images=images)
    sheet = preview(inverter_run, checkpoint=True, data=str(tmp_path / "other.npz"))
    assert np.array_equal(stacked(sheet.original.rows[0]), images)
    assert sheet.facts[0].startswith("other: the first 2 images")


def test_a_stage_that_restores_nothing_says_so(preview: Preview, grey_npz: Path, tmp_path: Path) -> None:
    fastssl.train(**RUN, data=str(grey_npz), out=tmp_path / "run", console=quiet())
    with pytest.raises(ConfigError, match=r"^checkpoint: stage moco restores no images to look at"):
        preview(tmp_path / "run", checkpoint=True)
    assert not (tmp_path / "run" / "report").exists()
