"""L-BFGS for many convex problems at once, each with its own preconditioner, step length and end.

Covers: smooth strictly convex objectives of a linear model. Does not cover: which model (`logistic.py`).

Source: Nocedal and Wright, "Numerical Optimization", 2nd edition: the two-loop recursion (algorithm 7.4), Armijo
backtracking (section 3.1). Strict convexity makes every step's curvature positive, so no Wolfe search is needed.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

_MEMORY = 10  # pairs kept; 5 to 20 differ by under 10 % in steps on PneumoniaMNIST and BreastMNIST features
_ARMIJO = 1e-4
_SHORTEST_STEP = 1e-6


class Problem(Protocol):
    """P objectives of coefficients theta `[P, R, K]`, which they see through logits `[P, N, K]`, linear in theta."""

    def logits(self, theta: Tensor) -> Tensor:
        """Return the linear map of theta, `[P, N, K]`."""

    def value(self, logits: Tensor, theta: Tensor) -> Tensor:
        """Return the objectives, `[P]`."""

    def derivatives(self, logits: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient and an approximate inverse of the Hessian's diagonal, both `[P, R, K]`."""

    def select(self, kept: Tensor) -> Problem:
        """Return the problems where `kept`, bool `[P]`, is True."""


def minimise(problem: Problem, start: Tensor, rtol: float, max_iterations: int) -> tuple[Tensor, Tensor, Tensor]:
    """Minimise P objectives.

    A problem has converged when half the squared gradient in the metric of the inverse diagonal, an estimate of the
    distance to the minimum, is at most `rtol` of its value.

    Args:
        problem: what is minimised; values are above 0.
        start: `[P, R, K]`, where the descent begins.
        rtol: share of the value.
        max_iterations: of each problem.

    Returns:
        (theta `[P, R, K]`, iterations int64 `[P]`, converged bool `[P]`).
    """
    count, device = len(start), start.device
    solution = start.clone()
    iterations = torch.full((count,), max_iterations, device=device)
    converged = torch.zeros(count, dtype=torch.bool, device=device)

    index = torch.arange(count, device=device)  # which problem each row of the arrays below belongs to
    theta = start
    logits = problem.logits(theta)
    value = problem.value(logits, theta)
    gradient, inverse = problem.derivatives(logits, theta)
    stalled = torch.zeros_like(converged)
    history: list[tuple[Tensor, Tensor]] = []
    for iteration in range(max_iterations + 1):
        solved = 0.5 * _dot(gradient, inverse * gradient) <= rtol * value
        finished = solved | stalled
        if iteration == max_iterations or bool(finished.any()):
            solution[index] = theta
            converged[index] = solved
            iterations[index] = torch.where(finished, iteration, max_iterations)
            kept = ~finished
            if iteration == max_iterations or not bool(kept.any()):
                break
            problem = problem.select(kept)
            index, theta, logits, value = index[kept], theta[kept], logits[kept], value[kept]
            gradient, inverse = gradient[kept], inverse[kept]
            history = [(step[kept], change[kept]) for step, change in history]
        direction = -_two_loop(gradient, inverse, history)
        along = problem.logits(direction)
        length, value, stalled = _backtrack(problem, theta, logits, value, direction, along, _dot(direction, gradient))
        step = length * direction
        theta, logits, before = theta + step, logits + length * along, gradient
        gradient, inverse = problem.derivatives(logits, theta)
        history = [*history[1 - _MEMORY :], (step, gradient - before)]
    return solution, iterations, converged


def _two_loop(gradient: Tensor, inverse: Tensor, history: list[tuple[Tensor, Tensor]]) -> Tensor:
    """L-BFGS's inverse Hessian times the gradient, problem by problem."""
    product = gradient
    scales = []
    for step, change in reversed(history):
        curvature = _dot(step, change)
        weight = torch.where(curvature > 0, _dot(step, product) / curvature, 0.0)
        scales.append((weight, curvature))
        product = product - weight[:, None, None] * change
    product = product * inverse
    for (step, change), (weight, curvature) in zip(history, reversed(scales), strict=True):
        correction = torch.where(curvature > 0, weight - _dot(change, product) / curvature, 0.0)
        product = product + correction[:, None, None] * step
    return product


def _backtrack(
    problem: Problem,
    theta: Tensor,
    logits: Tensor,
    value: Tensor,
    direction: Tensor,
    along: Tensor,
    slope: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Armijo steps by quadratic interpolation; logits are linear in the step, so a trial costs no matrix product.

    Returns (length `[P, 1, 1]`, the new value `[P]`, stalled `[P]`: no step lowers the value beyond rounding).
    """
    length = torch.ones_like(value)
    rounding = 4 * torch.finfo(value.dtype).eps * value
    while True:
        size = length[:, None, None]
        trial = problem.value(logits + size * along, theta + size * direction)
        short = trial > value + _ARMIJO * length * slope + rounding
        stalled = short & (length < _SHORTEST_STEP)
        if not bool((short & ~stalled).any()):
            size = torch.where(stalled[:, None, None], 0.0, size)
            return size, torch.where(stalled, value, trial), stalled
        quadratic = -slope * length.square() / (2 * (trial - value - length * slope))
        shorter = torch.minimum(torch.maximum(quadratic, 0.1 * length), 0.5 * length)
        length = torch.where(short & ~stalled, shorter, length)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(dim=(1, 2))
