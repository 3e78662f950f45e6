"""The `fastssl` command, generated from the typed configuration.

Covers: grammar, help, and errors as one line with exit status 2. Does not cover: any work; each command makes the call
that a Python user could have written.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError
from cyclopts.help import DefaultFormatter, HelpPanel
from pydantic import ValidationError
from rich.console import Console, ConsoleOptions

import fastssl
from fastssl.config import (
    Config,
    FewshotConfig,
    FinetuneConfig,
    PreviewConfig,
    ProbeConfig,
    SegmentConfig,
    TrainConfig,
    problems,
    unknown,
)
from fastssl.config.train import RECIPE_STAGES, STAGE_GROUPS
from fastssl.errors import FastSSLError

INPUT_ERROR = 2
INTERRUPTED = 130

app = App(
    name="fastssl",
    help="Self-supervised pre-training on medical images.",
    help_format="plaintext",
    version=fastssl.__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

Flattened = Parameter(name="*")

_OPTION = re.compile(r"--?[A-Za-z]")
"""The beginning of an option; "-1" is a value."""


@app.command
def train(*, config: Annotated[TrainConfig, Flattened] = TrainConfig()) -> None:  # noqa: B008 (frozen)
    """Pre-train an encoder. Below: what all stages share, and the settings of --stage (else moco) or of --recipe."""
    fastssl.train(config)


@app.command
def probe(run: Path, /, *, config: Annotated[ProbeConfig, Flattened] = ProbeConfig()) -> None:  # noqa: B008 (frozen)
    """Score a trained encoder by a linear classifier and kNN on its frozen features.

    Parameters
    ----------
    run:
        A run folder, or an encoder.safetensors file.
    """
    fastssl.probe(run, config)


@app.command
def fewshot(
    *runs: Path,
    config: Annotated[FewshotConfig, Flattened] = FewshotConfig(),  # noqa: B008 (frozen)
) -> None:
    """Compare encoders on a few labelled images a class, beside random and ImageNet ones.

    Parameters
    ----------
    runs:
        Run folders, or encoder.safetensors files.
    """
    fastssl.fewshot(runs, config)


@app.command
def finetune(
    *runs: Path,
    config: Annotated[FinetuneConfig, Flattened] = FinetuneConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train encoders on labels, or a share of them, beside random and ImageNet ones.

    Parameters
    ----------
    runs:
        Run folders, or encoder.safetensors files.
    """
    fastssl.finetune(runs, config)


@app.command
def preview(
    run: Path | None = None,
    /,
    *,
    config: Annotated[PreviewConfig, Flattened] = PreviewConfig(),  # noqa: B008 (frozen)
) -> None:
    """Draw what a stage sees of images, or what a trained run makes of them, as one PNG.

    Parameters
    ----------
    run:
        A run folder, to see its own data and view; without it, views by stage or by name.
    """
    fastssl.preview(run, config)


@app.command
def segment(*runs: Path, config: Annotated[SegmentConfig, Flattened] = SegmentConfig()) -> None:  # noqa: B008 (frozen)
    """Train a U-Net on images with masks, starting from runs, and score it on test images.

    Parameters
    ----------
    runs:
        Run folders or encoder files, ahead of all options; the word random starts from none.
    """
    fastssl.segment(runs, config)


CONFIGS: dict[str, type[Config]] = {
    "train": TrainConfig,
    "probe": ProbeConfig,
    "fewshot": FewshotConfig,
    "finetune": FinetuneConfig,
    "preview": PreviewConfig,
    "segment": SegmentConfig,
}
"""Command -> its settings."""


class _StageHelp(DefaultFormatter):
    """Help without the settings of stages that were not asked about: those of all of them fill two screens."""

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__()
        self._left_out = {group.name for stage, group in STAGE_GROUPS.items() if stage not in stages}

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        if panel.title not in self._left_out:
            super().__call__(console, options, panel)


def _stages_meant(tokens: Sequence[str]) -> tuple[str, ...]:
    """The stages that a command line to train names, as far as it can be read."""
    given = dict(pairwise([*(part for token in tokens for part in token.split("=", 1)), ""]))
    if "--recipe" in given:
        return RECIPE_STAGES.get(given["--recipe"], ())
    return (given.get("--stage", "moco"),)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    app["train"].help_formatter = _StageHelp(_stages_meant(tokens))
    found = _problems(tokens)
    if found:
        return _refuse("; ".join(found))
    if "torch" not in sys.modules and not {"--help", "-h", "--version"} & set(tokens):
        fastssl.share_processors()  # watches the processors for a moment, which only work is worth
    try:
        app(tokens, console=Console(), exit_on_error=False, print_error=False)  # as wide as the terminal now is
    except FastSSLError as error:
        return _refuse(str(error))
    except OSError as error:
        if error.errno is None:
            raise
        return _refuse(_describe(error))
    except KeyboardInterrupt:
        print("fastssl: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _problems(tokens: Sequence[str]) -> list[str]:
    """Everything wrong with a command line: parse again without what was wrong, so that nothing hides the rest."""
    tokens = list(tokens)
    kind = CONFIGS.get(tokens[0]) if tokens else None
    found: list[str] = []
    while True:
        try:
            app.parse_args(tokens, exit_on_error=False, print_error=False)
        except UnknownOptionError as error:
            name = error.token.keyword or error.token.value
            found.append(unknown(name.lstrip("-").replace("-", "_"), kind) if kind else str(error))
            wrong = [name]
        except UnusedCliTokensError as error:
            return [*found, f"unexpected argument {' '.join(error.unused_tokens or ())!r}"]
        except CycloptsError as error:
            cause = error.__cause__
            if not isinstance(cause, ValidationError) or kind is None:
                return [*found, " ".join(str(error).split())]
            found += problems(cause, kind)
            wrong = [f"--{detail['loc'][0]}" for detail in cause.errors() if detail["loc"]]
        else:
            return found
        rest = _without(tokens, wrong)
        if rest == tokens:
            return found
        tokens = rest


def _without(tokens: list[str], options: Sequence[str]) -> list[str]:
    """`tokens` less `options` and their values, where they have any."""
    names = {option.replace("_", "-") for option in options}
    places = {i for i, token in enumerate(tokens) if token.split("=", 1)[0].replace("_", "-") in names}
    values = {i + 1 for i in places if "=" not in tokens[i] and not _OPTION.match("".join(tokens[i + 1 : i + 2]))}
    return [token for i, token in enumerate(tokens) if i not in places | values]


def _describe(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    advice = "; free some space, then go on with --resume" if error.errno == errno.ENOSPC else ""
    return f"{where}{error.strerror}{advice}"


def _refuse(text: str) -> int:
    print(f"fastssl: error: {text}", file=sys.stderr)
    return INPUT_ERROR


if __name__ == "__main__":
    sys.exit(main())
