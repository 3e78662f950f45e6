"""Settings that take several values: one grammar on the command line, in files and in Python, stored as tuples."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from fastssl.cli import main
from fastssl.config import Config, FewshotConfig, FinetuneConfig, PreviewConfig, SegmentConfig, build
from fastssl.config.base import parse_weights
from fastssl.errors import ConfigError
from fastssl.stages.registry import config_class

LISTS: list[tuple[str, type[Config], str, tuple[Any, ...]]] = [
    ("fewshot run", FewshotConfig, "shots", (1, 5, 10)),
    ("finetune run", FinetuneConfig, "label_fraction", (1.0, 0.1)),
    ("segment run", SegmentConfig, "encoder_init", ("run", "random")),
    ("segment run", SegmentConfig, "decoder_init", ("random", "run")),
    ("segment run --images a --masks b", SegmentConfig, "test_images", ("first", "last")),
    ("segment run --images a --masks b", SegmentConfig, "val_images", ("first", "last")),
    ("preview", PreviewConfig, "views", ("tower", "jigsaw")),
    ("train --stage pretext", config_class("pretext"), "tasks", ("jigsaw", "colorize")),
    ("train --stage pretext", config_class("pretext"), "task_weights", ("jigsaw=2.0", "inpaint=0.5")),
    ("train --stage tower", config_class("tower"), "terms", ("contrastive", "generative")),
    ("train --stage tower", config_class("tower"), "transforms", ("bezier", "mask")),
]
"""(command, class, setting, value) of every setting that takes several."""

CASES = pytest.mark.parametrize(("command", "kind", "name", "value"), LISTS, ids=[name for _, _, name, _ in LISTS])

FOLDERS = {"images": "a", "masks": "b"}


def typed(command: str, *options: str) -> Any:
    """What the command line makes of `options`."""
    seen: list[Any] = []
    words = command.split()
    assert main([*words, *options], commands={words[0]: lambda *_, config, **__: seen.append(config)}) == 0
    return seen[0]


def python(kind: type[Config], name: str, value: Any) -> Any:
    """The setting as Python makes it of `value`."""
    return getattr(build(kind, {name: value} | (FOLDERS if name.endswith("_images") else {})), name)


@CASES
def test_commas_spaces_and_repeated_options_are_the_same(
    command: str, kind: type[Config], name: str, value: tuple[Any, ...]
) -> None:
    option, items = f"--{name.replace('_', '-')}", [str(item) for item in value]
    ways = [
        [option, ",".join(items)],
        [f"{option}={','.join(items)}"],
        [option, *items],
        [option, ", ".join(items)],
        [part for item in items for part in (option, item)],
    ]
    for way in ways:
        assert getattr(typed(command, *way), name) == value


@CASES
def test_python_takes_a_tuple_a_list_or_the_string(
    command: str, kind: type[Config], name: str, value: tuple[Any, ...]
) -> None:
    for given in (value, list(value), ",".join(map(str, value))):
        assert python(kind, name, given) == value


@CASES
def test_a_tuple_comes_back_from_yaml(command: str, kind: type[Config], name: str, value: tuple[Any, ...]) -> None:
    assert python(kind, name, yaml.safe_load(yaml.safe_dump({name: value}))[name]) == value


@CASES
def test_one_value_needs_no_list(command: str, kind: type[Config], name: str, value: tuple[Any, ...]) -> None:
    assert python(kind, name, value[0]) == value[:1]


@pytest.mark.parametrize("wrong", ["", "curve", "bezier,curve", 3, [], None, {"mask": 1}], ids=str)
def test_a_choice_that_is_none_names_those_that_are(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"^transforms=.*give one or more of bezier, mask$"):
        build(config_class("tower"), {"transforms": wrong})


def test_choices_are_stored_once_each_in_their_own_order() -> None:
    assert python(config_class("tower"), "terms", "generative contrastive generative") == (
        "contrastive",
        "generative",
    )


@pytest.mark.parametrize("wrong", ["jigsaw", "jigsaw=0", "jigsaw=-1", "jigsaw=inf", "jigsa=2", 3, None], ids=str)
def test_a_weight_that_is_no_positive_number_for_a_task_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"^task_weights=.*give a positive number for one or more of jigsaw, "):
        build(config_class("pretext"), {"task_weights": wrong})


def test_weights_may_be_a_mapping_and_are_read_back() -> None:
    stored = python(config_class("pretext"), "task_weights", {"inpaint": 0.1, "jigsaw": 3})
    assert parse_weights(stored) == {"jigsaw": 3.0, "inpaint": 0.1}


def test_names_of_images_may_have_spaces() -> None:
    assert typed("segment run", "--images", "a", "--masks", "b", "--test-images", "my eye, yours").test_images == (
        "my eye",
        "yours",
    )


def test_shots_are_in_ascending_order_and_no_empty_list_is_taken() -> None:
    assert build(FewshotConfig, {"shots": "10,1,5,1"}).shots == (1, 5, 10)
    with pytest.raises(ConfigError, match=r"^shots="):
        build(FewshotConfig, {"shots": ""})
