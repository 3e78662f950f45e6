"""`fastssl pack`: data become shards, which a training takes as the same data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fastssl
from fastssl.cli import main
from fastssl.pipelines import streamed as sizes

TINY = {"encoder": "test_resnet", "batch_size": 16, "queue_size": 32, "amp": False, "device": "cpu", "quiet": True}


def test_pack_writes_shards_that_open(here: Path, grey_npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pack", "--data", str(grey_npz)]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert said.splitlines()[-1].startswith("wrote 1 shards of ")
    assert said.splitlines()[-1].endswith("open them by --data grey.shards")
    packed, original = fastssl.open_source("grey.shards"), fastssl.open_source(grey_npz)
    assert packed.fingerprint == original.fingerprint
    np.testing.assert_array_equal(packed.splits["train"].images, original.splits["train"].images)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "nowhere"], "no data at 'nowhere'"),
        (["--out", "here"], "here exists; remove it, or write the shards to another folder"),
        (["--shard-megabytes", "0"], "shard_megabytes='0'"),
        (["--size", "4"], "size='4'"),
        (["--device", "cpu"], "unknown setting 'device'"),
    ],
)
def test_what_is_wrong_is_one_line(
    here: Path, grey_npz: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "here").mkdir()
    before = sorted(here.iterdir())
    data = [] if "--data" in options else ["--data", str(grey_npz)]
    assert main(["pack", *data, *options]) == 2
    complained = capsys.readouterr().err
    assert said in complained
    assert complained.count("\n") == 1
    assert sorted(here.iterdir()) == before


def test_a_training_in_windows_says_so_and_resumes_to_the_same_bits(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (90, 16, 16), dtype=np.uint8)
    fastssl.write_shards("set", images, shard_bytes=25 * 256)
    monkeypatch.setattr(sizes, "WINDOW_BYTES", 40 * 256)
    monkeypatch.setattr(sizes, "BLOCK_BYTES", 8 * 256)
    fastssl.train(data="set", out="whole", steps=8, **TINY)
    assert "shuffled within windows of 40 of 90 images" in capsys.readouterr().out
    fastssl.train(data="set", out="parts", steps=8, stop_after=3, **TINY)
    monkeypatch.setattr(sizes, "WINDOW_BYTES", 1 << 20)
    with pytest.raises(fastssl.FastSSLError, match="shuffle_window was 40, is None"):
        fastssl.train(data="set", out="parts", steps=8, resume=True, **TINY)
    monkeypatch.setattr(sizes, "WINDOW_BYTES", 40 * 256)
    fastssl.train(data="set", out="parts", steps=8, resume=True, **TINY)
    whole, parts = ((here / run / "encoder.safetensors").read_bytes() for run in ("whole", "parts"))
    assert whole == parts
