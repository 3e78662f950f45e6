"""Which tensors of a file are an encoder's, whatever it was trained with, and loading them.

Covers: files of timm, torchvision, MoCo, SimSiam, BYOL, DINO, MAE, DeiT, lightly, solo-learn, Lightning, DataParallel
and others whose names end as timm's do; classifiers and projection heads, which are left out. Does not cover: reading
files (`weight_file.py`), other channels and grids (`weight_fit.py`), architectures of other names.

The encoder's own names are looked for behind every prefix. All of them have to be behind one, with their shapes, and
nothing may be left over of a larger network: a ResNet-18's names are all in a ResNet-34 too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fastssl.errors import CheckpointError

from .tensor_file import find_nonfinite
from .timm_fit import timm_config
from .weight_fit import fit_tensors

_COUNTER = "num_batches_tracked"
"""Steps of a batch norm, which old files lack; nothing that timm's norms compute depends on it."""
_COMPUTED = ("relative_position_index", "attn_mask", "total_ops", "total_params")
"""Ends of names of what is computed from a network and not learnt."""
_NOT_NEEDED = (_COUNTER, *_COMPUTED)
_ADVICE = "name their architecture by --encoder"
_BETTER, _WORSE = {"ema", "teacher"}, {"k", "key", "momentum", "target", "student"}
"""Words of prefixes: of two networks in one file, the one that its authors evaluate."""


@dataclass(frozen=True, kw_only=True)
class WeightMatch:
    """The tensors of a file that are a module's.

    Args:
        prefix: of their names in the file.
        names: the module's name -> the file's name.
        left_over: names in the file that are none of these.
    """

    prefix: str
    names: Mapping[str, str]
    left_over: tuple[str, ...]


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> str:
    """Load weights into an encoder or a decoder, all of them, in place.

    Args:
        module: a timm model without its classifier, or another network.
        weights: by name, as `read_weights` returns them.
        origin: where the weights come from, for the error's text.

    Returns:
        What was matched, changed and left out, in one line.

    Raises:
        CheckpointError: tensors are missing, of another shape, left over or not finite; it names the first of them.
    """
    own = module.state_dict()
    match = match_weights(module, weights, origin)
    fitted = fit_tensors(module, {name: weights[theirs] for name, theirs in match.names.items()})
    wrong = [
        f"{name} is {list(fitted.tensors[name].shape)} and should be {list(own[name].shape)}"
        + _stem_advice(name, own[name].shape, fitted.tensors[name].shape)
        for name in match.names
        if fitted.tensors[name].shape != own[name].shape
    ]
    wrong += [
        f"{name} holds {str(fitted.tensors[name].dtype).removeprefix('torch.')}"
        for name in match.names
        if own[name].is_floating_point() and not fitted.tensors[name].is_floating_point()
    ]
    _refuse(origin, wrong)
    spoilt = find_nonfinite({match.names[name]: value for name, value in fitted.tensors.items()})
    if spoilt is not None:
        raise CheckpointError(f"{origin}: {spoilt} holds numbers that are not finite; these weights are spoilt")
    module.load_state_dict({**own, **fitted.tensors}, strict=True)
    under = f" under {match.prefix}" if match.prefix else ""
    return "; ".join([f"{len(match.names)} tensors{under}", *_left_out(match), *fitted.notes])


def match_weights(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> WeightMatch:
    """Find which tensors of a file are a module's.

    Args:
        module: the network.
        weights: by name.
        origin: where the weights come from, for the error's text.

    Returns:
        The names.

    Raises:
        CheckpointError: no prefix has all of the module's tensors, two have them, or more is left over of a trunk.
    """
    own = list(module.state_dict())
    for variant in (own, _by_number(module, own)):
        prefixes = _prefixes(variant, weights)
        needed = [name for name in variant if not name.endswith(_NOT_NEEDED)]
        complete = [prefix for prefix, found in prefixes.items() if len(found) == len(needed)]
        if complete:
            prefix = _preferred(complete, needed, weights, origin)
            names = {
                mine: prefix + theirs
                for mine, theirs in zip(own, variant, strict=True)
                if prefix + theirs in weights and not mine.endswith(_COMPUTED)
            }
            taken = set(names.values())
            left_over = tuple(name for name in weights if name not in taken)
            _refuse(origin, _unexpected(module, prefix, left_over, by_number=variant is not own))
            return WeightMatch(prefix=prefix, names=names, left_over=left_over)
    raise _another_model(module, weights, origin)


def _prefixes(own: Iterable[str], weights: Iterable[str]) -> dict[str, list[str]]:
    """For every prefix of a name in the file, those of the module's own names that are behind it."""
    needed = {name for name in own if not name.endswith(_NOT_NEEDED)}
    found: dict[str, list[str]] = {}
    for name in weights:
        begin = 0
        while begin >= 0:
            if name[begin:] in needed:
                found.setdefault(name[:begin], []).append(name[begin:])
            begin = name.find(".", begin) + 1 or -1
    return found


def _by_number(module: nn.Module, own: Iterable[str]) -> list[str]:
    """The names that the module has as `nn.Sequential(*module.children())`, which is how lightly has ResNets."""
    numbers = {name: str(number) for number, (name, _) in enumerate(module.named_children())}
    parts = (name.partition(".") for name in own)
    return [f"{numbers.get(first, first)}.{rest}" if rest else first for first, _, rest in parts]


def _preferred(complete: list[str], needed: list[str], weights: Mapping[str, Tensor], origin: str) -> str:
    """Of several networks in one file, the one to take."""

    def rank(prefix: str) -> int:
        words = set(prefix.replace("_", ".").split("."))
        return len(words & _WORSE) - len(words & _BETTER)

    best = min(map(rank, complete))
    first, *others = [prefix for prefix in complete if rank(prefix) == best]
    for other in others:
        if not all(torch.equal(weights[first + name], weights[other + name]) for name in needed):
            both = " and ".join(prefix or "no prefix" for prefix in (first, other))
            raise CheckpointError(f"{origin}: holds this encoder twice, under {both}; give a file with one of them")
    return first


def _unexpected(module: nn.Module, prefix: str, left_over: Iterable[str], *, by_number: bool) -> list[str]:
    """What is left over of the parts that the module has too: the file is a larger network's."""
    named = timm_config(module).get("classifier") or ()
    classifiers = tuple(f"{name}." for name in ((named,) if isinstance(named, str) else named))
    children = enumerate(module.children()) if by_number else module.named_children()
    trunk = {str(name) for name, child in children if next(child.parameters(), None) is not None}
    behind = [name[len(prefix) :] for name in left_over if name.startswith(prefix)]
    if timm_config(module):
        behind = [name for name in behind if name.partition(".")[0] in trunk and not name.startswith(classifiers)]
    return [f"unexpected {name}" for name in behind if not name.endswith(_NOT_NEEDED)]


def _left_out(match: WeightMatch) -> list[str]:
    """How many tensors were left out, and of what: the parts that are not on the way to the encoder."""
    if not match.left_over:
        return []
    way = match.prefix.split(".")
    parts: Counter[str] = Counter()
    for name in match.left_over:
        steps = name.split(".")
        shared = next((i for i, (a, b) in enumerate(zip(steps, way, strict=False)) if a != b), 0)
        parts[steps[min(shared, len(steps) - 1)]] += 1
    shown = [part for part, _ in parts.most_common(4)]
    return [f"{len(match.left_over)} left out ({', '.join(shown)}{', ...' if len(parts) > 4 else ''})"]


def _another_model(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> CheckpointError:
    """The error where no prefix has everything, by the prefix that has most."""
    needed = [name for name in module.state_dict() if not name.endswith(_NOT_NEEDED)]
    prefixes = _prefixes(needed, weights)
    if not prefixes:
        first = ", ".join(list(weights)[:3])
        return CheckpointError(
            f"{origin}: weights of another model: none of its names ({first}, ...) is this encoder's; {_ADVICE}"
        )
    prefix, found = max(prefixes.items(), key=lambda item: len(item[1]))
    missing = [f"missing {name}" for name in needed if name not in set(found)]
    under = f" under {prefix}" if prefix else ""
    there = f"{len(found)} of {len(needed)} tensors are there{under}"
    return CheckpointError(f"{origin}: weights of another model: {_some(missing)}; {there}; {_ADVICE}")


def _stem_advice(name: str, own: torch.Size, found: torch.Size) -> str:
    """What to do where a ResNet for small images meets one for large ones."""
    stems: dict[tuple[int, ...], str] = {(3, 3): "small", (7, 7): "standard"}
    if name != "conv1.weight" or {tuple(own[2:]), tuple(found[2:])} != stems.keys():
        return ""
    return f" (give --stem {stems[tuple(found[2:])]})"


def _refuse(origin: str, wrong: list[str]) -> None:
    if wrong:
        raise CheckpointError(f"{origin}: weights of another model: {_some(wrong)}; {_ADVICE}")


def _some(wrong: list[str]) -> str:
    return ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
