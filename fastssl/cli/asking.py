"""Commands that answer a question and write nothing that is kept, or a sheet to look at.

Covers: their help, and the call that each of them makes. Does not cover: their settings (`fastssl.config`).
"""

from typing import Annotated

from cyclopts import Parameter

import fastssl
from fastssl.config import AdviseConfig, InspectConfig
from fastssl.config.flags import AsJson, TryCompiler

from .arguments import ConfigFile, Flattened


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


def doctor(*, compile: TryCompiler = False, json: AsJson = False) -> None:
    """Describe this machine: what is in the way, what is switched on and why, which versions are there."""
    fastssl.doctor(compile=compile, json=json)
