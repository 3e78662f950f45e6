"""Help pages that fit two screens: the settings of scans, tables and patients are explained on one page alone.

Covers: that box, as names alone on the pages of the other commands. Does not cover: what the settings mean
(`fastssl.config.data`).
"""

from __future__ import annotations

from cyclopts.help import DefaultFormatter, HelpPanel
from rich.console import Console, ConsoleOptions
from rich.panel import Panel

from fastssl.config.base import SCANS

EXPLAINED_BY = "fastssl inspect --help"


class ShortPage(DefaultFormatter):
    """Draws the boxes of a page; of the settings of scans it lists the names, and says which page explains them."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        if str(panel.title) != SCANS.name:
            return super().__call__(console, options, panel)
        names = " ".join(entry.names[0] for entry in panel.entries)
        text = f"{names} : see {EXPLAINED_BY}"
        console.print(Panel(text, title=SCANS.name, title_align="left", expand=True))
        return None
