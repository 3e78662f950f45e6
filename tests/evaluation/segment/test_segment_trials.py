"""A comparison that was stopped goes on: finished trials are kept, and found again by all that they depend on."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import fastssl
from fastssl.config import SegmentConfig, build
from fastssl.evaluation.segment.data import open_segmentation_data
from fastssl.evaluation.segment.initialization import find_initializations, read_specs
from fastssl.evaluation.segment.metrics import ImageScore
from fastssl.evaluation.segment.recipe import choose_recipe
from fastssl.evaluation.segment.report import SegmentResult
from fastssl.evaluation.segment.trial_grid import SegmentTrialSpec, finish_trials, plan_trials
from fastssl.evaluation.segment.trial_record import FinishedTrial, SegmentTrial, open_trial_cache
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import save_encoder
from fastssl.runtime import resolve_runtime

TINY: dict[str, Any] = {"device": "cpu", "amp": False, "batch_size": 4, "lr": 3e-3, "steps": 2, "trials": 2}
SCORE = ImageScore(image="a b", dice=1 / 3, iou=0.2, sensitivity=nan, specificity=1.0, auc=nan)
FIGURES = SegmentTrial(seed=3, steps=8, best_step=5, val_dice=0.25, seconds_per_step=0.1, test=(SCORE, SCORE))
MASKS = tuple(np.random.default_rng(0).random(shape) > 0.5 for shape in ((5, 9), (1, 1), (33, 20)))


def segmented(tower_run: Path, folders: tuple[Path, Path], out: Path, console: Console, **settings: Any) -> Any:
    settings = {**TINY, "images": folders[0], "masks": folders[1], "out": out, **settings}
    return fastssl.segment([tower_run, "random"], console=console, **settings)


class Watched(Console):
    """A console in memory that calls `at` with every line."""

    def __init__(self, at: Callable[[str], None] = lambda line: None) -> None:
        class File(io.StringIO):
            def write(self, text: str) -> int:
                at(text)
                return super().write(text)

        super().__init__(file=File(), width=200)

    @property
    def lines(self) -> list[str]:
        text: str = self.file.getvalue()  # type: ignore[attr-defined]
        return text.splitlines()


def files(report: Path) -> dict[str, bytes]:
    """The contents of a report, but for the cache of trials."""
    paths = [path for path in report.rglob("*") if path.is_file() and "segment-trials" not in path.name]
    return {str(path.relative_to(report)): path.read_bytes() for path in paths}


def test_a_cached_comparison_is_the_fresh_one_to_the_last_byte_overlays_included(
    folders: tuple[Path, Path], tower_run: Path, tmp_path: Path
) -> None:
    """Seconds are measured: that they are equal shows that nothing was trained again."""
    first, second = Watched(), Watched()
    segmented(tower_run, folders, tmp_path, first)
    fresh = files(tmp_path / "report")
    assert {"segment.json", "segment.csv", "segment-pairs.csv", "overlays/random/case_7.png"} <= fresh.keys()
    segmented(tower_run, folders, tmp_path, second)
    assert files(tmp_path / "report") == fresh
    assert "4 trials: 2 initialization(s), 2 seed(s)" in first.lines
    assert "4 trials: 2 initialization(s), 2 seed(s); 4 of them are finished already" in second.lines


def test_ctrl_c_keeps_finished_trials_and_the_same_command_goes_on(
    folders: tuple[Path, Path], tower_run: Path, tmp_path: Path
) -> None:
    seen: list[str] = []

    def stop_after_the_second(line: str) -> None:
        if line.startswith("trial 2/4") and "best at step" in line and not seen:
            seen.append(line)
            signal.raise_signal(signal.SIGINT)

    stopped, again = Watched(stop_after_the_second), Watched()
    with pytest.raises(KeyboardInterrupt):
        segmented(tower_run, folders, tmp_path / "stopped", stopped)
    assert "stopped: finished trials are kept; the same command goes on from there" in stopped.lines
    assert not (tmp_path / "stopped" / "report" / "segment.json").exists()
    resumed = segmented(tower_run, folders, tmp_path / "stopped", again)
    assert "4 trials: 2 initialization(s), 2 seed(s); 2 of them are finished already" in again.lines
    whole = segmented(tower_run, folders, tmp_path / "whole", Watched())
    assert scores_of(resumed) == scores_of(whole)
    overlays = [files(tmp_path / name / "report" / "overlays") for name in ("stopped", "whole")]
    assert overlays[0] == overlays[1]


def scores_of(result: SegmentResult) -> list[Any]:
    return [(row.label, [(trial.seed, trial.test) for trial in row.trials]) for row in result.rows]


def planned(folders: tuple[Path, Path], run: Path | None = None, **settings: Any) -> list[SegmentTrialSpec]:
    """The trials of a comparison, seeds 0 and 1."""
    runs = ["random"] if run is None else [run]
    asked = {"images": folders[0], "masks": folders[1], **settings}
    config = build(SegmentConfig, asked if run is not None else {"encoder": "test_resnet", **asked})
    data = open_segmentation_data(config)
    found = find_initializations(runs, read_specs(runs), config, channels=1, size=32, notify=print)
    runtime = resolve_runtime("cpu", precision=config.precision)
    return plan_trials(found, data, choose_recipe(config, data), range(2), runtime)


def keys(specs: list[SegmentTrialSpec]) -> list[str]:
    return [json.dumps(spec.settings, sort_keys=True) for spec in specs]


@pytest.mark.parametrize(
    "changed",
    [
        {"lr": 2e-3},
        {"steps": 3},
        {"patience": 4},
        {"objective": "dice"},
        {"augment": "none"},
        {"patch": 16},
        {"batch_size": 5},
        {"precision": "bf16"},
        {"predict": "windows", "patch": 32},
        {"size": 30},
        {"test_images": 2},
        {"encoder": "test_resnet.r160_in1k"},
    ],
    ids=str,
)
def test_a_trial_of_other_settings_is_another_trial(folders: tuple[Path, Path], changed: dict[str, Any]) -> None:
    base = {"precision": "fp32"}
    assert not set(keys(planned(folders, **base))) & set(keys(planned(folders, **{**base, **changed})))


def test_seeds_are_trials_of_their_own_and_reasons_and_numbers_of_trials_do_not_matter(
    folders: tuple[Path, Path],
) -> None:
    first = keys(planned(folders))
    assert len(set(first)) == 2
    assert keys(planned(folders, lr=1e-3, batch_size=32, trials=7)) == first


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_other_weights_in_the_same_file_are_another_initialization(
    folders: tuple[Path, Path], tower_run: Path, part: str
) -> None:
    before = keys(planned(folders, tower_run))
    path = tower_run / f"{part}.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    assert not set(before) & set(keys(planned(folders, tower_run)))


def test_the_same_weights_under_another_name_are_the_same_initialization(
    folders: tuple[Path, Path], tower_run: Path, tmp_path: Path
) -> None:
    renamed = tmp_path / "renamed"
    before = keys(planned(folders, tower_run))
    tower_run.rename(renamed)
    assert keys(planned(folders, renamed)) == before


@pytest.mark.parametrize("changed", ["images/case_0.png", "masks/case_0_manual.png", "masks/case_9_manual.png"])
def test_a_changed_image_or_mask_has_every_trial_run_again(
    folders: tuple[Path, Path], tmp_path: Path, changed: str
) -> None:
    """A mask of one pixel more, under the same name and date, is other data."""
    ran: list[int] = []

    def counted(*_: Any, seed: int, **__: Any) -> FinishedTrial:
        ran.append(seed)
        return FinishedTrial(figures=replace(FIGURES, seed=seed), shown=MASKS)

    def finish() -> list[FinishedTrial]:
        config = build(SegmentConfig, {"images": folders[0], "masks": folders[1]})
        data = open_segmentation_data(config)
        cache = open_trial_cache(tmp_path / "report", print)
        arguments = (data, choose_recipe(config, data), resolve_runtime("cpu", amp=False))
        return finish_trials(planned(folders), *arguments, cache, Watched(), run=counted)

    fresh = finish()
    cached = finish()
    assert ran == [0, 1]
    assert [trial.figures.seed for trial in cached] == [trial.figures.seed for trial in fresh] == [0, 1]
    path = folders[0].parent / changed
    pixels = np.array(Image.open(path))
    pixels[3, 3] = ~pixels[3, 3]
    Image.fromarray(pixels).save(path)
    finish()
    assert ran == [0, 1, 0, 1]


def test_figures_and_masks_come_back_from_the_file_as_they_were(tmp_path: Path) -> None:
    open_trial_cache(tmp_path, print).add({"seed": 3}, FinishedTrial(figures=FIGURES, shown=MASKS), "mine")
    found = open_trial_cache(tmp_path, print).find({"seed": 3})
    assert found is not None
    assert repr(found.figures) == repr(FIGURES)  # nan is not equal to itself
    assert [mask.dtype for mask in found.shown] == [np.dtype(bool)] * len(MASKS)
    for mask, expected in zip(found.shown, MASKS, strict=True):
        np.testing.assert_array_equal(mask, expected)


def test_a_run_of_other_channels_is_refused_before_any_trial(folders: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "colour.safetensors"
    save_encoder(path, create_encoder("test_resnet", 3, 32), EncoderSpec(name="test_resnet", in_channels=3, size=32))
    with pytest.raises(fastssl.errors.DataError, match="takes images of 3 channel"):
        planned(folders, path)
