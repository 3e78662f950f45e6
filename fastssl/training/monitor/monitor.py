"""The monitor of a run: called between steps, it looks at the encoder when that is due.

Covers: when, by the time that steps take; counting the cost; the last and the best look; what is told. Does not cover:
the loop, the log and the bar, which get each look (`fastssl.training.fit`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from torch import nn

from fastssl.data import Source
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import Runtime

from .best import BEST, Best, read_best, save_best
from .budget import PASSES_PER_STEP, SETUP_SECONDS, Budget, images_per_look
from .images import Kind, WatchedImages, choose_images
from .look import Look, look_at, score_of

FIRST_STEPS = 10
"""Steps whose pace is not yet known: the first ones compile, tune and read."""
ADVICE = {
    "complete collapse": (
        "all images get nearly the same embedding; nothing is learnt. Try a lower --lr, a larger --batch-size, or "
        "another --temperature"
    ),
    "dimensional collapse": (
        "embeddings fill only a few of their dimensions. Where it stays so, try weaker augmentations, a lower --lr, "
        "or less --weight-decay"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What is watched, and where it is kept.

    Args:
        source: the data.
        kind: "knn" or "rank".
        share: of the time, 0 to 1.
        spec: how the encoder sees images.
        runtime: device and precision.
        folder: of the run.
        total_steps: of the run.
        batch_size: images per step.
        keep_best: keep the best encoder.
    """

    source: Source
    kind: Kind
    share: float
    spec: EncoderSpec
    runtime: Runtime
    folder: Path
    total_steps: int
    batch_size: int
    keep_best: bool


class Monitor:
    """Looks at an encoder between steps.

    Args:
        watched: what, and where it is kept.
        encoder: that is trained.
        began: step at which this call begins.
        on_look: is given every look, and the seconds that it took.
        notify: is given a line where features collapse.
        now: tells the time in seconds.
        look: looks at an encoder.
    """

    def __init__(
        self,
        watched: Watched,
        encoder: nn.Module,
        began: int,
        on_look: Callable[[Look, float], None],
        notify: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
        look: Callable[..., Look] = look_at,
    ) -> None:
        self._watched, self._encoder, self._began = watched, encoder, began
        self._on_look, self._notify, self._now, self._look = on_look, notify, now, look
        self._start = self._steady = now()
        self._budget = Budget(share=watched.share)
        self._images: WatchedImages | None = None
        self._told: set[str] = set()
        self.last: Look | None = None
        known = began and (not watched.keep_best or (watched.folder / BEST).is_file())
        self.best = read_best(watched.folder, score_of(watched.kind, watched.source)) if known else None

    def between_steps(self, step: int) -> bool:
        """Look at the encoder if that is due.

        Args:
            step: how many steps are finished.

        Returns:
            Whether it took time.
        """
        done = step - self._began
        if done == FIRST_STEPS:
            self._steady = self._now()
        if done <= FIRST_STEPS:
            return False
        elapsed = self._now() - self._start
        if not self._budget.is_due(elapsed, self._predicted(step)):
            return False
        self._take(step)
        return True

    def at_the_end(self, step: int) -> None:
        """Look at the encoder once more, unless it was just looked at or that would exceed the share.

        Args:
            step: how many steps are finished.
        """
        looked = self.last is not None and self.last.step == step
        if step - self._began <= FIRST_STEPS or looked:
            return
        if self._budget.pays_for(self._now() - self._start, self._predicted(step)):
            self._take(step)

    def _predicted(self, step: int) -> float:
        """Seconds of the first look, by the pace of training."""
        return SETUP_SECONDS + self._count(step) * self._image_seconds(step)

    def _count(self, step: int) -> int:
        """Images of a look."""
        share, seconds = self._watched.share, self._step_seconds(step)
        return images_per_look(share, seconds * self._watched.total_steps, self._image_seconds(step))

    def _image_seconds(self, step: int) -> float:
        return self._step_seconds(step) / self._watched.batch_size / PASSES_PER_STEP

    def _step_seconds(self, step: int) -> float:
        return (self._now() - self._steady - self._budget.spent) / (step - self._began - FIRST_STEPS)

    def _take(self, step: int) -> None:
        before = self._now()
        if self._images is None:
            self._images = choose_images(self._watched.source, self._watched.kind, self._count(step))
        look = self._look(self._encoder, self._images, self._watched.spec, self._watched.runtime, step)
        self._keep(look)
        after = self._now()
        self._budget.add(after - self._start, after - before)
        self._tell(look, after - before)

    def _keep(self, look: Look) -> None:
        self.last = look
        if isnan(look.value) or (self.best is not None and self.best.value >= look.value):
            return
        self.best = Best(step=look.step, value=look.value)
        if self._watched.keep_best:
            save_best(self._watched.folder, self._encoder, self._watched.spec, look.step, self._watched.total_steps)

    def _tell(self, look: Look, seconds: float) -> None:
        self._on_look(look, seconds)
        if look.collapse and look.collapse not in self._told:
            self._told.add(look.collapse)
            self._notify(f"warning: {look.collapse} at step {look.step} ({look}): {ADVICE[look.collapse]}")
