"""The temperature of contrastive stages.

Covers: which temperatures the losses take. Does not cover: the losses (`fastssl.kernels`), a stage's own default.
"""

from __future__ import annotations

from fastssl.kernels.checks import TEMPERATURES


def temperature_problems(temperature: float | None) -> list[str]:
    """Find what is wrong with a temperature.

    Args:
        temperature: that was asked for; None for none.

    Returns:
        One phrase, or none.
    """
    smallest, largest = TEMPERATURES
    if temperature is None or smallest <= temperature <= largest:
        return []
    return [f"temperature={temperature:g}: must be from {smallest:g} to {largest:g}; float32 holds no logits beyond"]
