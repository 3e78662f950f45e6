"""The VAE against closed forms: the likelihood of probabilistic PCA, the KL of two Gaussians; its warm-up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from fastssl.models.vae_decoder import ConvDecoder
from fastssl.stages.stage import StageOutput
from fastssl.stages.vae import VAE, kl_from_standard_normal

SIDE, PIXELS, FACTORS = 4, 16, 3
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


class ProbabilisticPCA:
    """x = W z + noise, z ~ N(0, I) (Tipping and Bishop 1999): a VAE whose likelihood and posterior are known.

    W's columns are orthogonal, so that the posterior of z is diagonal and a VAE's encoder can be exact.
    """

    def __init__(self, std: float) -> None:
        random = np.random.default_rng(0)
        basis = np.linalg.qr(random.normal(size=(PIXELS, FACTORS)))[0]
        self.std, self.weight = std, basis * np.array([2.0, 1.0, 0.4])
        self.precision = (self.weight**2).sum(axis=0) / std**2 + 1  # of the posterior
        self.x = self.weight @ random.normal(size=FACTORS) + std * random.normal(size=PIXELS)

    def log_likelihood(self) -> float:
        covariance = self.weight @ self.weight.T + self.std**2 * np.eye(PIXELS)
        distance = self.x @ np.linalg.solve(covariance, self.x)
        return -0.5 * (PIXELS * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + distance)

    def vae(self) -> VAE:
        decoder = nn.Sequential(nn.Linear(FACTORS, PIXELS, bias=False), nn.Unflatten(1, (1, SIDE, SIDE)))
        model = VAE(nn.Flatten(), decoder, PIXELS, FACTORS, pixel_std=self.std)
        with torch.no_grad():
            decoder[0].weight.copy_(torch.from_numpy(self.weight))
            to_mean = self.weight.T / self.std**2 / self.precision[:, None]
            model.posterior.weight.copy_(torch.from_numpy(np.concatenate([to_mean, np.zeros_like(to_mean)])))
            model.posterior.bias.copy_(torch.from_numpy(np.concatenate([np.zeros(FACTORS), -np.log(self.precision)])))
        return model

    def copies(self, count: int) -> dict[str, Tensor]:
        return {"image": torch.from_numpy(self.x).float().reshape(1, 1, SIDE, SIDE).expand(count, -1, -1, -1)}


@pytest.mark.parametrize("std", [1.0, 0.5])
def test_with_the_exact_posterior_the_elbo_is_the_log_likelihood(std: float) -> None:
    """Over many draws of z; with the constant that the loss leaves out."""
    toy, draws = ProbabilisticPCA(std), 200_000
    torch.manual_seed(0)
    loss = float(toy.vae().loss(toy.copies(draws)).loss.detach())
    elbo = -loss - PIXELS / 2 * math.log(2 * math.pi * std**2)
    assert elbo == pytest.approx(toy.log_likelihood(), abs=0.02)


def test_with_another_posterior_the_elbo_is_lower_by_its_divergence() -> None:
    toy, draws = ProbabilisticPCA(0.5), 200_000
    model = toy.vae()
    with torch.no_grad():
        model.posterior.bias += torch.tensor([0.1, -0.2, 0.3, 0.4, -0.5, 0.2])
        mu, logvar = (values[0].double() for values in model.encode(toy.copies(1)["image"]))
        exact_mu, exact_logvar = (values[0].double() for values in toy.vae().encode(toy.copies(1)["image"]))
    torch.manual_seed(0)
    elbo = -float(model.loss(toy.copies(draws)).loss.detach()) - PIXELS / 2 * math.log(2 * math.pi * 0.25)
    posterior, exact = Normal(mu, (0.5 * logvar).exp()), Normal(exact_mu, (0.5 * exact_logvar).exp())
    gap = float(kl_divergence(posterior, exact).sum())
    assert gap > 0.3
    assert elbo == pytest.approx(toy.log_likelihood() - gap, abs=0.02)


def test_at_the_exact_posterior_the_encoders_gradient_vanishes() -> None:
    """The bound is tight there; off it, the same gradient is large."""
    toy = ProbabilisticPCA(0.5)
    gradients = []
    for shift in (0.0, 0.3):
        model = toy.vae()
        with torch.no_grad():
            model.posterior.bias += shift
        torch.manual_seed(0)
        model.loss(toy.copies(200_000)).loss.backward()
        gradients.append(float(model.posterior.bias.grad.abs().max()))
    assert gradients[0] < 0.02
    assert gradients[1] > 0.3


def test_the_kl_term_is_that_of_torch_in_fp64() -> None:
    random = torch.Generator().manual_seed(0)
    mu, logvar = (3 * torch.randn(50, 7, generator=random, dtype=torch.float64) for _ in range(2))
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(torch.zeros_like(mu), torch.ones_like(mu)))
    torch.testing.assert_close(kl_from_standard_normal(mu, logvar), expected, rtol=1e-12, atol=1e-12)


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
            losses.append([float(step(one, {"image": images()}, optimizer).loss) for _ in range(5)])
    torch._dynamo.reset()
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
def test_compiled_draws_too_follow_the_generator_that_checkpoints_hold() -> None:
    """With Inductor, whose draws are its own: the same state gives the same bits, another state others."""
    torch._dynamo.reset()
    toy = ProbabilisticPCA(0.5)
    model, batch = toy.vae(), toy.copies(8)
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
        first, again = model.pictures(batch), model.pictures(batch)
        assert torch.equal(torch.get_rng_state(), state)
        other = vae(seed=4).eval()
        other.load_state_dict(model.state_dict())
        assert set(first) == {"reconstruction", "sample"}
        assert all(picture.shape == batch["image"].shape for picture in first.values())
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert torch.equal(first["reconstruction"], model.decoder(model.encode(batch["image"])[0]))
        assert not torch.equal(first["sample"], other.pictures(batch)["sample"])


def test_it_begins_from_its_own_seed_and_leaves_the_callers_numbers_alone() -> None:
    before = torch.get_rng_state()
    first, second, other = (VAE(nn.Flatten(), nn.Identity(), 81, LATENT, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.posterior.weight, second.posterior.weight)
    assert not torch.equal(first.posterior.weight, other.posterior.weight)


def test_it_learns_the_factors_of_its_images() -> None:
    """Pictures of two factors: the bound comes near their likelihood, the KL term near what a picture says of them."""
    random = torch.Generator().manual_seed(0)
    patterns = torch.linalg.qr(torch.randn(PIXELS, 2, generator=random))[0] * 4
    x = torch.randn(256, 2, generator=random) @ patterns.T + 0.5 * torch.randn(256, PIXELS, generator=random)
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(2, PIXELS), nn.Unflatten(1, (1, SIDE, SIDE)))
    model = VAE(nn.Flatten(), decoder, PIXELS, 2, pixel_std=0.5, warmup_steps=50)
    optimizer = torch.optim.Adam(model.trained_parameters(), lr=0.05)
    for _ in range(300):
        output = step(model, {"image": x.view(-1, 1, SIDE, SIDE)}, optimizer)
    covariance = (patterns @ patterns.T + 0.25 * torch.eye(PIXELS)).double()
    likelihood = torch.distributions.MultivariateNormal(torch.zeros(PIXELS).double(), covariance).log_prob(x.double())
    elbo = -float(output.loss.detach()) - PIXELS / 2 * math.log(2 * math.pi * 0.25)
    assert elbo == pytest.approx(float(likelihood.mean()), abs=0.5)
    assert float(output.metrics["kl"]) == pytest.approx(math.log(1 + 4**2 / 0.5**2), abs=0.5)
