"""Torch as a host program has left it: a run is not disturbed, and leaves it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

import fastssl
from fastssl.runtime import usual_torch_state


@contextmanager
def double_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def meta_by_default() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


HOSTS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "float64": double_by_default,
    "meta": meta_by_default,
}


def state() -> tuple[object, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_default_device(),
    )


USUAL = state()


@pytest.mark.parametrize("host", HOSTS)
def test_inside_it_is_as_usual_and_after_it_as_before(host: str) -> None:
    with HOSTS[host]():
        before = state()
        assert before != USUAL
        with usual_torch_state():
            assert state() == USUAL
        assert state() == before
        with pytest.raises(RuntimeError, match="x"), usual_torch_state():
            raise RuntimeError("x")
        assert state() == before


@pytest.fixture
def data(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    splits = {"train": 24, "test": 12}
    arrays = {f"{name}_images": generator.integers(0, 256, (n, 16, 16), np.uint8) for name, n in splits.items()}
    np.savez(tmp_path / "data.npz", **arrays, **{f"{name}_labels": np.arange(n) % 2 for name, n in splits.items()})
    return tmp_path / "data.npz"


def encoder_and_scores(data: Path, folder: Path) -> tuple[bytes, object]:
    settings = {"encoder": "test_resnet", "batch_size": 8, "queue_size": 16, "bn_splits": 1, "steps": 2}
    run = fastssl.train(data=data, out=folder, device="cpu", amp=False, threads=1, **settings)
    probed = fastssl.probe(folder, device="cpu")
    return run.encoder.read_bytes(), [(row.features, row.auc, row.acc) for row in probed.rows]


@pytest.mark.parametrize("host", HOSTS)
def test_a_run_is_the_same_in_any_host(data: Path, tmp_path: Path, host: str) -> None:
    expected = encoder_and_scores(data, tmp_path / "alone")
    with HOSTS[host]():
        assert encoder_and_scores(data, tmp_path / "hosted") == expected
