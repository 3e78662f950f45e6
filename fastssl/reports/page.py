"""The page: sections filled into the template, everything in one file.

Covers: HTML, with style, script and images inside of it, and a policy that forbids any network. Does not cover: what is
in the sections (`sections/`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader

from fastssl.text import printable

from .blocks import ReportSection
from .thumbnails import TILE

TEMPLATES = "templates"


@dataclass(frozen=True, kw_only=True)
class TileSheet:
    """Thumbnails of the images of a map.

    Attributes:
        uri: all of them, as one data URI.
        columns: thumbnails in a row.
        tile: pixels of the side of each.
    """

    uri: str
    columns: int
    tile: int = TILE


def render_page(title: str, subtitle: str, sections: Sequence[ReportSection], sheet: TileSheet | None = None) -> str:
    """Fill the page.

    Args:
        title: of the page.
        subtitle: below it.
        sections: in order; those without blocks are left out, and the commands that would fill them listed at the end.
        sheet: thumbnails of the map; None where there is no map.

    Returns:
        HTML that needs nothing but itself.
    """
    script = _text("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    wanted = [replace(one.wanted, what=one.title) for one in sections if one.wanted is not None]
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            subtitle=subtitle,
            sections=[section for section in sections if section.blocks or (section.lead and not section.wanted)],
            wanted=wanted,
            sheet=sheet,
            style=_text("page.css"),
            script=script,
            script_hash=f"sha256-{digest}",
        )
    )


def _text(name: str) -> str:
    return (files(__package__) / TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    """Text is escaped, and what would change the screen or the direction of text becomes escapes as in a terminal."""
    return Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
