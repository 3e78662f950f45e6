"""The state of a run as a checkpoint holds it, taken and given back.

Covers: the stage with its buffers, the optimiser, the gradient scaler, the position in the data, the random generators,
and that a run goes on with what it was started with. Does not cover: the checkpoint's files (`checkpoint.py`). The
schedule has no state: it is a function of the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fastssl.errors import CheckpointError
from fastssl.training.batches import Batches
from fastssl.training.checkpoint import Checkpoint
from fastssl.training.checkpoint_policy import CheckpointPolicy
from fastssl.training.memory_order import MemoryOrder
from fastssl.training.random_state import random_states, restore_random_states
from fastssl.training.step import Step


def capture_state(
    step: Step, loader: Batches, device: torch.device, number: int, identity: Mapping[str, Any]
) -> Checkpoint:
    """Take everything that a run needs to go on, to the bit.

    Args:
        step: with the stage, the optimiser and the scaler.
        loader: of the training images.
        device: of the run.
        number: how many steps are finished.
        identity: what the run is made of; as `CheckpointPolicy` has it.

    Returns:
        A checkpoint whose tensors are those of the run themselves, not copies.
    """
    tensors = {"stage": step.stage.state_dict(), "random": random_states(device)}
    tensors["optimizer"], scalars = flatten_optimizer(step.optimizer, step.order)
    state = {
        "identity": dict(identity),
        "loader": loader.state_dict(),
        "scaler": step.scaler.state_dict(),
        "optimizer": scalars,
    }
    return Checkpoint(step=number, tensors=tensors, state=state)


def restore_state(
    checkpoint: Checkpoint, step: Step, loader: Batches, device: torch.device, policy: CheckpointPolicy
) -> None:
    """Give a run the state of a checkpoint.

    Args:
        checkpoint: of the same run.
        step: its stage, optimiser and scaler are loaded in place.
        loader: put to the position of the checkpoint.
        device: of the run.
        policy: where the checkpoint comes from, and what the run is made of now.

    Raises:
        CheckpointError: it was made for another model, or by a run that is made of something else.
    """
    now = {**policy.former_identity, **policy.identity}
    try:
        for name, value in checkpoint.state["identity"].items():
            if now.get(name) != value:
                raise CheckpointError(
                    f"{policy.folder}: not the same {name} as this run was started with; resume with those"
                )
        restore_module(step.stage, checkpoint.tensors["stage"], str(policy.folder))
        moments = checkpoint.tensors.get("optimizer", {})
        restore_optimizer(step.optimizer, step.order, moments, checkpoint.state["optimizer"])
        if checkpoint.state["scaler"]:  # a run that began in bf16 has none; fp16 then starts from the first scale
            step.scaler.load_state_dict(checkpoint.state["scaler"])
        loader.load_state_dict(checkpoint.state["loader"])
        restore_random_states(checkpoint.tensors["random"], device)
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{policy.folder}: does not fit this run ({_first_line(error)})") from None


def flatten_optimizer(optimizer: torch.optim.Optimizer, order: MemoryOrder) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Take an optimiser's state apart into what safetensors and what JSON can store.

    Args:
        optimizer: made from `order.views`.
        order: of the parameters in memory.

    Returns:
        Tensors by `INDEX.NAME`, in the parameters' own shapes; all else, likewise. Parameters are numbered as in the
        optimiser's groups, one group after the other.
    """
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, Any] = {}
    places = _places(optimizer, order)
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = order.from_memory(places[index], value)
            else:
                scalars[f"{index}.{name}"] = value
    return tensors, scalars


def restore_optimizer(
    optimizer: torch.optim.Optimizer, order: MemoryOrder, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]
) -> None:
    """Load what `flatten_optimizer` returned; hyper-parameters stay those that the optimiser was made with.

    Args:
        optimizer: made from `order.views`; loaded in place.
        order: of the parameters in memory.
        tensors: first result of `flatten_optimizer`.
        scalars: its second result.
    """
    state: dict[int, dict[str, Any]] = {}
    places = _places(optimizer, order)
    for key, value in [*tensors.items(), *scalars.items()]:
        index, name = key.split(".", 1)
        stored = order.to_memory(places[int(index)], value) if isinstance(value, Tensor) else value
        state.setdefault(int(index), {})[name] = stored
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def restore_module(module: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Load a module's state, all of it and nothing else.

    Args:
        module: loaded in place.
        tensors: its `state_dict`.
        origin: where they come from, for the error.

    Raises:
        CheckpointError: they do not fit the module.
    """
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{origin}: made for another model ({reason})") from None


def _places(optimizer: torch.optim.Optimizer, order: MemoryOrder) -> list[int]:
    """Of each parameter, in the order of the optimiser's groups, the place in `order`."""
    places = {id(view): place for place, view in enumerate(order.views)}
    return [places[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
