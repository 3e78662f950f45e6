"""Options of `fastssl estimate` besides the settings of `fastssl train`.

Covers: their names and meanings on the command line. Does not cover: the settings of what is estimated
(`fastssl.stages.registry`).
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Group, Parameter

from .base import RUN

ESTIMATE = Group("Estimate", sort_key=RUN.sort_key)
"""The box of a help page that holds what `fastssl train` does not take."""

LargestBatch = Annotated[
    bool,
    Parameter(group=ESTIMATE, show_default=False, help="Find the largest batch that fits as well (auto: on)."),
]
AsJson = Annotated[
    bool,
    Parameter(name="--json", group=ESTIMATE, negative="", show_default=False, help="Print the result as JSON."),
]
