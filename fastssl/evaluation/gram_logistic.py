"""L2-regularised logistic regression on small support sets: many problems at once, each with its own few samples.

Covers: softmax and independent sigmoids; solving for one coefficient a sample and output, from Gram matrices alone, so
that features of different lengths share a batch. Does not cover: making Gram matrices and batches (`fewshot_grid.py`),
data with many more samples than features (`logistic.py`, whose objective this one is).

Problem p minimises over A [K, N] and the unpenalised b [K], for a Gram matrix G of centred features and weights w,

    f(A, b) = sum_i w_i * loss((A G + b)_i, t_i) + l2 / 2 * <A, A G>,

whose minimum is that over all weights W = A X (the representer theorem). Steps and gradients are coefficients too, and
their inner product is <U, V> = <U, V G>: L-BFGS in the space of the functions, in which f is better conditioned than in
A by a factor of G. It starts from the inverse of D G + l2, where D holds each sample's mean curvature p (1 - p) w. On
separable data that curvature falls thirtyfold on the way, so it is taken anew after 4, 8, 16 ... iterations: 16
iterations for 50 shots of four classes, against 58 with a fixed one and 25 of scikit-learn's.
Outputs lie before samples, `[P, K, N]`: with few outputs, that product is five times faster than its transpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .logistic import Link, probabilities

_MEMORY = 2  # pairs kept; 8 need no fewer iterations
_REFRESHES = (0, 5, 20, 80)  # iterations at which the curvature is taken
_ARMIJO = 1e-4
_SHORTEST_STEP = 1e-6
_LEAST_CURVATURE = 1e-3  # of the largest, so that a sample fitted exactly leaves the metric invertible


@dataclass(frozen=True)
class GramProblems:
    """P problems of N samples and K outputs; a sample of weight 0 is padding, and its row and column in `gram` are 0.

    gram: `[P, N, N]`. targets: `[P, K, N]`, one-hot for softmax, zeros and ones for sigmoid. weight: `[P, N]`, summing
    to 1. l2: `[P]`, above 0. All of one floating dtype.
    """

    gram: Tensor
    targets: Tensor
    weight: Tensor
    l2: Tensor
    link: Link = "softmax"

    def to(self, dtype: torch.dtype) -> GramProblems:
        """The same in another precision."""
        tensors = (tensor.to(dtype) for tensor in (self.gram, self.targets, self.weight, self.l2))
        return GramProblems(*tensors, self.link)

    def select(self, kept: Tensor) -> GramProblems:
        """Those where `kept` `[P]` is True."""
        tensors = (tensor[kept] for tensor in (self.gram, self.targets, self.weight, self.l2))
        return GramProblems(*tensors, self.link)


@dataclass(frozen=True)
class GramFit:
    """coefficients: `[P, K, N]`; bias: `[P, K]`; objective: `[P]` f there; converged: `[P]` bool."""

    coefficients: Tensor
    bias: Tensor
    objective: Tensor
    converged: Tensor


def fit_gram(problems: GramProblems, *, rtol: float = 1e-5, max_iterations: int = 300) -> GramFit:
    """Solve in the dtype that is given; what float32 cannot finish is solved again in float64.

    rtol: a problem ends where the step's estimate of its distance from the minimum is at most this share of f.
    """
    fit = _minimise(problems, rtol, max_iterations)
    if problems.gram.dtype == torch.float64 or bool(fit.converged.all()):
        return fit
    left = ~fit.converged
    again = _minimise(problems.select(left).to(torch.float64), rtol, max_iterations)
    for whole, part in zip(
        (fit.coefficients, fit.bias, fit.objective, fit.converged),
        (again.coefficients, again.bias, again.objective, again.converged),
        strict=True,
    ):
        whole[left] = part.to(whole.dtype)
    return fit


@dataclass(frozen=True)
class _Point:
    """theta and its image `[P, K, N + 1]`, the logits there `[P, K, N]`, and f `[P]`."""

    theta: Tensor
    image: Tensor
    logits: Tensor
    value: Tensor


class _Objective:
    """f, with A and b in one tensor `[P, K, N + 1]`, whose image under the Gram matrix is (A G, b)."""

    def __init__(self, problems: GramProblems) -> None:
        self.problems = problems
        count, samples = problems.weight.shape
        self.gram = problems.gram.new_zeros(count, samples + 1, samples + 1)
        self.gram[:, :-1, :-1] = problems.gram
        self.gram[:, -1, -1] = 1
        self.weight = problems.weight[:, None]
        self.weighted_targets = problems.targets * self.weight
        self.l2 = problems.l2[:, None, None]
        self.penalty = self.l2.repeat(1, 1, samples + 1)
        self.penalty[..., -1] = 0

    def image(self, vector: Tensor) -> Tensor:
        return vector @ self.gram

    def at(self, theta: Tensor, image: Tensor) -> _Point:
        """f at theta, whose image is given."""
        logits = image[..., :-1] + image[..., -1:]
        if self.problems.link == "softmax":
            loss = -_dot(torch.log_softmax(logits, dim=1), self.weighted_targets)
        else:
            loss = (F.softplus(logits) * self.weight - logits * self.weighted_targets).sum(dim=(1, 2))
        return _Point(theta, image, logits, loss + 0.5 * _dot(self.penalty * theta, image))

    def gradient(self, point: _Point) -> Tensor:
        """The coefficients of f's gradient in the space of functions."""
        residual = self.probabilities(point.logits) * self.weight - self.weighted_targets
        residual = torch.cat([residual, residual.sum(dim=2, keepdim=True)], dim=2)
        return torch.addcmul(residual, self.penalty, point.theta)

    def metric(self, logits: Tensor) -> _Metric:
        """The curvature at these logits, factored."""
        probability = self.probabilities(logits)
        curvature = (probability * (1 - probability)).mean(dim=1) * self.problems.weight
        tiny = torch.finfo(curvature.dtype).tiny
        floor = _LEAST_CURVATURE * curvature.amax(dim=1, keepdim=True)
        curvature = torch.cat([curvature.maximum(floor), curvature.sum(dim=1, keepdim=True)], dim=1).clamp_min(tiny)
        root = curvature.sqrt()[:, None]
        system = (self.gram * root).mul_(root.mT)
        system.diagonal(dim1=1, dim2=2).add_(self.penalty[:, 0])
        return _Metric(torch.cholesky_inverse(torch.linalg.cholesky_ex(system).L), root)

    def probabilities(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=1) if self.problems.link == "softmax" else probabilities(logits, "sigmoid")


def _minimise(problems: GramProblems, rtol: float, max_iterations: int) -> GramFit:
    objective = _Objective(problems)
    count, outputs, samples = problems.targets.shape
    start = problems.gram.new_zeros(count, outputs, samples + 1)
    point = objective.at(start, start)
    gradient = objective.gradient(point)
    gradient_image = objective.image(gradient)
    converged = torch.zeros(count, dtype=torch.bool, device=start.device)
    stalled = converged
    history: list[_Pair] = []
    for iteration in range(max_iterations):
        if iteration in _REFRESHES:
            metric = objective.metric(point.logits)
        direction = -_two_loop(gradient, metric, history)
        slope = _dot(direction, gradient_image)
        converged = converged | (-0.5 * slope <= rtol * point.value)
        finished = converged | stalled
        if bool(finished.all()):
            break
        along = objective.image(direction)
        length = torch.where(finished, 0.0, torch.ones_like(slope))
        point, length = _backtrack(objective, point, direction, along, slope, length)
        stalled = length == 0
        size = length[:, None, None]
        before, before_image = gradient, gradient_image
        gradient = objective.gradient(point)
        gradient_image = objective.image(gradient)
        pair = _Pair.of(size * direction, size * along, gradient - before, gradient_image - before_image)
        history = [*history[1 - _MEMORY :], pair]
    return GramFit(point.theta[..., :-1].clone(), point.theta[..., -1].clone(), point.value, converged)


@dataclass(frozen=True)
class _Metric:
    """The inverse of D G + l2 on the coefficients and of sum D on the bias, by the symmetric D^1/2 G D^1/2 + l2.

    inverse: `[P, N + 1, N + 1]`, of the symmetric one. root: `[P, 1, N + 1]`, D^1/2.
    """

    inverse: Tensor
    root: Tensor

    def apply(self, vector: Tensor) -> Tensor:
        return (vector / self.root) @ self.inverse * self.root


@dataclass(frozen=True)
class _Pair:
    """A step, the change of the gradient along it, their images, and 1 / <step, change> `[P, 1, 1]` (0: unusable)."""

    step: Tensor
    step_image: Tensor
    change: Tensor
    change_image: Tensor
    scale: Tensor

    @classmethod
    def of(cls, step: Tensor, step_image: Tensor, change: Tensor, change_image: Tensor) -> _Pair:
        curvature = _dot(step_image, change)
        scale = torch.where(curvature > 0, 1 / curvature, 0.0)
        return cls(step, step_image, change, change_image, scale[:, None, None])


def _two_loop(gradient: Tensor, metric: _Metric, history: list[_Pair]) -> Tensor:
    """Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.4, in the metric of the Gram matrix."""
    product = gradient
    weights = []
    for pair in reversed(history):
        weights.append(pair.scale * _dot(pair.step_image, product)[:, None, None])
        product = torch.addcmul(product, weights[-1], pair.change, value=-1)
    product = metric.apply(product)
    for pair, weight in zip(history, reversed(weights), strict=True):
        correction = weight - pair.scale * _dot(pair.change_image, product)[:, None, None]
        product = torch.addcmul(product, correction, pair.step)
    return product


def _backtrack(
    objective: _Objective, point: _Point, direction: Tensor, along: Tensor, slope: Tensor, length: Tensor
) -> tuple[_Point, Tensor]:
    """Armijo steps by quadratic interpolation from `length` `[P]` on; returns where they end and how long they are.

    A length of 0 stays; it becomes 0 where no step lowers the value beyond rounding.
    """
    highest = point.value * (1 + 4 * torch.finfo(slope.dtype).eps)
    while True:
        size = length[:, None, None]
        trial = objective.at(torch.addcmul(point.theta, size, direction), torch.addcmul(point.image, size, along))
        # Not "value > ...": what is not a number must not be taken for an accepted value.
        short = ~(trial.value <= highest + _ARMIJO * length * slope)
        if not bool(short.any()):
            return trial, length
        quadratic = -slope * length.square() / (2 * (trial.value - point.value - length * slope))
        shorter = torch.minimum(torch.maximum(quadratic.nan_to_num(), 0.1 * length), 0.5 * length)
        length = torch.where(short, torch.where(length < _SHORTEST_STEP, 0.0, shorter), length)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(dim=(1, 2))
