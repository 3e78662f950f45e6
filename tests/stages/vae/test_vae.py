"""The VAE stage: what its loss is made of, beta's warm-up, its draws, its pictures, compilation, mixed precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from fastssl.models.vae_decoder import ConvDecoder
from fastssl.stages.stage import StageOutput
from fastssl.stages.vae.objective import VAE

LATENT = 6


def encoder() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.GELU(), nn.AdaptiveAvgPool2d(4), nn.Flatten())


def vae(**settings: Any) -> VAE:
    torch.manual_seed(1)
    return VAE(encoder(), ConvDecoder(LATENT, 1, 9), 128, LATENT, **settings).train()


def images(count: int = 8) -> Tensor:
    return torch.randn(count, 1, 9, 9, generator=torch.Generator().manual_seed(2))


def step(model: VAE, batch: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> StageOutput:
    """One step, as the engine does it."""
    model.before_step()
    output = model.loss(batch)
    output.loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    model.after_step(output.carry)
    return output


def test_the_loss_is_the_sum_of_its_two_terms_an_image() -> None:
    model, batch = vae(beta=0.3, pixel_std=0.2), {"image": images()}
    torch.manual_seed(5)
    output = model.loss(batch)
    with torch.no_grad():
        mu, logvar = model.encode(batch["image"])
        torch.manual_seed(5)
        z = mu + (0.5 * logvar).exp() * torch.randn(8, LATENT)
        squares = (model.decoder(z) - batch["image"]).double().numpy() ** 2
    divergence = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).double().numpy()
    reconstruction, kl = squares.sum() / 8 / (2 * 0.2**2), divergence.sum() / 8
    assert float(output.metrics["reconstruction"]) == pytest.approx(reconstruction, rel=1e-5)
    assert float(output.metrics["kl"]) == pytest.approx(kl, rel=1e-5)
    assert float(output.loss.detach()) == pytest.approx(reconstruction + 0.3 * kl, rel=1e-5)
    assert int(output.metrics["active_units"]) == (divergence.mean(axis=0) > 0.01).sum()
    assert not any(value.requires_grad for value in output.metrics.values())


@pytest.mark.parametrize(
    ("warmup_steps", "expected"), [(4, [0, 0.5, 1, 1.5, 2, 2]), (1, [0, 2, 2]), (0, [2, 2, 2])], ids=str
)
def test_beta_rises_linearly_from_zero_and_stays(warmup_steps: int, expected: list[float]) -> None:
    model = vae(beta=2.0, warmup_steps=warmup_steps)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    seen = [float(step(model, {"image": images(2)}, optimizer).metrics["beta"]) for _ in expected]
    assert seen == pytest.approx(expected)


def test_the_warm_up_goes_on_where_a_saved_stage_was_left() -> None:
    model, resumed = (vae(beta=2.0, warmup_steps=4) for _ in range(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for _ in range(3):
        step(model, {"image": images(2)}, optimizer)
    resumed.load_state_dict(model.state_dict())
    assert float(resumed.loss({"image": images(2)}).metrics["beta"]) == 1.5


def test_a_collapsed_posterior_has_no_active_units() -> None:
    model = vae()
    with torch.no_grad():
        model.posterior.weight.zero_()
        model.posterior.bias.zero_()
        model.posterior.bias[:2] = 1.0
    metrics = model.loss({"image": images()}).metrics
    assert int(metrics["active_units"]) == 2
    assert float(metrics["kl"]) == pytest.approx(1.0)


def test_gradients_reach_every_parameter() -> None:
    model = vae()
    model.loss({"image": images()}).loss.backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.trained_parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_mixed_precision_the_terms_stay_in_fp32(dtype: torch.dtype) -> None:
    model, exact = vae(), vae()
    with torch.autocast("cpu", dtype):
        torch.manual_seed(3)
        output = model.loss({"image": images().to(dtype)})
    torch.manual_seed(3)
    expected = exact.loss({"image": images()})
    assert output.loss.dtype == output.metrics["kl"].dtype == torch.float32
    for name in ("kl", "reconstruction"):
        assert float(output.metrics[name]) == pytest.approx(float(expected.metrics[name]), rel=2e-2)


def test_it_compiles_to_one_graph_that_is_not_compiled_again() -> None:
    torch._dynamo.reset()
    model, eager = (vae(warmup_steps=3) for _ in range(2))
    optimizers = [torch.optim.SGD(m.trained_parameters(), lr=1e-3) for m in (model, eager)]
    model.loss = torch.compile(model.loss, fullgraph=True, backend="eager")
    losses: list[list[float]] = []
    with torch._dynamo.config.patch(error_on_recompile=True):
        for one, optimizer in zip((model, eager), optimizers, strict=True):
            torch.manual_seed(4)
            losses.append([float(step(one, {"image": images()}, optimizer).loss.detach()) for _ in range(5)])
    torch._dynamo.reset()
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
def test_compiled_draws_too_follow_the_generator_that_checkpoints_hold() -> None:
    """With Inductor, whose draws are its own: the same state gives the same bits, another state others."""
    torch._dynamo.reset()
    model, batch = VAE(nn.Flatten(), nn.Unflatten(1, (1, 9, 9)), 81, 81), {"image": images()}
    loss = torch.compile(model.loss, fullgraph=True)
    torch.manual_seed(7)
    loss(batch)
    state = torch.get_rng_state()
    after, later = float(loss(batch).loss.detach()), float(loss(batch).loss.detach())
    torch.set_rng_state(state)
    assert float(loss(batch).loss.detach()) == after
    assert later != after
    torch._dynamo.reset()


def test_pictures_are_the_decoded_mean_and_samples_that_do_not_change() -> None:
    model, batch = vae(seed=3).eval(), {"image": images()}
    with torch.no_grad():
        state = torch.get_rng_state()
        first, again = model.visualize(batch), model.visualize(batch)
        assert torch.equal(torch.get_rng_state(), state)
        other = vae(seed=4).eval()
        other.load_state_dict(model.state_dict())
        assert set(first) == {"reconstruction", "sample"}
        assert all(picture.shape == batch["image"].shape for picture in first.values())
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert torch.equal(first["reconstruction"], model.decoder(model.encode(batch["image"])[0]))
        assert not torch.equal(first["sample"], other.visualize(batch)["sample"])


def test_it_begins_from_its_own_seed_and_leaves_the_callers_numbers_alone() -> None:
    before = torch.get_rng_state()
    first, second, other = (VAE(nn.Flatten(), nn.Identity(), 81, LATENT, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.posterior.weight, second.posterior.weight)
    assert not torch.equal(first.posterior.weight, other.posterior.weight)
