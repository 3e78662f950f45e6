"""L2-regularised logistic regression on small support sets: many problems at once, each with its own few samples.

Covers: softmax and independent sigmoids; solving for one coefficient per sample and output, from Gram matrices alone,
so that features of different lengths share a batch. Does not cover: making Gram matrices and batches
(`fastssl.evaluation.fewshot.grid`), data with many more samples than features (`logistic.py`, whose objective this one
is).

Problem p minimises over A [K, N] and the unpenalised b [K], for a Gram matrix G of centred features and weights w,

    f(A, b) = sum_i w_i * loss((A G + b)_i, t_i) + l2 / 2 * <A, A G>,

whose minimum is that over all weights W = A X (the representer theorem). Steps and gradients are coefficients too, and
their inner product is <U, V> = <U, V G>: L-BFGS in the space of the functions, in which f is better conditioned than in
A by a factor of G. It starts from the inverse of D G + l2, where D holds each sample's mean curvature p (1 - p) w. On
separable data that curvature falls many times over on the way, so it is taken anew: 17 iterations for 50 shots of four
classes (D 512, C = 1, 1e-4 above the minimum) against 87 with the first one kept, and 37 or more without it.
Outputs lie before samples, `[P, K, N]`: with few outputs, that product is five times faster than its transpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .logistic import Link

_REFRESHES = (0, 4, 20, 80)  # iterations at which the curvature is taken
_ARMIJO = 1e-4
_SHORTEST_STEP = 1e-6
_ROUNDING = 8  # eps
_DOUBLE_RTOL = 1e-2  # of rtol: at weak l2 the estimated distance is up to some hundred times too small
_LEAST_CURVATURE = 1e-3  # of the largest, so that a sample fitted exactly leaves the metric invertible


@dataclass(frozen=True, kw_only=True)
class GramProblems:
    """P problems of N samples and K outputs, all tensors of one floating dtype.

    A sample of weight 0 is padding; its row and column in `gram` are 0.

    Attributes:
        gram: `[P, N, N]`, inner products of the centred features.
        targets: `[P, K, N]`, one-hot for softmax, zeros and ones for sigmoid.
        weight: `[P, N]`, not negative, summing to 1.
        l2: `[P]`, above 0.
        link: of the outputs to probabilities.
    """

    gram: Tensor
    targets: Tensor
    weight: Tensor
    l2: Tensor
    link: Link = "softmax"

    def to(self, dtype: torch.dtype) -> GramProblems:
        """Return the same problems in another precision."""
        gram, targets, weight, l2 = (tensor.to(dtype) for tensor in (self.gram, self.targets, self.weight, self.l2))
        return GramProblems(gram=gram, targets=targets, weight=weight, l2=l2, link=self.link)

    def select(self, kept: Tensor) -> GramProblems:
        """Return the problems where `kept`, bool `[P]`, is True."""
        gram, targets, weight, l2 = (tensor[kept] for tensor in (self.gram, self.targets, self.weight, self.l2))
        return GramProblems(gram=gram, targets=targets, weight=weight, l2=l2, link=self.link)


@dataclass(frozen=True, kw_only=True)
class GramFit:
    """The solutions of P problems, in their dtype.

    Attributes:
        coefficients: `[P, K, N]`, A.
        bias: `[P, K]`, b.
        objective: `[P]`, f there.
        converged: bool `[P]`.
    """

    coefficients: Tensor
    bias: Tensor
    objective: Tensor
    converged: Tensor


@torch.inference_mode()
def fit_gram(problems: GramProblems, *, rtol: float = 1e-5, max_iterations: int = 300) -> GramFit:
    """Solve P problems together, in their dtype; what float32 cannot finish is solved again in float64.

    Args:
        problems: what is minimised.
        rtol: a problem ends where the step's estimate of its distance from the minimum is at most this share of f. What
            is solved in float64 after float32 gets a hundredth of it.
        max_iterations: of each problem, in each dtype.
    """
    fit = _minimise(problems, rtol, max_iterations)
    if problems.gram.dtype == torch.float64 or bool(fit.converged.all()):
        return fit
    left = ~fit.converged
    again = _minimise(problems.select(left).to(torch.float64), _DOUBLE_RTOL * rtol, max_iterations)
    for whole, part in zip(
        (fit.coefficients, fit.bias, fit.objective, fit.converged),
        (again.coefficients, again.bias, again.objective, again.converged),
        strict=True,
    ):
        whole[left] = part.to(whole.dtype)
    return fit


@dataclass(frozen=True)
class _Point:
    """theta and its image `[P, K, N + 1]`, the logits `[P, K, N]`, and f `[P, 1, 1]`."""

    theta: Tensor
    image: Tensor
    logits: Tensor
    value: Tensor


class _Objective:
    """f, with A and b in one tensor `[P, K, N + 1]`, whose image under the Gram matrix is (A G, b)."""

    def __init__(self, problems: GramProblems) -> None:
        self.link = problems.link
        self.gram = F.pad(problems.gram, (0, 1, 0, 1))
        self.gram[:, -1, -1] = 1
        self.weight = problems.weight[:, None]
        self.weighted_targets = problems.targets * self.weight
        self.penalty = problems.l2[:, None, None].repeat(1, 1, self.gram.shape[2])
        self.penalty[..., -1] = 0
        self.half_penalty = 0.5 * self.penalty

    def image(self, vector: Tensor) -> Tensor:
        return vector @ self.gram

    def at(self, theta: Tensor, image: Tensor) -> _Point:
        """Return f at theta, whose image is given."""
        logits = image[..., :-1] + image[..., -1:]
        if self.link == "softmax":
            fit = _dot(torch.log_softmax(logits, dim=1), self.weighted_targets)
        else:
            fit = _sum(logits * self.weighted_targets - F.softplus(logits) * self.weight)
        return _Point(theta, image, logits, _dot(self.half_penalty * theta, image) - fit)

    def gradient(self, point: _Point) -> Tensor:
        """The coefficients of f's gradient in the space of functions."""
        residual = self.probabilities(point.logits) * self.weight - self.weighted_targets
        residual = torch.cat([residual, residual.sum(dim=2, keepdim=True)], dim=2)
        return torch.addcmul(residual, self.penalty, point.theta)

    def metric(self, point: _Point) -> _Metric:
        """The curvature at a point, factored."""
        probability = self.probabilities(point.logits)
        curvature = (probability * (1 - probability)).mean(dim=1, keepdim=True) * self.weight
        floor = _LEAST_CURVATURE * curvature.amax(dim=2, keepdim=True)
        curvature = torch.cat([curvature.maximum(floor), curvature.sum(dim=2, keepdim=True)], dim=2)
        root = curvature.clamp_min(torch.finfo(curvature.dtype).tiny).sqrt()
        system = (self.gram * root).mul_(root.mT)
        system.diagonal(dim1=1, dim2=2).add_(self.penalty[:, 0])
        return _Metric(torch.linalg.cholesky_ex(system).L, root)

    def probabilities(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=1) if self.link == "softmax" else torch.sigmoid(logits)


@dataclass(frozen=True)
class _Metric:
    """The inverse of D G + l2 on the coefficients and of sum D on the bias, by the symmetric D^1/2 G D^1/2 + l2.

    factor: `[P, N + 1, N + 1]`, the Cholesky factor of the symmetric one. root: `[P, 1, N + 1]`, D^1/2.
    """

    factor: Tensor
    root: Tensor

    def apply(self, vector: Tensor) -> Tensor:
        return torch.cholesky_solve((vector / self.root).mT, self.factor).mT * self.root


@dataclass(frozen=True)
class _Pair:
    """The last step, its image and the change of the gradient along it, `[P, K, N + 1]` each.

    scale: `[P, 1, 1]`, 1 / <step, change>, and 0 where that product is not above 0.
    """

    step: Tensor
    step_image: Tensor
    change: Tensor
    scale: Tensor

    @classmethod
    def of(cls, step: Tensor, step_image: Tensor, change: Tensor) -> _Pair:
        curvature = _dot(step_image, change)
        return cls(step, step_image, change, torch.where(curvature > 0, 1 / curvature, 0.0))


def _minimise(problems: GramProblems, rtol: float, max_iterations: int) -> GramFit:
    objective = _Objective(problems)
    count, outputs, samples = problems.targets.shape
    start = problems.gram.new_zeros(count, outputs, samples + 1)
    point = objective.at(start, start)
    gradient = objective.gradient(point)
    converged = stalled = torch.zeros_like(point.value, dtype=torch.bool)
    pair: _Pair | None = None
    for iteration in range(max_iterations):
        if iteration in _REFRESHES:
            metric = objective.metric(point)
        direction, along = _direction(objective, gradient, metric, pair)
        slope = _dot(along, gradient)
        converged = converged | ((slope <= 0) & (-0.5 * slope <= rtol * point.value))
        finished = converged | stalled | (slope > 0)  # upwards: rounding has left the metric indefinite
        if bool(finished.all()):
            break
        point, length = _backtrack(objective, point, direction, along, slope, (~finished).to(slope))
        stalled = length == 0
        before, gradient = gradient, objective.gradient(point)
        pair = _Pair.of(length * direction, length * along, gradient - before)
    # Near 1 a probability is rounded by eps, and so is f: where f is small, this dtype cannot tell `rtol` of it.
    converged = converged & (point.value * rtol > _ROUNDING * torch.finfo(slope.dtype).eps)
    return GramFit(
        coefficients=point.theta[..., :-1],
        bias=point.theta[..., -1],
        objective=point.value.flatten(),
        converged=converged.flatten(),
    )


def _direction(objective: _Objective, gradient: Tensor, metric: _Metric, pair: _Pair | None) -> tuple[Tensor, Tensor]:
    """L-BFGS's with one pair, and its image, in the Gram matrix's inner product. Four pairs need no fewer iterations.

    Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.4.
    """
    if pair is None:
        direction = -metric.apply(gradient)
        return direction, objective.image(direction)
    weight = pair.scale * _dot(pair.step_image, gradient)
    descent = -metric.apply(torch.addcmul(gradient, weight, pair.change, value=-1))
    image = objective.image(descent)
    correction = -weight - pair.scale * _dot(pair.change, image)
    return torch.addcmul(descent, correction, pair.step), torch.addcmul(image, correction, pair.step_image)


def _backtrack(
    objective: _Objective, point: _Point, direction: Tensor, along: Tensor, slope: Tensor, length: Tensor
) -> tuple[_Point, Tensor]:
    """Armijo steps by quadratic interpolation from `length` `[P, 1, 1]` on; returns where they end and their lengths.

    A length of 0 stays; it becomes 0 where no step lowers the value beyond rounding.
    """
    highest = point.value * (1 + 4 * torch.finfo(slope.dtype).eps)
    while True:
        trial = objective.at(torch.addcmul(point.theta, length, direction), torch.addcmul(point.image, length, along))
        # Not "value > ...": what is not a number must not be taken for an accepted value.
        accepted = trial.value <= torch.addcmul(highest, length, slope, value=_ARMIJO)
        if bool(accepted.all()):
            return trial, length
        quadratic = -slope * length.square() / (2 * (trial.value - point.value - length * slope))
        shorter = torch.minimum(torch.maximum(quadratic.nan_to_num(), 0.1 * length), 0.5 * length)
        length = torch.where(accepted, length, torch.where(length < _SHORTEST_STEP, 0.0, shorter))


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return _sum(left * right)


def _sum(values: Tensor) -> Tensor:
    """`[P, K, N]` to `[P, 1, 1]`."""
    return values.sum(dim=(1, 2), keepdim=True)
