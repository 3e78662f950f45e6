"""`fastssl.preview`: it shows the pixels that training gets, of runs and without them; what it refuses."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import fastssl
from fastssl.config import PreviewConfig, coerce_config
from fastssl.data import open_source
from fastssl.errors import ConfigError
from fastssl.pipelines import Jigsaw, Loader, TwoCrops
from fastssl.previews.preview import make_sheet
from fastssl.previews.sheet import CellRow, Sheet
from fastssl.previews.sheet_drawing import draw
from fastssl.runtime import resolve_runtime
from fastssl.stages.entry import StageEntry
from fastssl.stages.moco.defaults import MoCoDefaults
from fastssl.stages.moco.settings import MoCoConfig, MoCoSettings
from fastssl.stages.registry import STAGES, config_class, stage_entry, train_config
from fastssl.stages.stage import Batch, Stage, StageOutput
from fastssl.training.build import build_run

RUN = {"encoder": "test_resnet", "batch_size": 16, "device": "cpu", "amp": False, "steps": 1, "seed": 5}


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


def stacked(row: CellRow) -> np.ndarray:
    """The pixels of a row: uint8 `[N, H, W, 3]`."""
    return np.stack([cell.pixels for cell in row.cells])


def sheet_of(run: Path | None = None, **settings: object) -> Sheet:
    """The sheet that `fastssl.preview` draws with such settings."""
    config = coerce_config(PreviewConfig, None, {"device": "cpu", "amp": False, **settings})
    return make_sheet(run, config, lambda line: None)


def written(run: Path | None = None, **settings: object) -> Path:
    """The PNG that `fastssl.preview` writes."""
    return fastssl.preview(run, console=quiet(), device="cpu", amp=False, **settings)


def assert_shown(row: CellRow, images: Tensor) -> None:
    """The row shows images in [-1, 1], `[B, C, S, S]`, to half a grey level and float32's rounding."""
    levels = (images.double().numpy().transpose(0, 2, 3, 1).clip(-1, 1) + 1) * 127.5
    assert np.abs(stacked(row) - levels).max() <= 0.501


def test_a_stage_is_shown_the_first_images_of_trainings_first_batch(colour_npz: Path) -> None:
    sheet = sheet_of(data=str(colour_npz), stage="moco", seed=7, epoch=2, images=4)
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


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_every_stage_is_shown_what_its_training_loads(stage: str, colour_npz: Path) -> None:
    sheet = sheet_of(stage=stage, data=str(colour_npz), seed=4, images=3)
    asked = {"stage": stage, "encoder": "test_resnet", "batch_size": 16, "seed": 4}
    run = build_run(train_config(asked), open_source(colour_npz), resolve_runtime("cpu", False, False))
    with run.loader() as loader:
        batch = next(iter(loader))
    assert sheet.title == f"Views of stage {stage}"
    assert np.array_equal(stacked(sheet.original.rows[0]), np.load(colour_npz)["train_images"][batch["index"][:3]])
    rows = {(section.title.lower(), row.label): row for section in sheet.sections for row in section.rows if row.images}
    loaded = {name: images[:3] for name, images in batch.items() if images.ndim == 4 and images.dtype.is_floating_point}
    assert loaded
    for name, images in loaded.items():
        task, _, own = name.rpartition("/")
        label = {"image": "input", "query": "query crop", "key": "key crop"}.get(own, own)
        section = task or stage_entry(stage).title.lower()
        if (section, label) not in rows:  # a target that is the original
            assert_shown(sheet.original.rows[0], images)
        else:
            assert_shown(rows[section, label], images)


def test_views_are_shown_by_name_in_the_order_given(colour_npz: Path) -> None:
    sheet = sheet_of(data=str(colour_npz), views=["jigsaw", "two_crops"])
    assert [section.title for section in sheet.sections] == ["Jigsaw", "Two crops"]
    with Loader(np.load(colour_npz)["train_images"], Jigsaw(24, 3), batch_size=6, prefetch=0) as loader:
        batch = next(iter(loader))
    shuffled = sheet.sections[0].rows[0]
    assert_shown(shuffled, batch["image"])
    assert [cell.caption for cell in shuffled.cells] == [f"order {order}" for order in batch["permutation"].tolist()]


def test_without_any_choice_every_view_that_suits_is_shown(grey_npz: Path) -> None:
    titles = [section.title for section in sheet_of(data=str(grey_npz)).sections]
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
def test_every_kind_of_image_can_be_shown(channels: int, dtype: type, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (4, 20, 24, channels), dtype=dtype)
    np.savez(tmp_path / "odd.npz", train_images=images)
    sheet = sheet_of(data=str(tmp_path / "odd.npz"))
    assert len(sheet.original.rows[0].cells) == 4
    assert ("shown as quarters" in sheet.facts[-1]) == (channels == 4)
    assert draw(sheet)


def test_the_demo_set_is_shown_where_no_data_are_named() -> None:
    sheet = sheet_of(views="ray_mask", mask_ratio=0.25)
    assert sheet.facts[0].startswith("demo (synthetic): ")
    assert sheet.sections[0].rows[1].label == "mask, 25%"


class Inverter(Stage):
    """A stage whose outputs are its input times a learned number that starts at -1."""

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


def test_the_png_is_the_drawn_sheet(colour_npz: Path, tmp_path: Path) -> None:
    settings = {"data": str(colour_npz), "views": ["jigsaw", "tower"], "epoch": 1}
    path = written(**settings, out=tmp_path / "some.png")
    assert path == tmp_path / "some.png"
    assert path.read_bytes() == draw(sheet_of(**settings))


def test_the_png_of_a_run_goes_into_its_report(inverter_run: Path) -> None:
    path = written(inverter_run, checkpoint=True)
    assert path == inverter_run / "report" / "preview.png"
    assert path.read_bytes() == draw(sheet_of(inverter_run, checkpoint=True))


def test_the_outputs_of_a_runs_checkpoint_are_shown_below_its_views(inverter_run: Path) -> None:
    sheet = sheet_of(inverter_run, checkpoint=True, images=3)
    assert sheet.title == "Outputs of run"
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


def test_a_run_alone_is_shown_by_its_own_data_view_and_seed(inverter_run: Path) -> None:
    own, same, other = (sheet_of(inverter_run, **settings) for settings in ({}, {"seed": 5}, {"seed": 6}))
    assert own.title == "Views of run"
    rows = [stacked(sheet.sections[0].rows[0]) for sheet in (own, same, other)]
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_other_images_of_its_kind_can_be_shown_to_a_run(inverter_run: Path, tmp_path: Path) -> None:
    images = np.full((2, 24, 24, 3), 200, np.uint8)
    np.savez(tmp_path / "other.npz", train_images=images)
    sheet = sheet_of(inverter_run, checkpoint=True, data=str(tmp_path / "other.npz"))
    assert np.array_equal(stacked(sheet.original.rows[0]), images)
    assert sheet.facts[0].startswith("other: the first 2 images")


def test_a_stage_that_restores_nothing_says_so(grey_npz: Path, tmp_path: Path) -> None:
    fastssl.train(**RUN, data=str(grey_npz), out=tmp_path / "run", console=quiet())
    with pytest.raises(ConfigError, match=r"^checkpoint: stage moco restores no images to look at"):
        written(tmp_path / "run", checkpoint=True)
    assert not (tmp_path / "run" / "report").exists()


def test_what_was_read_is_said_unless_quiet_is_asked_for(colour_npz: Path, tmp_path: Path) -> None:
    shown = []
    for settings in ({}, {"quiet": True}):
        console = quiet()
        fastssl.preview(console=console, data=str(colour_npz), views=("plain",), out=tmp_path / "a.png", **settings)
        shown.append(console.file.getvalue().splitlines())
    assert shown[0][:5] == [
        f"data        colour, {colour_npz}",
        "images      train 40",
        "shape       24x24, 3 channels, 8 bit",
        "values      0 to 255",
        "classes     2: 0 20, 1 20 (train)",
    ]
    assert shown[1] == shown[0][5:]


@pytest.mark.parametrize(("settings", "value_range"), [({}, "0,1023"), ({"value_range": "auto"}, "0,511")])
def test_a_run_is_shown_images_by_its_own_range(tmp_path: Path, settings: dict[str, str], value_range: str) -> None:
    ten = np.random.default_rng(0).integers(0, 1024, (20, 16, 16)).astype(np.uint16)
    np.savez(tmp_path / "ten.npz", train_images=ten)
    np.savez(tmp_path / "nine.npz", train_images=ten // 2)
    given = RUN | {"batch_size": 4}
    fastssl.train(**given, data=str(tmp_path / "ten.npz"), out=tmp_path / "run", console=quiet())
    config = coerce_config(PreviewConfig, None, {"data": str(tmp_path / "nine.npz"), "device": "cpu", **settings})
    told: list[str] = []
    make_sheet(tmp_path / "run", config, told.append)
    assert f"values      {value_range.replace(',', ' to ')}, " in "\n".join(told)
