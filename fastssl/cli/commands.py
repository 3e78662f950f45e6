"""The commands and their settings, and the app that holds them.

Covers: which commands there are; `train` and `estimate`, whose settings are those of a stage or a recipe. Does not
cover: the other commands (`asking.py`, `evaluating.py`, `results.py`), reading a command line (`line.py`).

This module does not postpone annotations: cyclopts reads those of `train` and `estimate`, whose class is only known
when their app is made.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated

from cyclopts import App, Parameter

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
from fastssl.config.flags import ESTIMATE, AsJson, LargestBatch
from fastssl.stages.registry import config_class, every_stage

from .arguments import ConfigFile, Flattened
from .asking import advise, doctor, inspect
from .completion import Shell, install
from .evaluating import benchmark, fewshot, finetune, probe, segment
from .help_pages import ShortPage
from .results import embed, export, neighbours, pack, preview, report

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
