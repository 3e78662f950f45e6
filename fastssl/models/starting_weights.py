"""The weights that an encoder starts from: a run's, those of a file, or published ones by name.

Covers: what is known of them before they are loaded, loading them, saying what was and was not loaded. Does not cover:
how they are asked for (`fastssl.config.initial`), where published ones are (`imagenet.py`), which of a file's tensors
are an encoder's (`weight_match.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fastssl.config.initial import PublishedWeights, parse_initial
from fastssl.errors import CheckpointError, ConfigError

from .encoder import EncoderSpec, Stem, check_model_name
from .encoder_file import LoadedEncoder, load_encoder, read_spec
from .hub import published_config, where_from
from .imagenet import is_installed, pretrained_encoder
from .input_scale import rescale_inputs
from .pretrained_option import init_option
from .weight_file import read_weights
from .weight_fit import fit_tensors
from .weight_match import load_weights

_COLOURS = 3
"""Channels of the images that published weights are for."""


@dataclass(frozen=True, kw_only=True)
class StartingEncoder:
    """What weights say of the encoder that they are for.

    Args:
        name: of the timm model.
        stem: of the encoder.
    """

    name: str
    stem: Stem


def starting_encoder(start: str | Path, encoder: str | None, own: str) -> StartingEncoder | None:
    """Find which encoder weights are for, without loading them.

    Args:
        start: the weights, as --init takes them.
        encoder: that was asked for; None where it was not.
        own: that is taken where neither it nor the weights name one.

    Returns:
        The encoder; None where a file of weights does not say.

    Raises:
        ConfigError: timm has no such model, or another encoder was asked for.
        CheckpointError: the file is missing or damaged.
    """
    found = parse_initial(start)
    if isinstance(found, Path):
        spec = read_spec(found)
        return None if spec is None else StartingEncoder(name=spec.name, stem=spec.stem)
    if found.model is None:
        return StartingEncoder(name=encoder or own, stem="standard")
    check_model_name(found.model, "init")
    architecture, _, tag = found.model.partition(".")
    if encoder is not None:
        theirs, _, other = encoder.partition(".")
        if theirs != architecture or (tag and other and tag != other):
            raise ConfigError([f"init={str(start)!r} and encoder={encoder!r} contradict each other: leave one out"])
    return StartingEncoder(name=encoder or architecture, stem="standard")


def load_start(encoder: nn.Module, spec: EncoderSpec, start: str | Path) -> str:
    """Give an encoder the weights that it starts from, in place.

    The first layer is rescaled where the weights are known to be trained on images normalised otherwise than `spec`
    says. The global random generator stays as it was.

    Args:
        encoder: as `spec` says.
        spec: what it was built as, and how its images will be normalised.
        start: the weights, as --init takes them.

    Returns:
        One line: what was matched, changed and left out.

    Raises:
        ConfigError: published weights cannot be had on this machine, or are not for such an encoder; it says which file
            to fetch, and how to give it.
        CheckpointError: a file cannot be read, or holds the weights of another model.
    """
    found = parse_initial(start)
    with torch.random.fork_rng(devices=[]):
        if isinstance(found, PublishedWeights):
            return _load_published(encoder, spec, found)
        own = read_spec(found)
        if own is None or (own.mean, own.std) == (spec.mean, spec.std):
            return load_weights(encoder, read_weights(found), str(found))
        trained = load_encoder(found)
        rescaled = _rescaled(trained, spec)
        return _joined(load_weights(encoder, trained.module.state_dict(), str(found)), rescaled)


def _load_published(encoder: nn.Module, spec: EncoderSpec, asked: PublishedWeights) -> str:
    """Load a model of three channels as it was trained, then fit it to the run's images."""
    name = asked.model or spec.name
    option = init_option(name, "" if asked.model else "imagenet")
    if spec.stem != "standard":
        raise ConfigError([f"{option.asked(name)}: its weights are for the standard stem; give --stem standard"])
    notes: list[str] = []
    trained = pretrained_encoder(name, _COLOURS, spec.size, asked.file, notes.append, option)
    rescaled = _rescaled(trained, spec)
    fitted = fit_tensors(encoder, trained.module.state_dict())
    _load(encoder, fitted.tensors, option.asked(name))
    if asked.file is None:
        whence = "an installed package" if is_installed(name) else where_from(published_config(name))
        notes.append(f"{len(fitted.tensors)} tensors from {whence}, without the classifier")
        notes.append(_resized(name, spec.size, trained.module.state_dict()))
    return _joined(*notes, *fitted.notes, rescaled)


def _load(encoder: nn.Module, tensors: dict[str, Tensor], origin: str) -> None:
    try:
        encoder.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{origin}: its weights do not fit these images ({reason})") from None


def _rescaled(trained: LoadedEncoder, spec: EncoderSpec) -> str:
    """Make an encoder take images that are normalised as `spec` says, and tell it."""
    module, own = trained
    mean, std = (_spread(values, own.in_channels) for values in (spec.channel_mean, spec.channel_std))
    return rescale_inputs(module, spec.size, trained=(own.channel_mean, own.channel_std), given=(mean, std))


def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Of images of other channels: their average."""
    return values if len(values) == channels else (sum(values) / len(values),) * channels


def _resized(name: str, size: int, made: dict[str, Tensor]) -> str:
    """What timm itself has resized when it loaded weights at another size than the model's own."""
    import timm

    with torch.device("meta"):
        own = timm.create_model(name, num_classes=0).state_dict()
    changed = [key for key, value in made.items() if key in own and own[key].shape != value.shape]
    if not changed:
        return ""
    which = changed[0] + (f" and {len(changed) - 1} more" if changed[1:] else "")
    return f"{which} resized by timm from {published_config(name).input_size[-1]} to {size} px"


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))
