"""Layers by timm's groups: scales of learning rates, and stages that stay to the bit."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from fastssl.errors import ConfigError
from fastssl.models.encoder import create_encoder
from fastssl.models.layer_groups import freeze_stages, layer_scales
from fastssl.models.normalization import split_batch_norm


@pytest.mark.parametrize("name", ["resnet18", "test_vit", "test_convnext", "test_efficientnet", "test_resnet"])
def test_scales_are_those_of_timm_for_the_model_with_its_classifier(name: str) -> None:
    with torch.device("meta"):
        whole, encoder = timm.create_model(name), timm.create_model(name, num_classes=0)
    names = {id(parameter): key for key, parameter in whole.named_parameters()}
    groups = param_groups_layer_decay(whole, layer_decay=0.7)
    theirs = {names[id(parameter)]: group["lr_scale"] for group in groups for parameter in group["params"]}
    ours = layer_scales(encoder, 0.7)
    assert ours == pytest.approx({key: theirs[key] for key in ours})
    assert set(theirs) - set(ours) == {key for key in theirs if key not in dict(encoder.named_parameters())}


def test_the_last_block_is_one_layer_below_the_head_and_the_first_layer_all_of_them() -> None:
    scales = layer_scales(create_encoder("resnet18", 1, 32), 0.5)
    assert (scales["layer4.1.conv2.weight"], scales["layer4.0.conv1.weight"]) == (0.5, 0.25)
    assert scales["conv1.weight"] == scales["bn1.bias"] == 0.5**9


@pytest.mark.parametrize(
    ("name", "stages"), [("resnet18", 5), ("test_resnet", 5), ("test_vit", 7), ("test_efficientnet", 6)]
)
def test_more_stages_than_there_are_is_one_line(name: str, stages: int) -> None:
    encoder = create_encoder(name, 1, 32)
    with pytest.raises(ConfigError) as caught:
        freeze_stages(encoder, stages)
    assert str(caught.value) == (
        f"freeze={stages}: {name} has {stages} stages, and one has to be trained; give at most {stages - 1}"
    )
    assert all(parameter.requires_grad for parameter in encoder.parameters())


@pytest.mark.parametrize("setting", ["freeze", "lr_decay"])
def test_a_model_whose_layers_timm_does_not_order_is_one_line(setting: str) -> None:
    encoder = create_encoder("poolformer_s12", 3, 32)
    with pytest.raises(ConfigError, match=f"^{setting}: timm does not say which layers of poolformer_s12 come first"):
        freeze_stages(encoder, 1) if setting == "freeze" else layer_scales(encoder, 0.5)


def test_frozen_stages_have_no_gradient_and_what_is_behind_them_has() -> None:
    encoder = create_encoder("resnet18", 1, 32, seed=0)
    found = freeze_stages(encoder, 3)
    trained = {name.partition(".")[0] for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert trained == {"layer3", "layer4"}
    assert (found.count, found.stages) == (3, 5)
    assert found.tensors == sum(not parameter.requires_grad for parameter in encoder.parameters()) == 30
    assert found.of == len(list(encoder.parameters()))


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_frozen_batch_norms_keep_their_statistics_also_in_a_copy_and_when_others_are_split(name: str) -> None:
    """Oracle: the first stages of the same network in evaluation mode, before anything was frozen."""
    encoder = create_encoder(name, 1, 32, seed=0)
    images = torch.randn(8, 1, 32, 32)
    encoder(images)  # statistics that are no fresh model's
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    first = next(part for part in encoder.modules() if isinstance(part, nn.BatchNorm2d))
    maps: list[torch.Tensor] = []
    first.register_forward_hook(lambda _, __, output: maps.append(output.detach()))
    encoder.eval()(images)
    freeze_stages(encoder, 2)
    split = split_batch_norm(encoder.train(), 2)
    trained = copy.deepcopy(split).train()
    trained(images)
    torch.testing.assert_close(maps[1], maps[0], rtol=0, atol=0)
    after = trained.state_dict()
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    frozen = {key for key, parameter in trained.named_parameters() if not parameter.requires_grad}
    assert after.keys() == before.keys()
    assert changed
    assert not {key.rpartition(".")[0] for key in changed} & {key.rpartition(".")[0] for key in frozen}
