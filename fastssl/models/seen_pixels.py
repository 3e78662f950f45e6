"""Which pixels of an image reach an encoder's features.

Covers: finding them by the gradient, refusing an encoder that loses more than a tenth of the image, and the sizes that
it sees whole. Does not cover: mending that where it can be mended (`timm_fit.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fastssl.errors import ConfigError

from .timm_fit import first_convolutions, timm_config

LEAST_SHARE = 0.9
"""Of the pixels; an encoder that sees fewer is refused."""
SMALLEST, LARGEST = 8, 1024
"""Sides of images, in pixels."""
_MOST_IMAGES = 8
_SHAPE = ("kernel_size", "stride", "padding", "img_size", "dynamic_img_pad")
"""What is not in an architecture's name, of the layers that see the image and what holds them."""


@dataclass(frozen=True, kw_only=True)
class _Sight:
    """What an encoder sees of images of one size: the share of pixels, and the nearest sizes that it sees whole."""

    share: float
    whole_at: tuple[int, ...] = ()


_KNOWN: dict[tuple[object, ...], _Sight] = {}
"""What was found, by architecture, shape and first layers: all that it depends on."""


def check_seen(
    encoder: nn.Module, in_channels: int, size: int, at_size: Callable[[int], nn.Module] | None = None
) -> str:
    """Check that an encoder sees images of a size, all or nearly all of each.

    Found once for each architecture and shape: forward and backward over one image, or a few.

    Args:
        encoder: a timm model; it is left as it was.
        in_channels: of the images.
        size: side of the images, in pixels.
        at_size: makes the encoder for another size, to name sizes that fit; None: this one can take any.

    Returns:
        One line for the user where a few pixels are lost; "" where none is.

    Raises:
        ConfigError: more than a tenth is lost.
    """
    sight = _sight(encoder, in_channels, size, at_size or (lambda _: encoder))
    if sight.share == 1.0:
        return ""
    name, share = _name(encoder), f"{sight.share:.1%} of a {size}x{size} image"
    fitting = " or ".join(map(str, sight.whole_at))
    advice = f"--size {fitting} loses nothing" if fitting else "give another --size or --encoder"
    if sight.share < LEAST_SHARE:
        raise ConfigError([f"encoder={name!r}: only {share} reaches its features; {advice}"])
    return f"{share} reaches the features of {name}; {advice}"


def seen_pixels(encoder: nn.Module, in_channels: int, size: int) -> Tensor:
    """Find the pixels that an encoder's features depend on, by their gradient for random images.

    Weights that are zero are taken as others, since layers that start at zero hide what they will show. A pixel may lie
    behind units that are off for one image, so that images are added until two in a row find no further pixel.

    Args:
        encoder: maps `[1, in_channels, size, size]` to features; it is left as it was.
        in_channels: of the images.
        size: side of the images, in pixels.

    Returns:
        bool `[size, size]`, on the CPU.

    Raises:
        Exception: whatever the encoder raises for such images.
    """
    generator = torch.Generator().manual_seed(0)
    like, training = next(encoder.parameters(), torch.empty(())), encoder.training
    seen, idle = torch.zeros(size, size, dtype=torch.bool), 0
    encoder.eval()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            awake = {name: _noise(value, generator) for name, value in encoder.named_parameters() if not value.any()}
            for _ in range(_MOST_IMAGES):
                image = torch.randn(1, in_channels, size, size, generator=generator).to(like).requires_grad_()
                features: Tensor = torch.func.functional_call(encoder, awake, (image,))
                if not features.requires_grad:  # counted or sorted: a gradient does not tell
                    return torch.ones_like(seen)
                (gradient,) = torch.autograd.grad((features * _noise(features, generator)).sum(), image)
                found = seen | (gradient != 0).any(dim=1)[0].cpu()
                idle = idle + 1 if torch.equal(found, seen) else 0
                seen = found
                if seen.all() or idle == 2:
                    break
    finally:
        encoder.train(training)
    return seen


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return 0.1 * torch.randn(like.shape, generator=generator).to(like)


def _sight(encoder: nn.Module, in_channels: int, size: int, at_size: Callable[[int], nn.Module]) -> _Sight:
    layers = first_convolutions(encoder)
    around = [encoder.get_submodule(path.rpartition(".")[0]) for path in layers]
    shapes = [getattr(part, name, None) for part in (*layers.values(), *around) for name in _SHAPE]
    key = (_name(encoder), in_channels, size, *shapes)
    if key in _KNOWN:
        return _KNOWN[key]
    seen = seen_pixels(encoder, in_channels, size)
    found = _Sight(share=seen.float().mean().item())
    if found.share < 1.0:
        stride = max([getattr(part, "stride", (1,))[0] for part in layers.values()], default=1)
        rows = int(seen.any(dim=1).sum())
        smaller, larger = (rows, rows - stride, size // 32 * 32), (rows + stride, -(-size // 32) * 32)
        sides = [side for side in smaller if side < size], [side for side in larger if side > size]
        found = _Sight(share=found.share, whole_at=fitting_sizes(in_channels, at_size, *sides))
    if layers:  # of timm's own, which its name tells
        _KNOWN[key] = found
    return found


def fitting_sizes(
    in_channels: int,
    at_size: Callable[[int], nn.Module],
    smaller: Iterable[int],
    larger: Iterable[int],
    least_share: float = 1.0,
) -> tuple[int, ...]:
    """Choose sizes that an encoder can take, for advice: at most one smaller and one larger.

    Args:
        in_channels: of the images.
        at_size: makes the encoder for a size.
        smaller: sides to try, in pixels, the best first.
        larger: likewise.
        least_share: of the pixels, which it is to see.

    Returns:
        The first of each that fits.
    """

    def fits(size: int) -> bool:
        if not SMALLEST <= size <= LARGEST:
            return False
        try:
            return seen_pixels(at_size(size), in_channels, size).float().mean().item() >= least_share
        except Exception:  # a size that this encoder cannot take, each in its own words
            return False

    found = (next(filter(fits, sides), None) for sides in (smaller, larger))
    return tuple(side for side in found if side is not None)


def _name(encoder: nn.Module) -> str:
    return str(timm_config(encoder).get("architecture") or type(encoder).__name__)
