"""Names drawn on figures: in fonts that have their letters, never as formulas.

Covers: choosing installed fonts by the letters they have, a stand-in for letters that none has, matplotlib's settings
for text. Does not cover: what is drawn.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from .text import printable, shortened

if TYPE_CHECKING:
    from matplotlib.font_manager import FontEntry

FIRST_FONT = "DejaVu Sans"
"""Comes with matplotlib: Latin, Greek, Cyrillic, Arabic and more, but no Chinese, Japanese or Korean."""
LONGEST = 60
"""Characters of a name on a figure."""
REGULAR = 400
"""Weight of a font, between 100 and 900."""
_BOXES = ("lastresort", "last resort", "adobe blank", "adobe notdef")
"""Fonts that draw the same box for every letter there is."""


@dataclass(frozen=True, kw_only=True)
class Lettering:
    """The fonts of a figure.

    Attributes:
        families: of fonts, in the order in which letters are looked for.
        missing: letters that no installed font has.
    """

    families: tuple[str, ...]
    missing: frozenset[str]

    def lacks(self, name: str) -> bool:
        """Return whether letters of a name are in no installed font."""
        return not self.missing.isdisjoint(printable(name))

    def drawn(self, name: str, most: int = LONGEST) -> str:
        r"""Return a name as it is drawn.

        Args:
            name: text that a user, a file or a folder has given.
            most: characters, of which the middle is left out where they are more.

        Returns:
            The name with escapes (`\u80ba`) for letters that no font has. Of a name that begins with "_", which
            matplotlib leaves out of legends, a space is in front.
        """
        text = "".join(_escape(letter) if letter in self.missing else letter for letter in printable(name))
        return shortened(f" {text}" if text.startswith("_") else text, most)

    @property
    def notes(self) -> list[str]:
        """What to tell of letters that are missing: one line, or none."""
        if not self.missing:
            return []
        some = "".join(sorted(self.missing)[:10])
        return [f"no installed font has the letters {some}: they are drawn as escapes; a font such as Noto has them"]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Draw text in these fonts, and as text alone, whatever a user's own matplotlib is set to."""
        import matplotlib

        settings: Any = {"font.family": list(self.families), "text.parse_math": False, "text.usetex": False}
        log = logging.getLogger("matplotlib.font_manager")  # which tells of every font that has no bold letters
        level = log.level
        log.setLevel(logging.ERROR)
        try:
            with matplotlib.rc_context(settings):
                yield
        finally:
            log.setLevel(level)


def lettering_for(names: Iterable[str]) -> Lettering:
    """Choose fonts for names.

    Args:
        names: all that will be drawn.

    Returns:
        matplotlib's own font, and installed ones for what it lacks.
    """
    wanted = frozenset("".join(map(printable, names))) - _letters_of_first_font()
    return _lettering(wanted, _installed()) if wanted else Lettering(families=(FIRST_FONT,), missing=wanted)


@cache
def _lettering(wanted: frozenset[str], fonts: tuple[tuple[str, str], ...]) -> Lettering:
    """The fewest fonts (family, file) that have the letters: again and again the one that has most of what is left."""
    having = {family: wanted & _letters(path) for family, path in fonts}
    families, missing = [FIRST_FONT], wanted
    while missing and having:
        best = max(having, key=lambda family: len(having[family] & missing))
        if not having[best] & missing:
            break
        families.append(best)
        missing -= having[best]
    return Lettering(families=tuple(families), missing=missing)


@cache
def _letters_of_first_font() -> frozenset[str]:
    """In regular and in bold, which titles are drawn in."""
    from matplotlib.font_manager import FontProperties, findfont

    regular, bold = (findfont(FontProperties(family=FIRST_FONT, weight=weight)) for weight in ("normal", "bold"))
    return _letters(regular) & _letters(bold)


def _installed() -> tuple[tuple[str, str], ...]:
    """(family, file) of each installed family, of its files the one nearest to upright and regular."""
    from matplotlib.font_manager import fontManager

    found: dict[str, str] = {}
    for font in sorted(fontManager.ttflist, key=_irregularity):
        if font.name != FIRST_FONT and not font.name.strip(".").lower().startswith(_BOXES):
            found.setdefault(font.name, str(font.fname))
    return tuple(sorted(found.items()))


def _irregularity(font: FontEntry) -> tuple[bool, int, str]:
    weight = font.weight if isinstance(font.weight, int) else REGULAR
    return font.style != "normal", abs(weight - REGULAR), str(font.fname)


@cache
def _letters(path: str) -> frozenset[str]:
    """Letters that a font file has; none, where it cannot be read or has its letters as pictures of one size."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii") if not letter.isascii() else letter
