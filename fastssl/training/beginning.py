"""What a run begins with besides its objective: loaded weights, frozen stages, rates that fall by layer.

Covers: freezing an encoder before its stage is made, and what is said of the three. Does not cover: loading weights
(`fastssl.models.starting_weights`), the optimiser (`layer_rates.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from fastssl.config.train import TrainingSettings
from fastssl.models.layer_groups import freeze_stages, layer_scales
from fastssl.runtime import ResolvedSetting


def beginning(
    settings: TrainingSettings, encoder: nn.Module, loaded: str, *, later: bool
) -> tuple[ResolvedSetting, ...]:
    """Freeze the stages that the settings say, in place, and tell what the encoder begins with.

    Args:
        settings: of the run, resolved.
        encoder: with the weights that the run starts from.
        loaded: what was loaded of them; "" where nothing was.
        later: they come once the stage before has been trained.

    Returns:
        A setting with its reason for each of the three that is asked for.

    Raises:
        ConfigError: more stages than there are, or timm does not group the encoder's weights.
    """
    return tuple(_beginning(settings, encoder, loaded, later=later))


def _beginning(
    settings: TrainingSettings, encoder: nn.Module, loaded: str, *, later: bool
) -> Iterator[ResolvedSetting]:
    if settings.init is not None:
        before = "the encoder of the stage before" if later else "as the run began; its checkpoints hold every weight"
        yield ResolvedSetting(name="init", value=str(settings.init), reason=loaded or before)
    if settings.freeze:
        found = freeze_stages(encoder, settings.freeze)
        random = "" if settings.init is not None else "; they are random: --init gives trained ones"
        reason = f"of {found.stages} stages, {found.tensors} of {found.of} weights; batch norms keep their statistics"
        yield ResolvedSetting(name="freeze", value=str(settings.freeze), reason=reason + random)
    if settings.lr_decay < 1:
        scales = layer_scales(encoder, settings.lr_decay).values()
        reason = f"the encoder's rate is x {min(scales):.2g} in the first layer to x {max(scales):.2g} in the last"
        yield ResolvedSetting(name="lr_decay", value=f"{settings.lr_decay:g}", reason=reason)
