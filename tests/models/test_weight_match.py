"""Weights of other trainers: files in their layouts, made from timm models, load whole or are refused in one line.

The layouts (keys around and in front of an encoder's own) are those of the published code and checkpoints.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.errors import CheckpointError
from fastssl.models.encoder import create_encoder
from fastssl.models.weight_file import read_weights
from fastssl.models.weight_match import load_weights

State = dict[str, Tensor]


@lru_cache(maxsize=8)
def state(name: str = "resnet18", channels: int = 3, size: int = 32, seed: int = 1) -> State:
    encoder = create_encoder(name, channels, size, seed=seed)
    for buffer in encoder.buffers():
        if buffer.is_floating_point():
            nn.init.uniform_(buffer, 0.5, 1.5)
    return encoder.state_dict()


def put(prefix: str, weights: State) -> State:
    return {prefix + key: value for key, value in weights.items()}


def other(weights: State) -> State:
    """The same names with other numbers: the copy that trails behind, the network that is not evaluated."""
    return {key: value + 1 for key, value in weights.items()}


def head(prefix: str) -> State:
    return {
        f"{prefix}0.weight": torch.ones(8, 512),
        f"{prefix}0.bias": torch.ones(8),
        f"{prefix}2.weight": torch.ones(4, 8),
    }


def numbered(weights: State) -> State:
    """The names of `nn.Sequential(*list(torchvision.models.resnet18().children())[:-1])`."""
    places = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    return {f"{places[key.partition('.')[0]]}.{key.partition('.')[2]}": value for key, value in weights.items()}


LAYOUTS: dict[str, tuple[Callable[[State], dict[str, Any]], str]] = {
    "timm, torchvision": (lambda w: {**w, "fc.weight": torch.ones(10, 512)}, "90 tensors; 1 left out (fc)"),
    "timm's training": (
        lambda w: {"epoch": 3, "arch": "resnet18", "state_dict": other(w), "state_dict_ema": w},
        "90 tensors under state_dict_ema.; 90 left out (state_dict)",
    ),
    "DataParallel": (lambda w: put("module.", w), "90 tensors under module."),
    "compiled": (lambda w: put("_orig_mod.", w), "90 tensors under _orig_mod."),
    "MoCo v1 and v2": (
        lambda w: {
            "epoch": 200,
            "state_dict": {
                **put("module.encoder_q.", w),
                **head("module.encoder_q.fc."),
                **put("module.encoder_k.", other(w)),
                **head("module.encoder_k.fc."),
                "module.queue": torch.ones(4, 8),
                "module.queue_ptr": torch.zeros(1, dtype=torch.int64),
            },
            "optimizer": {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]},
        },
        "90 tensors under state_dict.module.encoder_q.; 99 left out (encoder_k, fc, queue, queue_ptr, ...)",
    ),
    "MoCo v3": (
        lambda w: {
            "state_dict": {
                **put("module.base_encoder.", w),
                **head("module.base_encoder.fc."),
                **put("module.momentum_encoder.", other(w)),
                **head("module.predictor."),
            }
        },
        "90 tensors under state_dict.module.base_encoder.; 96 left out (momentum_encoder, fc, predictor)",
    ),
    "SimSiam": (
        lambda w: {
            "state_dict": {**put("module.encoder.", w), **head("module.encoder.fc."), **head("module.predictor.")}
        },
        "90 tensors under state_dict.module.encoder.; 6 left out (fc, predictor)",
    ),
    "BYOL": (
        lambda w: {
            **put("online_encoder.net.", w),
            **put("target_encoder.net.", other(w)),
            **head("online_predictor.net."),
        },
        "90 tensors under online_encoder.net.; 93 left out (target_encoder, online_predictor)",
    ),
    "DINO": (
        lambda w: {
            "student": put("module.backbone.", other(w)),
            "teacher": {**put("backbone.", w), **head("head.mlp.")},
            "args": argparse.Namespace(arch="resnet18", lr=0.1),
        },
        "90 tensors under teacher.backbone.; 93 left out (student, head)",
    ),
    "lightly": (
        lambda w: {"state_dict": {**put("backbone.", numbered(w)), **head("projection_head.layers.")}},
        "120 tensors under state_dict.backbone.; 3 left out (projection_head)",
    ),
    "lightly with momentum": (
        lambda w: {**put("backbone.", numbered(w)), **put("backbone_momentum.", numbered(other(w)))},
        "120 tensors under backbone.; 120 left out (backbone_momentum)",
    ),
    "solo-learn": (
        lambda w: {
            "state_dict": {
                **put("backbone.", w),
                **put("momentum_backbone.", other(w)),
                **head("projector."),
                "classifier.weight": torch.ones(10, 512),
            },
            "hyper_parameters": {"method": "byol", "cfg": argparse.Namespace(lr=1)},
        },
        "90 tensors under state_dict.backbone.; 94 left out (momentum_backbone, projector, classifier)",
    ),
    "Lightning's model": (
        lambda w: {"pytorch-lightning_version": "2.4.0", "state_dict": put("model.", w)},
        "90 tensors under state_dict.model.",
    ),
    "Lightning's net": (lambda w: {"state_dict": put("net.", w)}, "90 tensors under state_dict.net."),
    "VISSL": (
        lambda w: {
            "classy_state_dict": {"base_model": {"model": {"trunk": put("_feature_blocks.", w), "heads": head("0.")}}}
        },
        "90 tensors under classy_state_dict.base_model.model.trunk._feature_blocks.; 3 left out (heads)",
    ),
    "model_state": (lambda w: {"model_state": w, "epoch": 1}, "90 tensors under model_state."),
    "the same twice": (lambda w: {**put("a.", w), **put("b.", w)}, "90 tensors under a.; 90 left out (b)"),
    "before torch 1.0": (
        lambda w: {key: value for key, value in w.items() if not key.endswith("num_batches_tracked")},
        "75 tensors",
    ),
    "with FLOP counters": (lambda w: {**w, "layer1.total_ops": torch.ones(1)}, "90 tensors; 1 left out (layer1)"),
    "half precision": (lambda w: {key: value.bfloat16() for key, value in w.items()}, "90 tensors"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_of_other_trainers_load_whole_and_what_was_matched_is_said(tmp_path: Path, layout: str) -> None:
    name = "resnet18" if "lightly" in layout else "test_resnet"  # whose layers are numbered; else a small one will do
    weights = state(name)
    if layout == "half precision":
        weights = {key: value.bfloat16().to(value.dtype) for key, value in weights.items()}
    arranged, says = LAYOUTS[layout]
    torch.save(arranged(weights), tmp_path / "weights.pth")
    encoder = create_encoder(name, 3, 32, seed=2)
    assert load_weights(encoder, read_weights(tmp_path / "weights.pth"), "weights.pth") == says
    for key, value in encoder.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(value, weights[key], rtol=0, atol=0)


def vit() -> State:
    return state("vit_tiny_patch16_224", size=224)


TRANSFORMERS: dict[str, Callable[[State], dict[str, Any]]] = {
    "DeiT": lambda w: {"model": {**w, "head.weight": torch.ones(10, 192), "head.bias": torch.ones(10)}},
    "MAE": lambda w: {
        "model": {
            **w,
            "mask_token": torch.ones(1, 1, 96),
            "decoder_pos_embed": torch.ones(1, 197, 96),
            **put("decoder_blocks.0.", {"norm1.weight": torch.ones(96)}),
        },
        "args": argparse.Namespace(mask_ratio=0.75),
    },
    "DINO": lambda w: {
        "teacher": {**put("backbone.", w), **head("head.mlp.")},
        "student": put("module.backbone.", other(w)),
    },
    "DINOv2": lambda w: {**w, "mask_token": torch.ones(1, 192)},
    "MoCo v3": lambda w: {"state_dict": {**put("module.base_encoder.", w), **head("module.base_encoder.head.")}},
}


@pytest.mark.parametrize("layout", TRANSFORMERS)
def test_weights_of_transformers_load_with_position_embeddings_of_another_grid_resized(
    tmp_path: Path, layout: str
) -> None:
    """Oracle: bicubic interpolation of the grid, in float64; the class token's embedding stays."""
    weights = vit()
    torch.save(TRANSFORMERS[layout](weights), tmp_path / "weights.pth")
    encoder = create_encoder("vit_tiny_patch16_224", 3, 64, seed=2)
    said = load_weights(encoder, read_weights(tmp_path / "weights.pth"), "weights.pth")
    assert said.endswith("position embeddings resized from 14x14 to 4x4")
    grid = weights["pos_embed"][:, 1:].double().reshape(1, 14, 14, 192).permute(0, 3, 1, 2)
    resized = F.interpolate(grid, size=(4, 4), mode="bicubic", antialias=True).permute(0, 2, 3, 1).flatten(1, 2)
    wanted = torch.cat([weights["pos_embed"][:, :1].double(), resized], dim=1)
    torch.testing.assert_close(encoder.pos_embed.double(), wanted, rtol=1e-4, atol=1e-6)
    for key, value in encoder.state_dict().items():
        if key != "pos_embed":
            assert torch.equal(value, weights[key])


def test_relative_positions_of_another_window_are_resized() -> None:
    """Oracle: bicubic interpolation of each head's square of distances, in float64."""
    weights = state("swin_tiny_patch4_window7_224", size=224)
    encoder = create_encoder("swin_tiny_patch4_window7_224", 3, 32, seed=2)
    assert load_weights(encoder, weights, "w").endswith("; relative position biases resized")
    key = "layers.1.blocks.0.attn.relative_position_bias_table"
    table, found = weights[key].double(), encoder.state_dict()[key].double()
    side = math.isqrt(len(found))
    square = table.T.reshape(1, -1, 13, 13)
    wanted = F.interpolate(square, size=(side, side), mode="bicubic", align_corners=False).flatten(2)[0].T
    assert side < 13
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_one_file_of_safetensors_with_prefixes_loads_too(tmp_path: Path) -> None:
    weights = state()
    save_file(put("backbone.", weights), tmp_path / "model.safetensors")
    encoder = create_encoder("resnet18", 3, 32, seed=2)
    assert load_weights(encoder, read_weights(tmp_path / "model.safetensors"), "w") == "120 tensors under backbone."


@pytest.mark.parametrize("name", ["resnet18", "test_byobnet", "repvgg_a0", "vit_tiny_patch16_224"])
def test_colour_weights_see_grey_images_as_three_equal_channels(name: str) -> None:
    colour = create_encoder(name, 3, 32, seed=1).eval()
    grey = create_encoder(name, 1, 32, seed=2).eval()
    said = load_weights(grey, colour.state_dict(), "w")
    assert said.endswith("the first convolution is summed over the colours, for grey images")
    images = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(grey(images), colour(images.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def test_grey_weights_see_three_equal_channels_as_one() -> None:
    grey, colour = create_encoder("resnet18", 1, 32, seed=1).eval(), create_encoder("resnet18", 3, 32, seed=2).eval()
    said = load_weights(colour, grey.state_dict(), "w")
    assert said.endswith("the first convolution is a third of the grey one for each colour")
    images = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(colour(images.expand(-1, 3, -1, -1)), grey(images), rtol=1e-4, atol=1e-5)


def without(weights: State, key: str) -> State:
    return {name: value for name, value in weights.items() if name != key}


REFUSED: dict[str, tuple[Callable[[State], State], str]] = {
    "one tensor is missing": (
        lambda w: put("m.", without(w, "layer4.1.bn2.weight")),
        "missing layer4.1.bn2.weight; 99 of 100 tensors are there under m.; name their architecture by --encoder",
    ),
    "a larger network": (
        lambda _: state("resnet34"),
        "unexpected layer1.2.conv1.weight, unexpected layer1.2.bn1.weight",
    ),
    "a wider network": (lambda _: state("test_resnet"), "missing conv1.weight"),
    "another architecture": (lambda _: state("test_vit"), "is this encoder's; name their architecture"),
    "twice, differently": (
        lambda w: {**put("a.", w), **put("b.", other(w))},
        "twice, under a. and b.; give a",
    ),
    "not a number": (
        lambda w: {**w, "bn1.running_var": w["bn1.running_var"] * torch.nan},
        "bn1.running_var holds numbers that are not finite; these weights are spoilt",
    ),
    "infinite": (
        lambda w: put("module.", {**w, "conv1.weight": w["conv1.weight"] / 0}),
        "module.conv1.weight holds numbers",
    ),
    "whole numbers": (lambda w: {**w, "conv1.weight": w["conv1.weight"].to(torch.int8)}, "conv1.weight holds int8"),
    "complex numbers": (lambda w: {**w, "conv1.weight": w["conv1.weight"] + 0j}, "conv1.weight holds complex64"),
    "five channels": (
        lambda w: {**w, "conv1.weight": torch.ones(64, 5, 7, 7)},
        "conv1.weight is [64, 5, 7, 7] and should be [64, 3, 7, 7]",
    ),
    "a small stem": (lambda w: {**w, "conv1.weight": torch.ones(64, 3, 3, 3)}, "(give --stem small)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_anything_else_is_refused_in_one_line_and_nothing_is_loaded(what: str) -> None:
    change, says = REFUSED[what]
    encoder = create_encoder("resnet18", 3, 32, seed=2)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights(encoder, change(state()), "weights.pth")
    assert str(caught.value).startswith("weights.pth: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_a_decoder_takes_its_own_weights_and_nothing_more() -> None:
    decoder = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    weights = {key: value + 1 for key, value in decoder.state_dict().items()}
    assert load_weights(decoder, weights, "w") == "4 tensors"
    with pytest.raises(CheckpointError, match=r"w: weights of another model: unexpected 2\.weight"):
        load_weights(decoder, {**weights, "2.weight": torch.ones(2)}, "w")


def test_weights_of_every_timm_kind_of_classifier_are_left_out() -> None:
    for name in ("test_efficientnet", "test_convnext", "test_vit", "test_resnet", "test_nfnet"):
        torch.manual_seed(0)
        options = {"img_size": 32} if name == "test_vit" else {}
        whole = timm.create_model(name, **options).state_dict()
        encoder = create_encoder(name, 3, 32, seed=2)
        assert "; 2 left out (" in load_weights(encoder, whole, name)
        assert all(torch.equal(value, whole[key]) for key, value in encoder.state_dict().items())
