"""Processes that form a gloo group, start once, and do what tests ask of them: each call runs on every rank."""

from __future__ import annotations

import importlib.util
import os
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests import forked

LIMIT = 120.0
"""Seconds that a call may take."""


class RankPool:
    """So many processes of one group; call it with a function of an importable test module and arguments."""

    def __init__(self, size: int, store: Path) -> None:
        context = forked.context()
        self.size = size
        pairs = [context.Pipe() for _ in range(size)]
        self._ends = [ours for ours, _ in pairs]
        self._processes = [
            context.Process(target=_serve, args=(theirs, rank, size, str(store)), daemon=True)
            for rank, (_, theirs) in enumerate(pairs)
        ]
        for process in self._processes:
            process.start()

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """The results by rank; fails with the traceback of the first rank that failed."""
        where = (function.__module__, str(Path(function.__code__.co_filename)), function.__name__)
        for end in self._ends:
            end.send((where, arguments))
        results = []
        for rank, end in enumerate(self._ends):
            if not end.poll(LIMIT):
                raise TimeoutError(f"rank {rank} has not answered for {LIMIT:g} s")
            done, result = end.recv()
            if not done:
                raise AssertionError(f"on rank {rank}:\n{result}")
            results.append(result)
        return results

    def close(self) -> None:
        for end in self._ends:
            end.send(None)
        for process in self._processes:
            process.join(10)
            process.kill()


def _serve(end: Connection, rank: int, size: int, store: str) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", store=distributed.FileStore(store, size), rank=rank, world_size=size, timeout=timedelta(seconds=LIMIT)
    )
    while (order := end.recv()) is not None:
        (_, path, name), arguments = order
        try:
            end.send((True, getattr(_module(path), name)(*arguments)))
        except BaseException:
            end.send((False, traceback.format_exc()))
    distributed.barrier()
    distributed.destroy_process_group()


_modules: dict[str, Any] = {}


def _module(path: str) -> Any:
    """A test's module, which pytest imports by its path and not by a name."""
    if path not in _modules:
        spec = importlib.util.spec_from_file_location(f"on_rank_{len(_modules)}", path)
        assert spec is not None
        assert spec.loader is not None
        _modules[path] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(_modules[path])
    return _modules[path]
