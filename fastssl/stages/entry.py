"""The entry of a stage: what its folder says of itself.

Covers: the record that every stage's package has under the name STAGE. Does not cover: finding it (`registry.py`).
Torch-free, as the command line reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastssl.config.train import TrainConfig, TrainingSettings


@dataclass(frozen=True, kw_only=True)
class StageEntry:
    """A stage as the command line, the help and the registry know it.

    Args:
        title: its name as people write it.
        config: its settings as they are asked for.
        settings: the same, resolved.
        defaults: "module:class" of its `StageDefaults`, imported when a run is built, since it needs torch.
        next_command: what its paper does next with an encoder, as a command after `fastssl`; {run} is the run folder.
        follows: the stage whose encoder it starts from where a run of that one is at hand; "" for none.
    """

    title: str
    config: type[TrainConfig]
    settings: type[TrainingSettings]
    defaults: str
    next_command: str
    follows: str = ""
