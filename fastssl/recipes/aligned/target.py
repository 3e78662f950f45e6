"""The target task of a comparison: what classification and segmentation have in common.

Covers: the contract between a task and the recipe. Does not cover: either task (`classification.py`,
`segmentation.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fastssl.config.aligned import AlignedConfig
from fastssl.data import Source
from fastssl.evaluation.shared.statistics import MeanInterval
from fastssl.models.encoder import EncoderSpec

from .proxy import ProxyScores


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """The fine-tuning of one candidate.

    Attributes:
        test: the metric on the test part, over the trials.
        seconds: that the trials have taken.
    """

    test: MeanInterval
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Target(ABC):
    """A task, and the images of its own.

    Attributes:
        config: of the recipe.
        folder: of the recipe, in which each candidate has its own.
        source: what methods are pre-trained on.
    """

    config: AlignedConfig
    folder: Path
    source: Source

    metric = ""
    """Of proxy and fine-tuning, as tables name it."""
    proxy_title = ""
    """The proxy in a few words, for a heading."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the task's own images."""

    @property
    @abstractmethod
    def training_data(self) -> str:
        """The data setting of the methods' runs."""

    @abstractmethod
    def write_data(self) -> None:
        """Write what methods are pre-trained on, where it is not at a place of its own; once the folder is claimed."""

    @abstractmethod
    def imagenet_size(self, spec: EncoderSpec) -> int:
        """Return the side in pixels that an ImageNet encoder sees images at.

        Args:
            spec: of the methods' encoder.
        """

    @abstractmethod
    def score(self, names: Sequence[str], spec: EncoderSpec, console: Console) -> ProxyScores:
        """Score candidates by the proxy, as far as they are not scored yet; the test part is not looked at.

        Args:
            names: of the candidates.
            spec: of the methods' encoder, which random has as well.
            console: where progress goes.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
        """

    @abstractmethod
    def finetune(self, methods: Sequence[str], baselines: Sequence[str], console: Console) -> Mapping[str, Finetuned]:
        """Fine-tune methods and baselines, as far as they are not yet, and score them on the test part.

        Args:
            methods: at least one.
            baselines: to compare them with.
            console: where progress and tables go.

        Returns:
            Candidate -> its fine-tuning.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are kept.
        """

    @abstractmethod
    def command(self, baseline: str, best: str) -> str:
        """Return the command that fine-tunes a baseline.

        Args:
            baseline: its name.
            best: the best method, next to which random weights are fine-tuned.
        """
