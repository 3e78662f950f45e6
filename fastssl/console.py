"""Names and lines on the terminal, as they are: never as markup, never as commands to the terminal.

Covers: the console that commands print on, printing a line, a name as text of a table. Does not cover: tables of
results (`fastssl.evaluation.shared.report`), progress bars.

Whoever prints a string calls `say`; nothing else in the package gives a string to `Console.print`, which would take
"[red]" in a file's name for a colour and ":heart:" for a picture.
"""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.text import Text

from .text import printable

NARROWEST = 20
"""Columns of text; a terminal that claims fewer (COLUMNS=0) is taken for one of unknown width."""
USUAL_WIDTH = 80


class PlainConsole(Console):
    """A console that leaves a reader who has gone (`fastssl ... | head`) to the command line.

    Rich itself would leave the process from within `print`.
    """

    def on_broken_pipe(self) -> None:
        """Let the BrokenPipeError pass."""
        raise


def new_console(**options: Any) -> Console:
    """Make the console that a command prints on where its caller gives none.

    Args:
        **options: of `rich.console.Console`, such as `file` or `stderr`.

    Returns:
        A console of standard output, as wide as the terminal now is, on which strings are no markup.
    """
    claimed = os.environ.get("COLUMNS", "")
    if claimed.isdigit() and int(claimed) < NARROWEST:
        options = {"width": USUAL_WIDTH, **options}
    return PlainConsole(markup=False, emoji=False, highlight=False, **options)


def silent_console() -> Console:
    """Make the console of a process that does not speak, where another one does.

    Returns:
        A console that prints nothing.
    """
    return PlainConsole(markup=False, emoji=False, highlight=False, quiet=True)


def verbatim(text: str, encoding: str = "utf-8", style: str = "") -> Text:
    """Make text that is shown as it is, whatever is in it; what is not safe to show becomes escapes.

    Args:
        text: a name, or a line with names in it.
        encoding: of the output; letters that it lacks become escapes, and "±" becomes "+-".
        style: of Rich, such as "bold".

    Returns:
        A line, or a cell of a table.
    """
    shown = printable(text)
    try:
        shown.encode(encoding)
    except UnicodeEncodeError:
        shown = shown.replace("±", "+-").encode(encoding, "backslashreplace").decode(encoding)
    return Text(shown, style=style)


def say(console: Console, *lines: str, topic: str = "", aside: str = "", style: str = "") -> None:
    """Print lines, each without a break however long it is.

    Args:
        console: where to.
        *lines: their text, shown as it is.
        topic: a word in bold in front of each.
        aside: text behind each that matters less.
        style: of Rich, such as "dim".
    """
    for line in lines:
        parts = ((topic, "bold"), (line, ""), (aside, "dim"))
        whole = Text.assemble(*(verbatim(text, console.encoding, own) for text, own in parts))
        console.print(whole, style=style or None, soft_wrap=True)
