"""The records of an estimate.

Covers: what was measured of one stage, what follows from it for the whole run, all stages together. Does not cover:
measuring (`measure.py`), printing (`report.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fastssl.files import without_nan
from fastssl.runtime import ResolvedSetting


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast steps go.

    Args:
        images_per_second: of the median step; of several processes, of all of them.
        slow: of the slower quartile: a quarter of the steps is slower.
        fast: of the faster quartile: a quarter of the steps is faster.
        step_seconds: the mean, which the time of the run is computed with. Of a stage whose steps differ in kind, each
            kind weighs as often as it comes.
        timed: how many steps were timed, those that compile and tune not among them.
        data_wait: share of the time in which a step waited for its batch, 0 to 1.
        loader_images_per_second: of the loader alone, without steps.
        limit: "loader" where batches are what takes most of the time, else "step".
    """

    images_per_second: float
    slow: float
    fast: float
    step_seconds: float
    timed: int
    data_wait: float
    loader_images_per_second: float
    limit: Literal["loader", "step"]


@dataclass(frozen=True, kw_only=True)
class PeakMemory:
    """The most memory at any time of the run; of several processes, of that of rank 0.

    Args:
        host: bytes of the process while it trains, with everything that it had imported; None where the system does
            not say.
        before: bytes that it had before the data were opened: Python, PyTorch and other libraries; or None.
        snapshot: bytes beyond `host` while a checkpoint is written.
        device: bytes of tensors on the CUDA device; None on other devices.
        reserved: bytes that PyTorch took of the CUDA device; or None.
    """

    host: int | None
    before: int | None
    snapshot: int
    device: int | None
    reserved: int | None


@dataclass(frozen=True, kw_only=True)
class DiskUse:
    """Files of the run.

    Args:
        checkpoint: bytes of one.
        checkpoint_seconds: that one takes from the steps.
        checkpoints: that the run writes; the newest are kept.
        folder: bytes of the run's folder at its end; a little less in short runs, whose checkpoint from before the
            first step is kept and has no state of the optimiser.
    """

    checkpoint: int
    checkpoint_seconds: float
    checkpoints: int
    folder: int


@dataclass(frozen=True, kw_only=True)
class LargestBatch:
    """The largest batch that fits.

    Args:
        images: per step; None where it was not found.
        limit: what it is limited by: "memory", "images" (a batch has no image twice), or "search", where larger ones
            were not tried.
        method: "tried" on the device; "extrapolated" from the peaks of smaller ones.
        reason: how it was found, or why not, in one line.
    """

    images: int | None
    limit: Literal["memory", "images", "search"] | None
    method: Literal["tried", "extrapolated"] | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class StageEstimate:
    """What the training of one stage would take.

    Args:
        stage: its name.
        encoder: timm's name of the network.
        batch_size: images per step, of all processes.
        steps: of the whole run.
        steps_per_epoch: of the data.
        speed: of the steps.
        setup_seconds: before steps go at that speed: building, the first batches, compiling and tuning. With a budget
            of minutes also measuring the pace.
        checkpoint_seconds: that all checkpoints take from the steps.
        monitor_seconds: that watching the encoder takes at most.
        seconds: of the stage from beginning to end, without opening the data.
        memory: at its peak.
        disk: that its run takes.
        largest_batch: None where it was not asked for.
        reasons: of what was resolved: device, threads, precision, length and others.
    """

    stage: str
    encoder: str
    batch_size: int
    steps: int
    steps_per_epoch: int
    speed: Speed
    setup_seconds: float
    checkpoint_seconds: float
    monitor_seconds: float
    seconds: float
    memory: PeakMemory
    disk: DiskUse
    largest_batch: LargestBatch | None
    reasons: tuple[ResolvedSetting, ...]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a training would take.

    Args:
        data: name of the data set.
        images: for training.
        recipe: its name; None: of a single stage.
        folder: that the training would write to; the estimate writes nothing there.
        processes: that train together.
        opening_seconds: for opening the data, this time; a folder's images are decoded once and then kept.
        stages: in order.
    """

    data: str
    images: int
    recipe: str | None
    folder: Path
    processes: int
    opening_seconds: float
    stages: tuple[StageEstimate, ...]

    @property
    def seconds(self) -> float:
        """From the first line to the last: opening the data and all stages. A recipe's evaluation is not in it."""
        return self.opening_seconds + sum(stage.seconds for stage in self.stages)

    def as_dict(self) -> dict[str, Any]:
        """Write everything as JSON knows it.

        Returns:
            The fields by name, with the sum of the seconds.
        """
        whole: dict[str, Any] = without_nan({**asdict(self), "folder": str(self.folder), "seconds": self.seconds})
        return whole
