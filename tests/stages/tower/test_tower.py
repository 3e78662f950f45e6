"""TOWER's two terms against NumPy and closed forms in fp64; the clean picture spares the decoder; each term alone."""

from __future__ import annotations

import copy
from collections.abc import Collection

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.errors import ConfigError
from fastssl.models.encoder import create_encoder
from fastssl.models.unet import UNet
from fastssl.stages.tower.objective import Term, Tower

BATCH, SIZE = 6, 32
BOTH: tuple[Term, Term] = ("contrastive", "generative")


def stage(terms: Collection[Term] = BOTH, *, encoder: str = "test_resnet", channels: int = 1, seed: int = 0) -> Tower:
    return Tower(create_encoder(encoder, channels, SIZE, seed=0), channels, SIZE, terms=terms, seed=seed).train()


def batch(channels: int = 1, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(1)
    shape = (BATCH, channels, SIZE, SIZE)
    target = torch.rand(shape, generator=random, dtype=torch.float64) * 2 - 1
    image = target + 0.3 * torch.randn(shape, generator=random, dtype=torch.float64)
    return {"image": image.to(dtype), "target": target.to(dtype)}


def closed_form_nt_xent(views: np.ndarray, pictures: np.ndarray, temperature: float) -> float:
    """SimCLR's equation 1, one anchor at a time."""
    z = np.concatenate([views, pictures])
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(len(z)):
        others = [k for k in range(len(z)) if k != i]
        similarity = {k: z[i] @ z[k] / temperature for k in others}
        losses.append(np.log(sum(np.exp(s) for s in similarity.values())) - similarity[(i + BATCH) % (2 * BATCH)])
    return float(np.mean(losses))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_generative_term_is_the_squared_error_over_every_pixel_on_the_scale_from_0_to_1(channels: int) -> None:
    model, data = stage(["generative"], channels=channels).double(), batch(channels, torch.float64)
    logits = model.network(data["image"]).detach().numpy()
    expected = np.mean((1 / (1 + np.exp(-logits)) - (data["target"].numpy() + 1) / 2) ** 2)
    output = model.loss(data)
    assert output.loss.item() == pytest.approx(expected, rel=1e-12)
    assert output.metrics["generative"].item() == output.loss.item()


@pytest.mark.parametrize("terms", [["contrastive"], BOTH])
def test_the_contrastive_term_classifies_each_embedding_among_all_others_of_both_views(terms: list[Term]) -> None:
    model, data = stage(terms).double(), batch(dtype=torch.float64)
    views, pictures = (model.head(model.encoder(data[name])).detach().numpy() for name in ("image", "target"))
    expected = closed_form_nt_xent(views, pictures, temperature=0.1)
    output = model.loss(data)
    assert output.metrics["contrastive"].item() == pytest.approx(expected, rel=1e-10)
    cosine = views @ (pictures / np.linalg.norm(pictures, axis=1, keepdims=True)).T
    assert output.metrics["top1"].item() == pytest.approx(np.mean(cosine.argmax(axis=1) == np.arange(BATCH)))


def test_the_loss_is_the_sum_of_its_terms() -> None:
    output = stage().loss(batch())
    assert set(output.metrics) == {"contrastive", "generative", "top1"}
    assert not any(metric.requires_grad for metric in output.metrics.values())
    assert output.loss.item() == pytest.approx(output.metrics["contrastive"] + output.metrics["generative"])


def test_sparing_the_decoder_the_clean_picture_changes_no_gradient() -> None:
    """Against the published form: the whole U-Net on both pictures, what it makes of the clean one thrown away."""
    model, data = stage().double(), batch(dtype=torch.float64)
    full = copy.deepcopy(model)
    embeddings, restored = [], []
    for name in ("image", "target"):
        maps, pooled = full.network.encode(data[name])
        restored.append(torch.sigmoid(full.network.decode(maps, (SIZE, SIZE))))
        embeddings.append(F.normalize(full.head(pooled)))
    logits = (torch.cat(embeddings) @ torch.cat(embeddings).T / 0.1).fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * BATCH).roll(BATCH)
    loss = F.cross_entropy(logits, partner) + F.mse_loss(restored[0], (data["target"] + 1) / 2)
    loss.backward()

    output = model.loss(data)
    output.loss.backward()
    torch.testing.assert_close(output.loss, loss, rtol=1e-12, atol=0)
    expected = dict(full.named_parameters())
    largest = max(p.grad.abs().max().item() for p in expected.values())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-9, atol=1e-13 * largest, msg=name)
    # What does differ, as the class says: running averages of the decoder, and of nothing else.
    buffers = dict(full.named_buffers())
    changed = {name for name, buffer in model.named_buffers() if not torch.equal(buffer, buffers[name])}
    assert changed
    assert all(name.startswith("network.decoder.") for name in changed)


def test_the_clean_picture_never_enters_the_decoder_and_alone_the_generative_term_does_not_encode_it() -> None:
    calls = []
    for terms in (BOTH, ["contrastive"], ["generative"]):
        model = stage(terms)
        seen: dict[str, int] = {"encoder": 0, "decoder": 0}
        model.encoder.conv1.register_forward_hook(lambda *_, seen=seen: seen.update(encoder=seen["encoder"] + 1))
        if isinstance(model.network, UNet):
            model.network.decoder.register_forward_hook(
                lambda *_, seen=seen: seen.update(decoder=seen["decoder"] + 1),
            )
        model.loss(batch())
        calls.append((seen["encoder"], seen["decoder"]))
    assert calls == [(2, 1), (2, 0), (1, 1)]


def test_a_term_that_is_left_out_leaves_nothing_behind() -> None:
    contrastive, generative = stage(["contrastive"]), stage(["generative"])
    assert not any("decoder" in key for key in contrastive.state_dict())
    assert contrastive.exports() == {}
    assert contrastive.visualize(batch()) == {}
    assert generative.head is None
    assert set(generative.loss(batch()).metrics) == {"generative"}


@pytest.mark.parametrize("terms", [BOTH, ["generative"], ["contrastive"]])
def test_the_encoder_is_saved_once_and_every_weight_is_trained(terms: list[Term]) -> None:
    model = stage(terms)
    storages = [value.data_ptr() for value in model.state_dict().values() if value.numel()]
    assert len(storages) == len(set(storages))
    model.loss(batch()).loss.backward()
    trained = list(model.trained_parameters())
    assert {id(p) for p in model.encoder.parameters()} <= {id(p) for p in trained}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)


def test_the_decoder_is_exported_and_starts_another_unet() -> None:
    model = stage()
    exported = model.exports()
    assert set(exported) == {"decoder"}
    other = stage(seed=7)
    other.network.decoder.load_state_dict(exported["decoder"].state_dict(), strict=True)


def test_a_restored_picture_is_normalised_as_the_batch_is() -> None:
    model = stage(channels=3).eval()
    with torch.no_grad():
        restored = model.visualize(batch(3))["restored"]
        logits = model.network(batch(3)["image"])
    assert restored.shape == (BATCH, 3, SIZE, SIZE)
    torch.testing.assert_close(restored, torch.tanh(logits / 2))  # 2 sigmoid(x) - 1, by another formula


def test_a_picture_restored_perfectly_costs_nothing_whatever_the_normalisation() -> None:
    encoder = create_encoder("test_resnet", 1, SIZE, seed=0)
    model = Tower(encoder, 1, SIZE, terms=["generative"], mean=0.2, std=0.3).double().eval()
    data = batch(dtype=torch.float64)
    with torch.no_grad():
        perfect = {"image": data["image"], "target": (torch.sigmoid(model.network(data["image"])) - 0.2) / 0.3}
        assert model.loss(perfect).loss.item() < 1e-24
        off = {**perfect, "target": perfect["target"] + 0.1 / 0.3}
        assert model.loss(off).loss.item() == pytest.approx(0.01, rel=1e-9)


def test_under_bfloat16_pictures_are_restored_in_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        output = stage().visualize(batch())["restored"]
    assert output.dtype == torch.float32


@pytest.mark.parametrize("terms", [BOTH, ["contrastive"], ["generative"]])
def test_the_loss_compiles_into_one_graph(terms: list[Term]) -> None:
    model, data = stage(terms), batch()
    compiled = torch.compile(copy.deepcopy(model).loss, fullgraph=True, backend="eager")
    output, expected = compiled(data), model.loss(data)
    torch.testing.assert_close(output.loss, expected.loss)
    assert set(output.metrics) == set(expected.metrics)


def test_the_seed_decides_the_weights_that_the_stage_adds() -> None:
    weights = [stage(seed=seed).head[0].weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_what_cannot_be_is_refused() -> None:
    for terms in ([], ["contrast"], ["generative", "other"]):
        with pytest.raises(ValueError, match="terms must be"):
            stage(terms)
    with pytest.raises(ConfigError, match="no feature pyramid"):
        stage(["generative"], encoder="test_vit")
    stage(["contrastive"], encoder="test_vit")


def test_an_encoder_without_pooling_is_refused() -> None:
    with pytest.raises(ConfigError, match="not one vector per image"):
        Tower(nn.Conv2d(1, 4, 3), 1, SIZE, terms=["contrastive"])
