"""What "auto" becomes, once, for this data and this device.

Covers: one named function for each automatic value, with the reason that is printed and saved.
Does not cover: device, precision and compilation (`acceleration.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from fastssl.acceleration import Choice
from fastssl.config import TrainConfig
from fastssl.data import Source
from fastssl.errors import ConfigError
from fastssl.models.encoder import Stem

DEFAULT_EPOCHS = 100
MAX_QUEUE = 65536
PAPER_LR, SHORT_LR, SHORT_STEPS = 0.03, 0.24, 20_000
SMALL_IMAGE = 40
"""Sides in pixels up to which a ResNet's standard stem leaves one or two pixels of its last map."""
BN_GROUP = 64
"""Images whose statistics are taken together: 512 in 8 splits in MoCo's own recipe for one device."""


@dataclass(frozen=True)
class Resolved:
    """A configuration without any "auto" left in it, and what was chosen."""

    config: TrainConfig
    epochs: float
    choices: tuple[Choice, ...]


def resolve(config: TrainConfig, source: Source, *, on_cuda: bool, resnet_stem: bool, batch_norm: bool) -> Resolved:
    """Fill in every automatic value of `config` for `source`.

    Args:
        on_cuda: the run is on a GPU.
        resnet_stem: the encoder has a ResNet's stem, which can be made small.
        batch_norm: the encoder has batch norms, which can be split.

    Raises:
        ConfigError: listing every setting that does not fit the data.
    """
    images = len(source.splits["train"])
    check_fit(config, source.name, images)
    size, size_reason = config.size or min(source.image_shape[:2]), "as the data has it"
    steps_per_epoch = images // config.batch_size
    steps = config.steps or (config.epochs or DEFAULT_EPOCHS) * steps_per_epoch
    epochs = steps / steps_per_epoch
    automatic: dict[str, tuple[object, str]] = {
        "size": (size, size_reason),
        "stem": auto_stem(size, on_cuda=on_cuda, resnet_stem=resnet_stem),
        "lr": auto_lr(config.batch_size, steps),
        "queue_size": auto_queue_size(images, config.batch_size),
        "bn_splits": auto_bn_splits(config.batch_size, batch_norm=batch_norm),
    }
    filled = {name: value for name, (value, _) in automatic.items() if getattr(config, name) in (None, "auto")}
    resolved = config.model_copy(update={**filled, "epochs": None, "steps": steps})
    choices = [Choice("length", f"{steps} steps", f"{epochs:g} epochs of {steps_per_epoch} steps, {images} images")]
    for name, (_, reason) in automatic.items():
        value = getattr(resolved, name)
        text = f"{value:g}" if isinstance(value, float) else str(value)
        choices.append(Choice(name, text, reason if name in filled else "as asked"))
    return Resolved(resolved, epochs, tuple(choices))


def check_fit(config: TrainConfig, name: str, images: int) -> None:
    """Raise one ConfigError with everything about `config` that `images` training images cannot serve."""
    problems = []
    if images < config.batch_size:
        problems.append(
            f"batch_size={config.batch_size}: {name} has only {images} training images; give a smaller batch size"
        )
    if config.bn_splits is not None and config.batch_size % config.bn_splits:
        problems.append(f"bn_splits={config.bn_splits}: must divide batch_size={config.batch_size}")
    elif config.bn_splits is not None and config.bn_splits * 2 > config.batch_size:
        problems.append(f"bn_splits={config.bn_splits}: leaves one image a group; give at most batch_size / 2")
    if problems:
        raise ConfigError(problems)


def auto_stem(size: int, *, on_cuda: bool, resnet_stem: bool) -> tuple[Stem, str]:
    """Small where images are small, except on a CPU, where it would cost 16 times the work of every step."""
    if not resnet_stem:
        return "standard", "only ResNets have a small one"
    if size > SMALL_IMAGE:
        return "standard", f"images over {SMALL_IMAGE} pixels"
    if on_cuda:
        return "small", f"images of at most {SMALL_IMAGE} pixels"
    return "standard", "a small stem suits these images, but costs 16x the work on a CPU: --stem small"


def auto_lr(batch_size: int, steps: int) -> tuple[float, str]:
    """MoCo's linear rule, 0.03 for 256 images; eight times that for short runs, in which 0.03 has not moved much."""
    per_256 = SHORT_LR if steps < SHORT_STEPS else PAPER_LR
    length = f"{'under' if steps < SHORT_STEPS else 'at least'} {SHORT_STEPS} steps"
    return per_256 * batch_size / 256, f"{per_256:g} x batch / 256, for {length}"


def auto_queue_size(images: int, batch_size: int) -> tuple[int, str]:
    """The paper's K, or half the data: a queue as long as the data would hold an older key of every query."""
    whole = min(MAX_QUEUE, images // 2) // batch_size * batch_size
    return max(whole, batch_size), f"min({MAX_QUEUE}, half the images), in whole batches"


def auto_bn_splits(batch_size: int, *, batch_norm: bool) -> tuple[int, str]:
    """As many groups of about 64 as divide the batch, and two if it can be: with one, batch norm leaks the answer."""
    if not batch_norm:
        return 1, "the encoder has no batch norm to split"
    wanted = max(2, batch_size // BN_GROUP) if batch_size >= BN_GROUP // 2 else 1
    splits = next(n for n in range(wanted, 0, -1) if batch_size % n == 0)
    return splits, f"groups of {batch_size // splits} images"
