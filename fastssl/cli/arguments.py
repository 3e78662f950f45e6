"""Arguments that commands share: runs, a file of settings, a configuration whose fields are options.

Covers: their types, as cyclopts reads them. Does not cover: settings (`fastssl.config`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from fastssl.config.base import RUN
from fastssl.paths import user_path

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
