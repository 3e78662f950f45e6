"""Elements of SVG as text.

Covers: attributes and content, escaped. Does not cover: any drawing.
"""

from __future__ import annotations

from html import escape

from fastssl.text import printable

MARKERS = 6
"""Shapes of points, `#m0` to `#m5`, defined once in the page."""
SERIES = 8
"""Colours of series, classes `s0` to `s7` of the page's style."""


def element(name: str, *content: str, **attributes: object) -> str:
    """Write an element.

    Args:
        name: of the element.
        *content: markup inside of it.
        **attributes: by name; an underscore stands for a hyphen, `class_` for "class"; None leaves one out. Numbers
            have two decimals.

    Returns:
        The markup.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{shown}>{''.join(content)}</{name}>" if content else f"<{name}{shown}/>"


def text(words: str, x: float, y: float, class_: str, anchor: str = "start") -> str:
    """Write a line of text.

    Args:
        words: the text, which is escaped.
        x: position in the drawing.
        y: of the baseline.
        class_: of the page's style.
        anchor: which end of the text is at `x`: "start", "middle" or "end".

    Returns:
        The markup.
    """
    return element("text", escape(printable(words)), x=x, y=y, class_=class_, text_anchor=anchor)


def marker(number: int, x: float, y: float, title: str, class_: str = "") -> str:
    """Write a point, whose shape and colour tell its series.

    Args:
        number: of the series.
        x: position in the drawing.
        y: likewise.
        title: what a browser shows of it.
        class_: more classes.

    Returns:
        The markup.
    """
    shape = (number + number // SERIES) % MARKERS
    classes = f"mark s{number % SERIES} {class_}".strip()
    return element("use", element("title", escape(printable(title))), href=f"#m{shape}", x=x, y=y, class_=classes)


def drawing(width: float, height: float, summary: str, *content: str, **attributes: object) -> str:
    """Write the outermost element.

    Args:
        width: of the drawing, in its own units, which are pixels at its natural size.
        height: likewise.
        summary: what the drawing shows, for those who do not see it.
        *content: markup inside of it.
        **attributes: more of them.

    Returns:
        The markup.
    """
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=printable(summary),
        **attributes,
    )


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
