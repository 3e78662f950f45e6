"""The variational autoencoder, with a weighted and warmed-up KL term.

Covers: the objective of Kingma and Welling, "Auto-Encoding Variational Bayes" (ICLR 2014, arXiv 1312.6114, equation
10), its weight beta (Higgins et al., "beta-VAE", ICLR 2017) and beta's rise from 0 (Bowman et al., arXiv 1511.06349).
Does not cover: augmentation, the loop, mixed precision; nor the layers of encoder and decoder (`fastssl.models`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fastssl.distributed.collectives import own_rows
from fastssl.distributed.world import world
from fastssl.stages.stage import Batch, Stage, StageOutput

ACTIVE_NATS = 0.01
"""A latent dimension carries information if its KL term, averaged over a batch, is above this."""


class VAE(Stage):
    """Encoder and decoder trained to maximise the evidence lower bound (ELBO).

    The prior is p(z) = N(0, I), the posterior q(z|x) = N(mu(x), diag(exp(logvar(x)))), both linear in the encoder's
    features; the likelihood is p(x|z) = N(decoder(z), pixel_std^2 I). The loss is, in nats per image,

        |x - decoder(z)|^2 / (2 pixel_std^2) + beta KL(q(z|x) || p(z)),    z drawn once from q(z|x),

    summed over all pixels, channels and latent dimensions and averaged over the batch. With beta = 1 it is the negative
    ELBO of this model up to the constant D/2 ln(2 pi pixel_std^2), for D values per image.

    Args:
        encoder: maps `[B, C, S, S]` to features `[B, feature_dim]`.
        decoder: maps `[B, latent_dim]` to `[B, C, S, S]`.
        feature_dim: length of the features.
        latent_dim: length of z.
        pixel_std: of the likelihood, on the scale of the batch's normalised pixels.
        beta: weight of the KL term, from step `warmup_steps` on.
        warmup_steps: steps over which that weight rises linearly from 0.
        seed: of the posterior layer's weights and of the samples in `visualize`.

    The batch holds "image", `[B, C, S, S]`, which is also the target.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        feature_dim: int,
        latent_dim: int,
        *,
        pixel_std: float = 1.0,
        beta: float = 1.0,
        warmup_steps: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = latent_dim
        self.pixel_std = pixel_std
        self.beta = beta
        self.warmup_steps = warmup_steps
        self.sample_seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.posterior = nn.Linear(feature_dim, 2 * latent_dim)
        self.finished_steps: Tensor
        self.register_buffer("finished_steps", torch.zeros((), dtype=torch.int64))

    def messages(self) -> list[str]:
        """Tell how to read the metrics."""
        rise = f", beta rising to {self.beta:g} over {self.warmup_steps} steps" if self.warmup_steps else ""
        return [
            f"loss = reconstruction + beta x kl, in nats per image{rise}; active_units counts the latent dimensions in "
            f"use (of {self.latent_dim}): near 0 the posterior has collapsed, and a lower --beta helps."
        ]

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the posterior q(z|x).

        Args:
            images: `[B, C, S, S]`.

        Returns:
            mu and logvar, float32 `[B, latent_dim]` each.
        """
        mu, logvar = self.posterior(self.encoder(images)).float().chunk(2, dim=1)
        return mu, logvar

    def loss(self, batch: Batch) -> StageOutput:
        """Compute the negative ELBO, its KL term weighted by the beta of this step.

        Metrics: both terms in nats per image, beta, and the number of latent dimensions in use.
        """
        images = batch["image"]
        mu, logvar = self.encode(images)
        # From the global generator, whose state every checkpoint holds: a resumed run draws what it would have drawn.
        z = mu + torch.exp(0.5 * logvar) * _noise(mu)
        error = (self.decoder(z).float() - images.float()) / self.pixel_std
        reconstruction = 0.5 * error.square().flatten(1).sum(dim=1).mean()
        kl_of_dimension = kl_from_standard_normal(mu, logvar).mean(dim=0)
        kl = kl_of_dimension.sum()
        beta = self._current_beta()
        metrics = {
            "reconstruction": reconstruction,
            "kl": kl,
            "beta": beta,
            "active_units": (kl_of_dimension > ACTIVE_NATS).sum(),
        }
        detached = {name: value.detach() for name, value in metrics.items()}
        return StageOutput(loss=reconstruction + beta * kl, metrics=detached, carry={})

    @torch.no_grad()
    def after_step(self, carry: dict[str, Tensor]) -> None:
        """Count the step, for beta's warm-up."""
        self.finished_steps.add_(1)

    def visualize(self, batch: Batch) -> dict[str, Tensor]:
        """Return "reconstruction", decoded means, and "sample", decoded draws from the prior, each time the same."""
        images = batch["image"]
        mu, _ = self.encode(images)
        generator = torch.Generator().manual_seed(self.sample_seed)
        z = torch.randn(mu.shape, generator=generator).to(mu.device)
        return {"reconstruction": self.decoder(mu), "sample": self.decoder(z)}

    def exports(self) -> dict[str, nn.Module]:
        """Return the decoder."""
        return {"decoder": self.decoder}

    def _current_beta(self) -> Tensor:
        risen = self.finished_steps / self.warmup_steps if self.warmup_steps else torch.ones_like(self.finished_steps)
        return self.beta * risen.clamp(max=1.0)


def _noise(like: Tensor) -> Tensor:
    """Standard normal numbers of a shape; each process takes its part of those of the whole batch, which all draw."""
    here = world()
    if here.size == 1:
        return torch.randn_like(like)
    return own_rows(torch.randn(here.size * like.shape[0], *like.shape[1:], dtype=like.dtype, device=like.device))


def kl_from_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """Compute KL(N(mu, exp(logvar)) || N(0, 1)), elementwise (Kingma and Welling 2014, appendix B).

    Args:
        mu: means, of any shape.
        logvar: logarithms of the variances, of the same shape.

    Returns:
        Nats, of the same shape.
    """
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)
