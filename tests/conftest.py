"""What every test folder shares: when Triton interprets, what `--slow` and `gpu` mean, where real data lies.

Triton reads TRITON_INTERPRET when it is first imported, by whichever test comes first, so the variable is set here,
before any test module is collected. It changes nothing outside kernels asked for with impl="triton" on a CPU.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests that take over ten seconds each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    no_gpu = pytest.mark.skip(reason="needs a CUDA device")
    too_slow = pytest.mark.skip(reason="takes over ten seconds: run with --slow")
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(no_gpu)
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(too_slow)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images: FASTSSL_DATA, or `../shared/data` beside the checkout."""
    folder = Path(os.environ.get("FASTSSL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set FASTSSL_DATA")
    return folder
