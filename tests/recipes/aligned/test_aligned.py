"""The recipe on labelled images: who is compared, what it costs, when it stops, and that it goes on anywhere."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

import fastssl
from fastssl.cli.line import read_line
from fastssl.errors import ConfigError, DataError
from fastssl.recipes.aligned import AlignedResult
from fastssl.training.stored_settings import read_facts

from .conftest import Run, save_cells


def scores(result: AlignedResult) -> dict[str, tuple[float, ...]]:
    return {row.candidate: row.proxy_by_draw for row in result.rows}


def test_methods_are_trained_scored_and_told_with_what_each_has_cost(tmp_path: Path, labelled: Path, run: Run) -> None:
    ticks = itertools.count()
    result, text = run(
        tmp_path / "run",
        data=str(labelled),
        candidates=("moco", "pretext", "random"),
        hooks={"now": lambda: 60.0 * next(ticks)},
    )
    assert result.finished
    rows = {row.candidate: row for row in result.rows}
    assert rows.keys() == {"moco", "pretext", "random"}
    assert [row.rank for row in result.rows] == sorted(row.rank for row in result.rows)
    assert (rows["moco"].images, rows["pretext"].images, rows["random"].images) == (32, 64, 0)
    assert (rows["moco"].pretraining_seconds, rows["random"].pretraining_seconds) == (60.0, 0.0)
    assert all(len(row.proxy_by_draw) == 3 for row in result.rows)
    written = json.loads((tmp_path / "run/report/aligned.json").read_text())
    assert [row["proxy"]["mean"] for row in written["rows"]] == [row.proxy.mean for row in result.rows]
    with (tmp_path / "run/report/aligned.csv").open(newline="") as file:
        assert [row["candidate"] for row in csv.DictReader(file)] == [row.candidate for row in result.rows]
    for said in ("pre-training 2/2: pretext", "2/2 pretext", "2 steps of each stage, not equal times", "cost: "):
        assert said in text


def test_where_nothing_leads_by_the_margin_it_stops_and_names_what_to_do(
    tmp_path: Path, labelled: Path, run: Run
) -> None:
    result, text = run(tmp_path / "run", data=str(labelled), candidates="moco,random", margin=1.0, finetune="winner")
    assert result.choice is not None
    assert (result.winner, result.finished, result.choice.baseline) == (None, True, "random")
    assert not (tmp_path / "run/report/finetune.json").exists()
    lead = result.row("moco").proxy.mean - result.row("random").proxy.mean
    assert not (tmp_path / "run" / "encoder.safetensors").exists()
    assert f"no pre-training pays here: moco less random {lead:+.4f} AUC, needed +1.0000 (as asked)" in text
    (command,) = (line.split("baseline: ")[1] for line in text.splitlines() if "fine-tune the baseline: " in line)
    assert not read_line(command.split()[1:]).mistakes


def test_the_winner_is_the_recipes_encoder_and_all_are_fine_tuned_once_that_is_asked_for(
    tmp_path: Path, labelled: Path, run: Run
) -> None:
    short = {"finetune_epochs": 1, "finetune_trials": 2}
    result, _ = run(tmp_path / "run", data=str(labelled), candidates="moco,vae", finetune="none", **short)
    winner = tmp_path / "run" / str(result.winner) / "encoder.safetensors"
    assert (tmp_path / "run" / "encoder.safetensors").read_bytes() == winner.read_bytes()
    result, text = run(tmp_path / "run", resume=True, finetune="all", **short)
    assert "2 trials: 2 candidates, 3 draws of 4 images per class; 2 of them are finished already" in text
    assert "pre-training 1/2" not in text
    tuned = json.loads((tmp_path / "run/report/finetune.json").read_text())
    means = {row["encoder"]: row["auc"] for row in tuned["rows"]}
    for row in result.rows:
        assert row.finetuned.mean == pytest.approx(means[row.candidate])
    assert result.row("moco").finetune_seconds > 0


def test_random_weights_are_fine_tuned_next_to_the_methods(tmp_path: Path, labelled: Path, run: Run) -> None:
    asked = {"candidates": "moco,random", "finetune": "all", "finetune_epochs": 1, "finetune_trials": 2}
    result, text = run(tmp_path / "run", data=str(labelled), **asked)
    rows = json.loads((tmp_path / "run/report/finetune.json").read_text())["rows"]
    assert [row["encoder"] for row in rows] == ["moco", "random init (supervised from scratch)"]
    assert [result.row(name).finetuned.mean for name in ("moco", "random")] == pytest.approx(
        [row["auc"] for row in rows]
    )
    page = (tmp_path / "run/report/index.html").read_text(encoding="utf-8")
    assert "Which pre-training pays" in page
    assert "moco less random" in page
    assert f"report in {tmp_path / 'run/report/index.html'}" in text
    asked = read_facts(tmp_path / "run")["command"]
    assert asked.startswith(f"fastssl train --recipe aligned --data {labelled} ")
    assert not read_line(asked.split()[1:]).mistakes


STOPS: list[dict[str, Any]] = [
    {"stop_after": 1},
    {"interrupt_at": "pre-training 2/2"},
    {"stop_after": 1},
    {"interrupt_at": "proxy: "},
    {"interrupt_at": "validation AUC"},
]
"""Within a method, before the next, within it, before the proxy, and after its first trial."""


def test_a_recipe_that_was_stopped_everywhere_ends_as_one_that_was_not(
    tmp_path: Path, labelled: Path, run: Run
) -> None:
    whole, _ = run(tmp_path / "whole", data=str(labelled))
    for number, stop in enumerate(STOPS):
        given = {"resume": True} if number else {"data": str(labelled)}
        if "interrupt_at" in stop:
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / "parts", **given, **stop)
        else:
            partial, _ = run(tmp_path / "parts", **given, **stop)
            assert not partial.finished
    result, text = run(tmp_path / "parts", resume=True)
    assert "1 of them are finished already" in text
    assert scores(result) == scores(whole)
    for method in ("moco", "vae"):
        encoders = [(tmp_path / name / method / "encoder.safetensors").read_bytes() for name in ("whole", "parts")]
        assert encoders[0] == encoders[1]


def test_costs_are_summed_over_the_calls_that_it_took(tmp_path: Path, labelled: Path, run: Run) -> None:
    given: dict[str, Any] = {"hooks": {"now": map(float, itertools.count(step=10)).__next__}}
    run(tmp_path / "run", data=str(labelled), candidates="moco,random", stop_after=1, **given)
    result, _ = run(tmp_path / "run", resume=True, **given)
    assert result.row("moco").pretraining_seconds == 20.0


def test_a_budget_is_divided_evenly_and_turned_into_steps_by_the_pace(tmp_path: Path, labelled: Path, run: Run) -> None:
    ticks = itertools.count()
    _, text = run(
        tmp_path / "run",
        data=str(labelled),
        steps=None,
        minutes=0.5,
        stop_after=1,
        hooks={"clock": lambda: next(ticks) / 4},
    )
    assert "moco, vae: --minutes 0.5: 0.25 each" in text
    assert "minutes: 0.25" in (tmp_path / "run/moco/config.yaml").read_text()


def test_a_share_that_is_too_short_leaves_a_method_out_and_nothing_behind_where_all_are(
    tmp_path: Path, labelled: Path, run: Run
) -> None:
    ticks = itertools.count()
    with pytest.raises(ConfigError, match=r"moco: .*too short for 10 steps.*; vae: "):
        run(
            tmp_path / "run",
            data=str(labelled),
            steps=None,
            minutes=0.05,
            hooks={"clock": lambda: next(ticks) / 4},
        )
    assert not (tmp_path / "run").exists()


def test_a_method_that_cannot_be_trained_is_left_out_unless_it_is_named(
    tmp_path: Path, labelled: Path, run: Run
) -> None:
    with pytest.raises(ConfigError, match="tower: encoder has no feature pyramid"):
        run(tmp_path / "named", data=str(labelled), encoder="test_vit", candidates="moco,tower", size=32)
    assert not (tmp_path / "named").exists()
    ticks = itertools.count()
    _, text = run(
        tmp_path / "auto",
        data=str(labelled),
        encoder="test_vit",
        candidates=(),
        size=32,
        steps=None,
        minutes=None,
        stop_after=1,
        hooks={"clock": lambda: next(ticks) / 4},
    )
    assert "note        tower is left out: encoder has no feature pyramid" in text
    assert "methods     moco, pretext, simclr, vae: --minutes 16: 4 each" in text


def test_the_proxy_never_sees_the_test_part(tmp_path: Path, run: Run) -> None:
    found = []
    for seed in (2, 3):
        data = save_cells(tmp_path / f"cells{seed}.npz", test_seed=seed)
        result, _ = run(tmp_path / f"run{seed}", data=str(data), candidates="moco,random")
        found.append(scores(result))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"candidates": "mocoo,random"}, "candidates=mocoo: give some of moco, pretext, simclr, tower, vae"),
        ({"candidates": "random"}, "give at least one stage to pre-train by"),
        ({"batch_size": 9999}, "moco: batch_size=9999: cells has only 48 training images"),
        ({"task": "segmentation"}, "task=segmentation: images and masks missing"),
        ({"candidates": "moco,imagenet"}, "candidates=imagenet: the weights of tf_efficientnet_lite0 are not on this"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    tmp_path: Path,
    labelled: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    complaint: str,
) -> None:
    monkeypatch.setattr("fastssl.recipes.aligned.baselines.is_at_hand", lambda name: False)
    with pytest.raises(ConfigError, match=complaint):
        run(tmp_path / "run", **{"data": str(labelled), **settings})
    assert not (tmp_path / "run").exists()


def test_images_without_labels_are_refused_before_anything_is_trained(tmp_path: Path, grey_npz: Path, run: Run) -> None:
    with pytest.raises(DataError, match="an evaluation needs labels and these images have none"):
        run(tmp_path / "run", data=str(grey_npz))
    assert not (tmp_path / "run").exists()


def test_an_imagenet_encoder_is_a_file_that_every_command_takes(
    tmp_path: Path, labelled: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastssl.models.encoder import EncoderSpec, create_encoder
    from fastssl.models.encoder_file import LoadedEncoder

    def small(name: str, channels: int, size: int) -> LoadedEncoder:
        spec = EncoderSpec(name="test_resnet", in_channels=channels, size=size)
        return LoadedEncoder(create_encoder(spec.name, channels, size, seed=9).eval(), spec)

    monkeypatch.setattr("fastssl.recipes.aligned.baselines.is_at_hand", lambda name: True)
    monkeypatch.setattr("fastssl.recipes.aligned.baselines.imagenet_encoder", small)
    result, text = run(tmp_path / "run", data=str(labelled), candidates="moco,imagenet", margin=1.0)
    assert "imagenet is another architecture than the methods' test_resnet, and sees the same images resized" in text
    assert f"fastssl finetune {tmp_path / 'run' / 'imagenet'} --data {labelled}" in text
    assert fastssl.load_encoder(tmp_path / "run" / "imagenet").spec.size == 128
    assert result.row("imagenet").proxy.mean == pytest.approx(sum(result.row("imagenet").proxy_by_draw) / 3)
