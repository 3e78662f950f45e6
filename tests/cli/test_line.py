"""What is wrong with a command line: everything at once, and whose a setting is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastssl.cli.line import read_line

Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train --stage vae --queue-size 4", "queue_size is a setting of --stage moco, not of --stage vae"),
        ("train --queue_size=4 --stage=tower", "queue_size is a setting of --stage moco, not of --stage tower"),
        ("train --beta 2", "beta is a setting of --stage vae, not of --stage moco"),
        ("train --recipe mtcp --beta 2", "beta is a setting of --stage vae, not of --recipe mtcp"),
        ("train --recipe vae --patch 2", "patch is a setting of --stage pretext, not of --recipe vae"),
        ("train --shots 1", "unknown setting 'shots'"),
        ("train --recipe mtcp --stage moco", "stage and recipe both given: give one"),
        ("train --recipe mctp", "recipe='mctp': input should be 'aligned', 'fast', 'mtcp', 'tower' or 'vae'"),
        ("probe run --lr 3", "unknown setting 'lr'"),
        ("segment run --images a", "masks missing: images and masks are given together"),
        ("segment run --images a --masks b --data demo", "data and images both given: give one"),
        ("segment run --data chest", "data='chest': input should be 'demo' or 'demo-colour'"),
        ("segment run --fov f", "fov is for folders; the demo set has its own"),
        ("finetune run --imagenet-weights w", "imagenet_weights given without imagenet: name the timm model"),
        ("train --amp=maybe", "amp: give true or false"),
    ],
)
def test_a_mistake_is_named(line: str, expected: str) -> None:
    (mistake,) = read_line(line.split()).mistakes
    assert mistake.startswith(expected)


def test_settings_of_other_stages_hide_no_other_mistake() -> None:
    line = "train --stage vae --queue-size 4 --terms mask --amp=so --lr fast --stemm 3 --epochs"
    found = read_line(line.split())
    assert len(found.mistakes) == 6
    for name in ("queue_size", "terms", "amp: ", "lr='fast'", "'stemm'", "--epochs"):
        assert sum(name in mistake for mistake in found.mistakes) == 1


@pytest.mark.parametrize("line", ["train --recipe mtcp --queue-size 4 --tasks inpaint", "train --stage vae --beta 2"])
def test_a_recipe_takes_the_settings_of_all_its_stages(line: str) -> None:
    assert read_line(line.split()).mistakes == ()


@pytest.mark.parametrize("values", ["jigsa plain tower", "plain,tower,jigsa", "plain --views jigsa --views tower"])
def test_a_wrong_value_in_a_list_does_not_turn_the_others_into_mistakes(values: str) -> None:
    (mistake,) = read_line(["preview", "run", "--views", *values.split(), "--seed", "1"]).mistakes
    assert mistake.startswith("views='jigsa': input should be ")


def test_a_value_that_looks_like_an_option_needs_an_equals_sign(refusal: Refusal) -> None:
    assert refusal("train", "--data", "--lr") == "--data requires an argument; --lr requires an argument"
    assert refusal("train", "--data=--lr").startswith("no data at '--lr'")


def test_names_that_look_like_json_are_names() -> None:
    for words in (["fewshot", "[x]", "[1]"], ["segment", "{y}", "[b", "--images", "[1]", "--masks", "{}"]):
        assert read_line(words).mistakes == ()
