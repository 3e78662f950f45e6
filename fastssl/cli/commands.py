"""The commands: their settings, their help, and the call that each of them makes.

Covers: one function per command, the app that holds them. Does not cover: reading a command line (`line.py`).

This module does not postpone annotations: cyclopts reads those of `train` and `estimate`, whose class is only known
when their app is made.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, Token

import fastssl
from fastssl.config import (
    AdviseConfig,
    BenchmarkConfig,
    Config,
    EmbedConfig,
    ExportConfig,
    FewshotConfig,
    FinetuneConfig,
    InspectConfig,
    NeighboursConfig,
    PackConfig,
    PreviewConfig,
    ProbeConfig,
    ReportConfig,
    SegmentConfig,
    TrainConfig,
)
from fastssl.config.base import RUN
from fastssl.config.flags import ESTIMATE, AsJson, LargestBatch, TryCompiler
from fastssl.paths import user_path
from fastssl.stages.registry import config_class, every_stage

from .completion import Shell, install
from .help_pages import ShortPage

CONFIGS: dict[str, type[Config]] = {
    "train": TrainConfig,
    "estimate": TrainConfig,
    "inspect": InspectConfig,
    "advise": AdviseConfig,
    "probe": ProbeConfig,
    "fewshot": FewshotConfig,
    "finetune": FinetuneConfig,
    "segment": SegmentConfig,
    "benchmark": BenchmarkConfig,
    "preview": PreviewConfig,
    "report": ReportConfig,
    "embed": EmbedConfig,
    "neighbours": NeighboursConfig,
    "export": ExportConfig,
    "pack": PackConfig,
}
"""Command -> its settings; of those in `OF_A_STAGE`, those that all stages have."""

OF_A_STAGE = ("train", "estimate")
"""Commands that take the settings of a stage or a recipe."""

Flattened = Parameter(name="*")


def _run_path(_: type[Path], tokens: Sequence[Token]) -> Path:
    """The run that a word of the command line names."""
    try:
        return user_path(tokens[0].value)
    except ValueError as error:
        raise ValueError(f"run {tokens[0].value!r}: {error}") from None


RunPath = Annotated[Path, Parameter(converter=_run_path)]

ConfigFile = Annotated[
    Path | None,
    Parameter(
        name="--config",
        group=RUN,
        help="YAML file of settings, as a run's config.yaml; options given here win.",
    ),
]
"""Read by `line.py` before the command is parsed; listed here for help and completion."""


def advise(
    data: Annotated[str | None, Parameter(show=True)] = None,
    /,
    *,
    config: Annotated[AdviseConfig, Flattened] = AdviseConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Recommend what to train on data: commands, their expected time, the rules that lead there and their sources.

    Parameters
    ----------
    data:
        The images, as --data takes them.
    """
    fastssl.advise(data, config, json=json)


def inspect(
    data: Annotated[str | None, Parameter(show=True)] = None,
    /,
    *,
    config: Annotated[InspectConfig, Flattened] = InspectConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Look at data before training: counts, sizes, odd images, copies across splits, contact sheets.

    Parameters
    ----------
    data:
        The images, as --data takes them.
    """
    fastssl.inspect(data, config, json=json)


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


def preview(
    run: RunPath | None = None,
    /,
    *,
    config: Annotated[PreviewConfig, Flattened] = PreviewConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Draw what a stage sees of images, or what a trained run makes of them, as one PNG.

    Parameters
    ----------
    run:
        A run folder, to see its own data and view; without it, views by stage or by name.
    """
    fastssl.preview(run, config)


def doctor(*, compile: TryCompiler = False, json: AsJson = False) -> None:
    """Describe this machine: what is in the way, what is switched on and why, which versions are there."""
    fastssl.doctor(compile=compile, json=json)


def report(
    *runs: RunPath,
    config: Annotated[ReportConfig, Flattened] = ReportConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write one HTML file of all that is known of runs: curves, comparisons, a map, images, settings.

    Parameters
    ----------
    runs:
        Run folders, folders of recipes, or encoder files.
    """
    fastssl.report(runs, config)


def embed(
    run: RunPath,
    /,
    *,
    config: Annotated[EmbedConfig, Flattened] = EmbedConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write the features of images as a Parquet or .npz file, with ids, labels and patients; goes on where it was.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    """
    fastssl.embed(run, config)


def neighbours(
    run: RunPath,
    /,
    *images: str,
    config: Annotated[NeighboursConfig, Flattened] = NeighboursConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Find the images of a data set that are most similar to given ones, as a list and as a picture.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    images:
        Image files, ids of the data, or splits and places, such as test/17.
    """
    fastssl.neighbours(run, images, config, json=json)


def export(
    run: RunPath,
    /,
    *,
    config: Annotated[ExportConfig, Flattened] = ExportConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write an encoder for other programs, and check that what they load has the same features.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    """
    fastssl.export(run, config)


def pack(
    *,
    config: Annotated[PackConfig, Flattened] = PackConfig(),  # noqa: B008 (frozen)
    file: ConfigFile = None,
) -> None:
    """Write data as a folder of shards, which training reads a window at a time: for data larger than memory."""
    fastssl.pack(config)


@cache
def make_app(train_config: type[TrainConfig]) -> App:
    """Make the app of all commands.

    Args:
        train_config: the class whose fields `train` and `estimate` take: that of a stage, of a recipe, or
            `every_stage`.

    Returns:
        An app that runs a command by calling `fastssl`, and returns.
    """
    made = App(
        name="fastssl",
        help="Self-supervised pre-training on medical images.",
        help_format="plaintext",
        version=fastssl.__version__,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        help_formatter=ShortPage(),
        default_parameter=Parameter(json_list=False, json_dict=False),  # a folder may be called [x] or {x}
    )

    def train(
        *,
        config: Annotated[train_config, Flattened] = train_config(),  # type: ignore[valid-type]  # noqa: B008 (frozen)
        file: ConfigFile = None,
    ) -> object:
        """Pre-train an encoder. Its --help lists the settings of the --stage or --recipe that is given."""
        return fastssl.train(config)

    def estimate(
        *,
        config: Annotated[train_config, Flattened] = train_config(),  # type: ignore[valid-type]  # noqa: B008 (frozen)
        file: ConfigFile = None,
        largest_batch: LargestBatch = True,
        json: Annotated[AsJson, Parameter(group=ESTIMATE)] = False,
    ) -> None:
        """Measure 20 steps of what train would do, whose settings it takes: time, memory, largest batch."""
        fastssl.estimate(config, largest_batch=largest_batch, json=json)

    def install_completion(*, shell: Shell | None = None) -> None:
        """Install the completion of commands and options in your shell.

        Parameters
        ----------
        shell:
            The shell to install it in (auto: the one that this is run from).
        """
        install(make_app(every_stage()), shell)

    working: list[Callable[..., object]] = [
        *(train, probe, fewshot, finetune, segment, benchmark, preview, report),
        *(embed, neighbours, export, pack),
    ]
    asking: list[Callable[..., object]] = [inspect, advise, estimate, doctor]
    for place, command in enumerate((*working, *asking)):
        whole = {"help_formatter": "default"} if command is inspect else {}  # the page that explains scans
        made.command(command, sort_key=place, **whole)
    made.command(install_completion, name="--install-completion")
    return made


app = make_app(config_class())
"""All commands; `train` and `estimate` with the settings of the default stage."""
