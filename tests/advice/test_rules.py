"""Every rule of the table fires where it should and nowhere else, and a user's own table is checked line by line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fastssl.advice.facts import TaskFacts
from fastssl.advice.rules import read_rules
from fastssl.errors import ConfigError

RULES = {rule.id: rule for rule in read_rules()}

PLAIN = TaskFacts(
    task="classification",
    images=50_000,
    size=96,
    channels=1,
    labels=10_000,
    labels_per_class=2_000,
    label_share=0.2,
    classes=5,
    imbalance=1.0,
)
SEGMENTATION = {"task": "segmentation", "labels_per_class": None, "imbalance": None, "classes": None}
"""TaskFacts of a set with masks."""

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "few-labels-contrastive": ({"labels": 500, "label_share": 0.01}, {"label_share": 0.11}),
    "few-volumes-restoring": ({**SEGMENTATION, "labels": 30}, {**SEGMENTATION, "labels": 31}),
    "dense-restoring": ({"task": "detection"}, {}),
    "global-contrastive": ({}, SEGMENTATION),
    "both-tasks-hybrid": ({"task": "mixed"}, {}),
    "gain-ends-draw-the-curve": ({**SEGMENTATION, "labels": 24}, {**SEGMENTATION, "labels": 20}),
    "imbalanced-supervised-first": (
        {"images": 1000, "labels": 1000, "label_share": 1.0, "imbalance": 3.0},
        {"images": 1000, "labels": 1000, "label_share": 1.0, "imbalance": 1.2},
    ),
    "imagenet-is-a-fair-rival": ({"labels_per_class": 6}, {"labels_per_class": 5}),
    "more-unlabelled-images": ({"images": 1999}, {"images": 2000}),
    "enough-images": ({"images": 500_001}, {"images": 500_000}),
    "thin-redundant-slices": (
        {"modality": "abdominal CT", "redundancy": 0.3},
        {"modality": "retinal OCT", "redundancy": 0.3},
    ),
    "no-self-distillation-from-scratch": ({"images": 999_999}, {"images": 1_000_000}),
    "chest-x-ray-start": ({"modality": "chest X-ray"}, {"modality": "unknown"}),
    "chest-x-ray-dinov2-over-imagenet": ({"modality": "chest x-ray"}, {**SEGMENTATION, "modality": "chest X-ray"}),
    "two-stages": ({"modality": "dermoscopy"}, {"modality": "breast ultrasound"}),
    "pathology-in-the-domain": ({"modality": "histology"}, {"modality": "kidney-cortex microscopy"}),
    "few-ct-volumes-masked": (
        {**SEGMENTATION, "modality": "CT", "labels": 100},
        {**SEGMENTATION, "modality": "CT", "labels": 101},
    ),
    "semi-supervised-rival": ({"label_share": 0.05, "gpu": False}, {"label_share": 0.05, "gpu": True}),
    "resolution-for-prototypes": ({"size": 224}, {"size": 128}),
    "small-images-cost-accuracy": ({"size": 28}, {"size": 64}),
    "own-few-labels-contrastive": ({"label_share": 0.1}, {"label_share": 0.101}),
    "own-all-labels-no-gain": ({"labels": 4708, "label_share": 1.0}, {"labels": 4708, "label_share": 0.5}),
    "own-small-set-contrastive": ({"labels": 546, "label_share": 1.0}, {"labels": 4000, "label_share": 1.0}),
    "own-simclr-for-small-images": ({"size": 64}, {"size": 65}),
    "own-pretext-costs-on-chest-x-rays": ({"modality": "chest X-ray"}, {"modality": "dermoscopy"}),
    "own-few-images-segmentation": ({**SEGMENTATION, "images": 28}, {**SEGMENTATION, "images": 101}),
    "images-in-two-splits": ({"leaks": 1}, {"leaks": 0}),
}


def test_every_rule_of_the_table_has_a_case_here() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_fires_where_its_condition_holds_and_not_where_it_does_not(name: str) -> None:
    fires, rests = (replace(PLAIN, **facts) for facts in CASES[name])
    assert RULES[name].fires(fires)
    assert not RULES[name].fires(rests)


@pytest.mark.parametrize("name", RULES)
def test_what_is_not_known_fulfils_no_condition_on_it(name: str) -> None:
    asked = {fact for fact in RULES[name].when if fact not in ("task", "images", "size", "channels", "gpu", "leaks")}
    for fact in asked & {"labels", "labels_per_class", "label_share", "imbalance", "modality"}:
        unknown = "unknown" if fact == "modality" else None
        assert not RULES[name].fires(replace(replace(PLAIN, **CASES[name][0]), **{fact: unknown}))


def test_every_rule_has_figures_a_source_and_the_condition_that_it_was_measured_on() -> None:
    for rule in RULES.values():
        assert rule.numbers
        assert rule.source
        assert rule.condition
        assert rule.rule.endswith(".")


OWN = """
rules:
  - id: mine
    when: {{modality: mammography, {bound}}}
    prefer: {prefer}
    evidence: own
    rule: What our ward has seen.
    numbers: three sets
    source: us
    condition: here
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_user_s_own_rules_are_added_and_replace_those_of_the_same_id(tmp_path: Path) -> None:
    own = OWN.format(bound="size: {above: 512}", prefer="restoring")
    rules = {rule.id: rule for rule in read_rules(written(tmp_path, own))}
    assert set(rules) == {*RULES, "mine"}
    assert rules["mine"].fires(replace(PLAIN, modality="mammography", size=1024))
    assert not rules["mine"].fires(replace(PLAIN, modality="mammography", size=512))
    replaced = {rule.id: rule for rule in read_rules(written(tmp_path, own.replace("id: mine", "id: enough-images")))}
    assert set(replaced) == set(RULES)
    assert replaced["enough-images"].source == "us"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: 3", "not a list of rules"),
        ("- a", "not a list of rules"),
        ("rules: [3]", "rule 1: not a mapping"),
        ("rules: {a", "not valid YAML"),
        (OWN.format(bound="weight: 3", prefer="hybrid"), "there is no fact 'weight'"),
        (OWN.format(bound="size: {over: 3}", prefer="hybrid"), "size has no bound 'over'"),
        (OWN.format(bound="size: {above: big}", prefer="hybrid"), "size above 'big' is not a number"),
        (OWN.format(bound="size: {}", prefer="hybrid"), "size has no bounds"),
        (OWN.format(bound="size: []", prefer="hybrid"), "size has no value"),
        (OWN.format(bound="size: 3", prefer="magic"), "prefer 'magic': give one of contrastive"),
        (OWN.format(bound="size: 3", prefer="hybrid").replace("own", "hearsay"), "evidence 'hearsay'"),
        (OWN.format(bound="size: 3", prefer="hybrid").replace("    source: us\n", ""), "rule mine: source is missing"),
        (OWN.format(bound="size: 3", prefer="hybrid") + "    colour: red\n", "there is no field 'colour'"),
    ],
)
def test_a_rule_that_is_not_whole_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rules(written(tmp_path, text))
    assert said in str(caught.value)
    assert "own.yaml" in str(caught.value)


def test_a_file_of_rules_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_rules(tmp_path / "none.yaml")
