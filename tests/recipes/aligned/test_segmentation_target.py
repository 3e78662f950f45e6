"""The recipe on images with masks: patches of the training images, Dice on frozen encoders, the U-Net at the end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastssl.config import SegmentConfig, build
from fastssl.data import open_source
from fastssl.errors import DataError
from fastssl.evaluation.segment.data import Sample, SegmentationData, open_segmentation_data
from fastssl.recipes.aligned.patches import patches_of, write_patches

from .conftest import Run, save_bars

SHORT = {"data": "demo", "candidates": "moco,random", "proxy_steps": 2, "patch": 16, "draws": 2}


def data_of(*samples: Sample) -> SegmentationData:
    return SegmentationData(name="pictures", splits={"train": samples, "val": samples[:1], "test": ()}, channels=1)


def sample(height: int, width: int, inside: np.ndarray | None = None) -> Sample:
    image = np.arange(height * width).reshape(height, width, 1) % 251
    return Sample.unresized(name="a", image=image.astype(np.uint8), mask=np.ones((height, width), bool), inside=inside)


def test_patches_begin_every_half_side_and_at_the_far_edges() -> None:
    one = sample(40, 32)
    found = patches_of(data_of(one), (16, 16), Path("patches.npz")).splits["train"].images
    expected = [one.image[top : top + 16, left : left + 16] for top in (0, 8, 16, 24) for left in (0, 8, 16)]
    assert (found == np.stack(expected)).all()


def test_patches_outside_the_field_of_view_and_of_one_value_are_left_out() -> None:
    inside = np.zeros((32, 16), bool)
    inside[:16] = True
    assert len(patches_of(data_of(sample(32, 16, inside)), (16, 16), Path("p.npz")).splits["train"].images) == 2
    black = Sample.unresized(name="b", image=np.zeros((16, 16, 1), np.uint8), mask=np.ones((16, 16), bool))
    with pytest.raises(DataError, match="hold no patch of 16 px"):
        patches_of(data_of(black), (16, 16), Path("p.npz"))


def test_whole_images_give_the_largest_square_that_all_hold() -> None:
    images = patches_of(data_of(sample(20, 24), sample(30, 22)), (32, 32), Path("p.npz")).splits["train"].images
    assert images.shape[1:] == (20, 20, 1)


def test_the_file_of_patches_is_the_source_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "patches.npz"
    source = patches_of(data_of(sample(40, 40)), (16, 16), path)
    write_patches(source, path)
    again = open_source(path, value_range="full")
    assert again.image_fingerprint == source.image_fingerprint
    assert source.report.path == str(path)


def test_methods_are_scored_on_validation_and_fine_tuned_on_request(
    tmp_path: Path, masked: tuple[Path, Path], run: Run
) -> None:
    images, masks = masked
    result, text = run(tmp_path / "run", images=images, masks=masks, **SHORT)
    assert (result.task, result.metric, result.finished) == ("segmentation", "Dice", True)
    training = open_segmentation_data(build(SegmentConfig, {"images": images, "masks": masks})).splits["train"]
    counted = json.loads((tmp_path / "run/moco/data.json").read_text())["counts"]["train"]
    assert counted == 9 * len(training)
    assert all(len(row.proxy_by_draw) == 2 for row in result.rows)
    assert "moco, decoder 0: validation Dice" in text
    assert "note: a lead over random alone is weak evidence" in text
    given = {"resume": True, "finetune": "all", "finetune_epochs": 1, "finetune_trials": 2}
    result, text = run(tmp_path / "run", **given)
    assert "4 of them are finished already" in text
    rows = json.loads((tmp_path / "run/report/segment.json").read_text())["rows"]
    assert {row["run"]: row["mean"]["dice"] for row in rows if row["run"] != "all foreground"} == {
        row.candidate: pytest.approx(row.finetuned.mean) for row in result.rows
    }
    assert {row["decoder_init"] for row in rows} == {"", "random"}


def test_scores_do_not_depend_on_the_test_images(tmp_path: Path, run: Run) -> None:
    found = []
    for seed in (0, 50):
        images, masks = save_bars(tmp_path / str(seed), test_seed=seed)
        result, _ = run(tmp_path / f"run{seed}", images=images, masks=masks, **SHORT)
        found.append({row.candidate: row.proxy_by_draw for row in result.rows})
    assert found[0] == found[1]


def test_a_stopped_comparison_goes_on_without_the_folders_being_named_again(
    tmp_path: Path, masked: tuple[Path, Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = run(tmp_path / "whole", images=masked[0], masks=masked[1], **SHORT)
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "parts", images=Path("images"), masks=Path("masks"), **SHORT, stop_after=1)
    monkeypatch.chdir("/")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", resume=True, interrupt_at="decoder 0: validation")
    result, _ = run(tmp_path / "parts", resume=True)
    assert [row.proxy_by_draw for row in result.rows] == [row.proxy_by_draw for row in whole.rows]


def test_other_images_to_pre_train_on_need_the_same_channels(
    tmp_path: Path, masked: tuple[Path, Path], run: Run
) -> None:
    np.savez(tmp_path / "colour.npz", train_images=np.random.default_rng(0).integers(0, 255, (32, 16, 16, 3), np.uint8))
    settings = SHORT | {"data": str(tmp_path / "colour.npz")}
    with pytest.raises(DataError, match=r"images have 3 channel\(s\), those with masks 1"):
        run(tmp_path / "run", images=masked[0], masks=masked[1], **settings)
    assert not (tmp_path / "run").exists()
