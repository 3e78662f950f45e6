"""Settings of `fastssl advise`.

Covers: names, types, ranges, how a time is written. Does not cover: what follows from them (`fastssl.advice`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BeforeValidator, Field

from .base import EVALUATION, LENGTH, RUN, Count
from .data import DataConfig
from .paths import PathSetting

_UNITS = {"s": 1 / 60, "m": 1.0, "min": 1.0, "h": 60.0, "d": 1440.0}


def _minutes(value: Any) -> Any:
    """A time such as 90s, 30m, 1.5h or 2d in minutes; a number alone is minutes."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", value.lower())
    unit = found and (found[2] or "m")
    if found is None or unit not in _UNITS:
        raise ValueError("give a time such as 30m, 1h or 2d")
    return float(found[1]) * _UNITS[unit]


Minutes = Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(_minutes)]


class AdviseConfig(DataConfig):
    """Settings of `fastssl advise DATA` and `fastssl.advise(data, ...)`."""

    task: Annotated[
        Literal["auto", "classification", "segmentation", "detection", "mixed"], Parameter(group=EVALUATION)
    ] = "auto"
    """What the encoder is for (auto: by labels and masks that are there)."""
    label_budget: Annotated[Count | None, Parameter(group=EVALUATION)] = None
    """Labelled images that you will have (auto: as many as there are)."""
    modality: Annotated[str | None, Parameter(group=EVALUATION)] = None
    """Modality, such as "chest X-ray", CT, dermoscopy (auto: as the set says)."""
    rules: Annotated[PathSetting | None, Parameter(group=EVALUATION)] = None
    """YAML file of rules of your own, which are added to the table."""
    budget: Annotated[Minutes, Parameter(group=LENGTH)] = None
    """Time for everything, such as 30m, 1h or 2d."""
    measure: Annotated[bool, Parameter(group=RUN)] = True
    """Measure by real steps what the commands will take."""
