"""What a host program may have changed in torch, and a run does not expect.

Covers: gradients that are off, autocast, another default dtype or device, inside a block or a decorated function. Does
not cover: precision and threads, which a run chooses by itself (`resolve.py`), random generators
(`fastssl.training.random_state`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

_DEVICES = ("cpu", "cuda", "mps")


@contextmanager
def usual_torch_state() -> Iterator[None]:
    """Give the block torch as a new process has it; after it, all is as it was.

    The default dtype is one for all threads of a process, so it is not touched where it is float32 already.

    Yields:
        Nothing.
    """
    dtype = torch.get_default_dtype()
    with ExitStack() as usual:
        usual.enter_context(torch.inference_mode(False))
        usual.enter_context(torch.enable_grad())
        for device in _DEVICES:
            if torch.is_autocast_enabled(device):
                usual.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            usual.enter_context(torch.device("cpu"))
        if dtype != torch.float32:
            usual.callback(torch.set_default_dtype, dtype)
            torch.set_default_dtype(torch.float32)
        yield
