"""Starting one run of ours or of lightly's in a process of its own, as its user would.

Covers: what is trained on what, the images, the environment of the process, its one line of JSON.
Does not cover: what a run does (`run_ours.py`, `run_lightly.py` and others), rounds (`bench/end_to_end/test_peers.py`).

Variables that set threads are taken out of the environment, so that each side's own choice is what is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.harness.machine import user_environment
from fastssl.pipelines import TwoCrops

RUNNERS = {
    "ours": "run_ours.py",
    "lightly": "run_lightly.py",
    "plain": "run_plain.py",
    "lightly-simclr": "run_lightly_simclr.py",
    "stable-pretraining": "run_stable_pretraining.py",
}
LONGEST_SECONDS = 900
"""Of one run; it is then killed, and the benchmark fails."""


@dataclass(frozen=True)
class Plan:
    """How long is measured, beside what, and on what: the options of `options.py`.

    rounds: runs of each variant, at most; minutes: after which a benchmark begins no further round. steps, seconds: as
    in `Order`. neighbours: busy processes in the busy half. baseline: a folder that holds an older fastssl. data: an
    .npz file of images.
    """

    rounds: int
    minutes: float
    steps: int
    seconds: float
    neighbours: int
    baseline: Path | None
    data: Path | None


@dataclass(frozen=True)
class Setting:
    """Images of a size, how many, and how many a step. As long an epoch as PneumoniaMNIST's, of 36 steps or more."""

    size: int
    channels: int
    batch_size: int
    images: int

    @property
    def queue_size(self) -> int:
        """Half the images, in whole batches: what fastssl takes by itself at commit c023a42; given to both."""
        return self.images // 2 // self.batch_size * self.batch_size

    def __str__(self) -> str:
        return f"{self.size}x{self.size}x{self.channels}, batch {self.batch_size}"


@dataclass(frozen=True)
class Variant:
    """side: of `RUNNERS`. amp: bf16 or not; None: as ours chooses. path: a folder that holds another fastssl.

    variables: (name, value) of what its user has set in the environment.
    """

    side: str
    amp: bool | None
    path: Path | None = None
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Order:
    """What a runner is told. steps: timed at most; seconds: after which no further one is begun. stage: of ours."""

    data: str
    batch_size: int
    queue_size: int
    steps: int
    seconds: float
    amp: bool | None
    strength: dict[str, Any]
    stage: str = "moco"


def lightly_strength(view: TwoCrops) -> dict[str, Any]:
    """What `MoCoV2Transform` must be given to crop, flip, jitter and blur as `view` does."""
    return {
        "min_scale": view.scale[0],
        "hf_prob": view.horizontal_flip,
        "vf_prob": view.vertical_flip,
        "rr_prob": float(view.rotation > 0),
        "rr_degrees": view.rotation or None,
        "cj_prob": view.jitter,
        "cj_bright": view.brightness,
        "cj_contrast": view.contrast,
        "cj_sat": view.saturation,
        "cj_hue": view.hue,
        "random_gray_scale": view.greyscale,
        "gaussian_blur": view.blur,
        "sigmas": view.blur_sigma,
    }


def images_file(setting: Setting, given: Path | None, folder: Path) -> Path:
    """`given` where its training images have the setting's size; else a file of noise, written into `folder`.

    Raises:
        pytest.UsageError: `given` cannot be read.
    """
    if given is not None:
        try:
            with np.load(given, allow_pickle=False) as file:
                shape = file["train_images"].shape
        except (OSError, ValueError, KeyError) as error:
            raise pytest.UsageError(f"--data {given}: not an .npz file with train_images ({error})") from None
        if shape[1:3] == (setting.size, setting.size) and (*shape, 1)[3] == setting.channels:
            return given.absolute()
    path = folder / "noise.npz"
    shape = (setting.images, setting.size, setting.size, setting.channels)
    np.savez(path, train_images=np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    return path


def run(variant: Variant, order: Order, folder: Path) -> dict[str, Any]:
    """One run in a process of its own, in `folder`; what it reported."""
    script = Path(__file__).parent / RUNNERS[variant.side]
    environment = user_environment()
    environment.update(variant.variables)
    if variant.path is not None:
        environment["PYTHONPATH"] = str(variant.path)
    command = [sys.executable, str(script), json.dumps(asdict(order))]
    # Not by its exit status: a run that is ended by a signal may say so in it.
    finished = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )
    try:
        result: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise RuntimeError(f"{variant} reported nothing (status {finished.returncode}):\n{finished.stderr}") from None
    assert variant.path is None or Path(result["fastssl"]).is_relative_to(variant.path), f"it ran {result['fastssl']}"
    return result
