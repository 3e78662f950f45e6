"""The proxy: a cheap score of a frozen encoder on the target task, by the validation part.

Covers: the record of a trial, where finished trials are kept, what the trials of each candidate say together. Does not
cover: what a trial does (`few_shot.py`, `segmentation.py`), who wins (`choice.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import nan
from pathlib import Path

from fastssl.evaluation.shared.trial_cache import TrialCache

FILE = "aligned-proxy.jsonl"
VERSION = 1
"""Raised whenever equal settings would give another score, so that old trials are not taken for new ones."""


@dataclass(frozen=True, kw_only=True)
class ProxyTrial:
    """A finished trial.

    Attributes:
        scores: one for each draw of this trial.
        seconds: wall time.
    """

    scores: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ProxyScores:
    """The scores of all candidates, paired by draw.

    Attributes:
        by_draw: candidate -> one score for each draw, in the same order of draws for all.
        seconds: candidate -> what scoring it has cost.
        overlap: share of the labelled images that two draws have in common (`mean_overlap`); 0 where draws differ by
            their random numbers alone.
        notes: what a reader should know of the scores.
    """

    by_draw: Mapping[str, tuple[float, ...]]
    seconds: Mapping[str, float]
    overlap: float = 0.0
    notes: tuple[str, ...] = ()


def open_proxy_cache(report: Path, notify: Callable[[str], None]) -> TrialCache[ProxyTrial]:
    """Return the finished trials in a folder of reports.

    Args:
        report: the folder; it need not exist.
        notify: is told of lines that cannot be read.
    """
    return TrialCache(report / FILE, encode=asdict, decode=_decode, version=VERSION, notify=notify)


def collect(
    labels: Sequence[str], trials: Sequence[ProxyTrial]
) -> tuple[dict[str, tuple[float, ...]], dict[str, float]]:
    """Join the trials of each candidate.

    Args:
        labels: the candidate of each trial.
        trials: in the order of their draws.

    Returns:
        Candidate -> its scores, and candidate -> its seconds.
    """
    scores: dict[str, tuple[float, ...]] = {}
    seconds: dict[str, float] = {}
    for label, trial in zip(labels, trials, strict=True):
        scores[label] = (*scores.get(label, ()), *trial.scores)
        seconds[label] = seconds.get(label, 0.0) + trial.seconds
    return scores, seconds


def _decode(record: dict[str, object]) -> ProxyTrial:
    scores, seconds = record["scores"], record["seconds"]
    if not isinstance(scores, list) or not isinstance(seconds, float):
        raise TypeError("not a trial of the proxy")
    return ProxyTrial(scores=tuple(nan if score is None else float(score) for score in scores), seconds=seconds)
