"""What a report consists of: sections of blocks, in plain data that the page's template shows.

Covers: text, tables, charts, images, commands. Does not cover: what is in them (`sections/`), how they look
(`templates/`).

Text in blocks is as it was read; the template escapes it. `Chart.svg` alone is markup, which `charts/` has escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Tone = Literal["", "good", "bad", "muted"]
"""How a piece of text or an image is marked, in words or signs as well as in colour."""


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """A cell of a table.

    Attributes:
        text: what it says.
        best: it is the best of its column, and bold.
        tone: how it is coloured.
    """

    text: str
    best: bool = False
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A table.

    Attributes:
        caption: what it shows.
        columns: headings.
        rows: a cell for each column; plain text is a cell as well.
        names: how many columns, from the left, hold text; the others hold numbers.
        verdicts: the last column holds text as well.
        notes: lines below it.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[TableCell | str, ...], ...]
    names: int = 1
    verdicts: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing.

    Attributes:
        title: above it.
        svg: its markup.
        legend: series number -> name, where there are several.
        note: a line below it.
        table: the same as numbers, for those who do not see it.
        points: it has points alone, no lines.
    """

    kind: ClassVar[str] = "chart"
    title: str
    svg: str
    legend: Mapping[int, str] = field(default_factory=dict)
    note: str = ""
    table: ReportTable | None = None
    points: bool = False


@dataclass(frozen=True, kw_only=True)
class ChartGrid:
    """Charts side by side, as many as there is room for."""

    kind: ClassVar[str] = "charts"
    charts: tuple[Chart, ...]


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A small image.

    Attributes:
        uri: the image itself, as a data URI.
        alt: what it is, for those who do not see it.
        caption: below it.
        tone: how it is marked.
    """

    uri: str
    alt: str
    caption: str = ""
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True)
class ThumbnailRow:
    """Images that belong together.

    Attributes:
        label: what they are.
        images: from left to right.
    """

    label: str
    images: tuple[Thumbnail, ...]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Rows of images.

    Attributes:
        title: above them.
        rows: from top to bottom.
        note: a line below them.
        wide: the images are wide, and stand below each other.
    """

    kind: ClassVar[str] = "gallery"
    title: str
    rows: tuple[ThumbnailRow, ...]
    note: str = ""
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class GalleryGrid:
    """Galleries side by side, as many as there is room for."""

    kind: ClassVar[str] = "galleries"
    galleries: tuple[Gallery, ...]


@dataclass(frozen=True, kw_only=True)
class FindingCard:
    """The answer to one question, in words.

    Attributes:
        title: what was measured.
        text: what was found.
        verdict: what the test says of it.
        tone: how the verdict is marked.
    """

    title: str
    text: str
    verdict: str = ""
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Answers side by side."""

    kind: ClassVar[str] = "findings"
    findings: tuple[FindingCard, ...]


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines of text, such as notes on how something was measured.

    Attributes:
        title: what they are about.
        lines: the text.
    """

    kind: ClassVar[str] = "lines"
    lines: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class CommandBlock:
    """Command lines, with what they do.

    Attributes:
        what: they do or did.
        lines: as a shell takes them.
    """

    kind: ClassVar[str] = "command"
    what: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """Blocks that are shown when they are asked for, and in print.

    Attributes:
        title: what they are.
        blocks: the blocks.
    """

    kind: ClassVar[str] = "hidden"
    title: str
    blocks: tuple[Block, ...]


Block = ReportTable | Chart | ChartGrid | Gallery | GalleryGrid | Findings | Lines | CommandBlock | Hidden


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """A section of the page.

    Attributes:
        anchor: its place in links.
        title: its heading.
        blocks: what is in it.
        lead: a sentence below the heading.
        wanted: a command that would fill the section, where it is empty.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    lead: str = ""
    wanted: CommandBlock | None = None
