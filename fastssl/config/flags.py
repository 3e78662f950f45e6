"""Options of commands that are about their output or their effort, and no settings of what they work on.

Covers: names and meanings on the command line of those of `fastssl estimate` and `fastssl doctor`. Does not cover:
settings, which are kept in files (`train.py` and others).
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
    Parameter(name="--json", group=RUN, negative="", show_default=False, help="Print the result as JSON."),
]
TryCompiler = Annotated[
    bool,
    Parameter(group=RUN, negative="", show_default=False, help="Try torch.compile on a sum, which takes some seconds."),
]
