"""The objective against other implementations, inside the field of view, in one compiled graph."""

from __future__ import annotations

import pytest
import torch
from segmentation_models_pytorch.losses import DiceLoss
from sklearn.metrics import log_loss
from torch.nn import functional as F

from fastssl.evaluation.segment.objective import Segmentation, cross_entropy, soft_dice
from fastssl.models.encoder import create_encoder
from fastssl.models.unet import create_unet

torch.manual_seed(0)
LOGITS = 2 * torch.randn(3, 1, 7, 5)
MASK = (torch.rand(3, 1, 7, 5) > 0.7).float()
ALL = torch.ones_like(MASK)


def stage(objective: str = "bce") -> Segmentation:
    return Segmentation(create_unet(create_encoder("test_resnet", 1, 32, seed=0), 1, 32, 1, seed=0), objective)


def batch(inside: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 1, 32, 32, generator=generator)
    whole = torch.ones(2, 1, 32, 32)
    return {"image": image, "mask": (image > 0.5).float(), "inside": whole if inside is None else inside}


def test_cross_entropy_is_scikit_learns() -> None:
    expected = log_loss(MASK.flatten().numpy(), LOGITS.sigmoid().double().flatten().numpy())
    assert cross_entropy(LOGITS, MASK, ALL).item() == pytest.approx(expected, rel=1e-5)


def test_the_default_is_the_papers_pixel_wise_cross_entropy() -> None:
    """Of two classes, the background's logit being zero, by torch; and as torch has it for one logit."""
    own = Segmentation(create_unet(create_encoder("test_resnet", 1, 32, seed=0), 1, 32, 1, seed=0)).eval()
    given = batch()
    logits = own.network(given["image"])
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    loss = own.loss(given).loss
    torch.testing.assert_close(loss, F.cross_entropy(two, given["mask"][:, 0].long()))
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(logits, given["mask"]))


def test_soft_dice_is_segmentation_models_own() -> None:
    expected = 1 - DiceLoss("binary", smooth=0.5)(LOGITS, MASK)  # which it adds to the halved sums
    torch.testing.assert_close(soft_dice(LOGITS.sigmoid(), MASK, ALL), expected)


def test_an_empty_mask_that_is_answered_by_nothing_has_a_dice_of_one() -> None:
    assert soft_dice(torch.zeros_like(MASK), torch.zeros_like(MASK), ALL) == 1


def test_terms_add_up() -> None:
    found = {name: stage(name).eval().loss(batch()).loss for name in ("bce", "dice", "bce+dice")}
    torch.testing.assert_close(found["bce"] + found["dice"], found["bce+dice"])


def test_nothing_outside_the_field_of_view_has_any_gradient() -> None:
    inside = torch.zeros_like(MASK)
    inside[:, :, 2:5] = 1
    logits = LOGITS.clone().requires_grad_()
    (cross_entropy(logits, MASK, inside) - soft_dice(logits.sigmoid(), MASK, inside)).backward()
    assert logits.grad is not None
    assert bool((logits.grad[inside == 0] == 0).all())
    assert bool((logits.grad[inside == 1] != 0).all())


def test_the_mean_is_over_what_is_inside() -> None:
    inside = torch.zeros_like(MASK)
    inside[:, :, :2] = 1
    cut = cross_entropy(LOGITS[:, :, :2], MASK[:, :, :2], ALL[:, :, :2])
    torch.testing.assert_close(cross_entropy(LOGITS, MASK, inside), cut)


def test_encoder_and_decoder_are_trained_and_saved_once() -> None:
    own = stage()
    names = [name for name, _ in own.named_parameters()]
    assert all(name.startswith("network.") for name in own.state_dict())
    assert {name.split(".")[1] for name in names} == {"encoder", "decoder", "head"}
    own.loss(batch()).loss.backward()
    assert all(parameter.grad is not None for parameter in own.trained_parameters())


def test_a_frozen_encoder_gets_no_gradient_and_keeps_its_statistics_in_training_mode() -> None:
    frozen = stage("bce+dice")
    before = {name: value.clone() for name, value in frozen.network.encoder.state_dict().items()}
    own = Segmentation(frozen.network, "bce+dice", freeze_encoder=True).train()
    own.loss(batch()).loss.backward()
    assert all(parameter.grad is None for parameter in own.encoder.parameters())
    assert all(parameter.grad is not None for parameter in own.network.decoder.parameters())
    assert all((before[name] == value).all() for name, value in own.encoder.state_dict().items())
    assert set(own.trained_parameters()) == {*own.network.decoder.parameters(), *own.network.head.parameters()}
    assert (own.training, own.network.decoder.training, own.encoder.training) == (True, True, False)


def test_the_loss_compiles_to_one_graph() -> None:
    own = stage().eval()
    torch._dynamo.reset()
    compiled = torch.compile(own.loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(batch()).loss, own.loss(batch()).loss)
    torch._dynamo.reset()
