"""Joining processes: a device that several cannot share is refused before they meet."""

from __future__ import annotations

import pytest

from fastssl.distributed.join import joined
from fastssl.errors import ConfigError

TORCHRUN = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29999",
}


@pytest.mark.parametrize(
    ("device", "said"),
    [("mps", "2 processes cannot share the Apple GPU"), ("cuda:1", "2 processes cannot share one GPU")],
)
def test_a_device_that_processes_cannot_share_is_refused(
    device: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said), joined(device, 1.0):
        pass
