"""Commands that score encoders.

Covers: their help, and the call that each of them makes. Does not cover: their settings (`fastssl.config`).
"""

from typing import Annotated

import fastssl
from fastssl.config import BenchmarkConfig, FewshotConfig, FinetuneConfig, ProbeConfig, SegmentConfig

from .arguments import ConfigFile, Flattened, RunPath


def probe(
    run: RunPath,
    /,
    *,
    config: Annotated[ProbeConfig, Flattened] = ProbeConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Score a trained encoder by a linear classifier and kNN on its frozen features.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    """
    fastssl.probe(run, config)


def fewshot(
    *runs: RunPath,
    config: Annotated[FewshotConfig, Flattened] = FewshotConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Compare encoders on a few labelled images per class, with random and ImageNet encoders.

    Parameters
    ----------
    runs:
        Run folders, or encoder.safetensors files.
    """
    fastssl.fewshot(runs, config)


def finetune(
    *runs: RunPath,
    config: Annotated[FinetuneConfig, Flattened] = FinetuneConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Train encoders on labels, or a share of them, and compare them with random and ImageNet encoders.

    Parameters
    ----------
    runs:
        Run folders or encoder.safetensors files; the word random alone trains from scratch.
    """
    fastssl.finetune(runs, config)


def segment(
    *runs: RunPath,
    config: Annotated[SegmentConfig, Flattened] = SegmentConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Train a U-Net on images with masks, starting from runs, and score it on test images.

    Parameters
    ----------
    runs:
        Run folders or encoder files, ahead of all options; the word random starts from none.
    """
    fastssl.segment(runs, config)


def benchmark(
    name: str,
    /,
    *runs: RunPath,
    config: Annotated[BenchmarkConfig, Flattened] = BenchmarkConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Score encoders by the protocol of a published benchmark, with its results beside.

    Parameters
    ----------
    name:
        The benchmark: medmnist+.
    runs:
        Run folders, or encoder.safetensors files; none where --baseline names an encoder.
    """
    fastssl.benchmark(name, runs, config)
