"""The VAE's bound against closed forms: the likelihood of probabilistic PCA, its gradient, the KL of two Gaussians."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from fastssl.stages.vae.objective import VAE, kl_from_standard_normal

SIDE, PIXELS, FACTORS = 4, 16, 3


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
        output = model.loss({"image": x.view(-1, 1, SIDE, SIDE)})
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        model.after_step(output.carry)
    covariance = (patterns @ patterns.T + 0.25 * torch.eye(PIXELS)).double()
    likelihood = MultivariateNormal(torch.zeros(PIXELS).double(), covariance).log_prob(x.double())
    elbo = -float(output.loss.detach()) - PIXELS / 2 * math.log(2 * math.pi * 0.25)
    assert elbo == pytest.approx(float(likelihood.mean()), abs=0.5)
    assert float(output.metrics["kl"]) == pytest.approx(math.log(1 + 4**2 / 0.5**2), abs=0.5)
