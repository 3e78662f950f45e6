"""No ImageNet encoder is at hand, whatever is installed: it would be a row more in every probe, at 128 px."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_imagenet_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastssl.evaluation.shared.pretrained.is_at_hand", lambda _: False)
