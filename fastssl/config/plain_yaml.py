"""YAML as settings need it: text, true, false, null, lists and mappings, and nothing that is made of them.

Covers: one document, anchors, and bounds on what it may hold. Does not cover: files, what the values mean.

PyYAML reads the text into events; what is built of them is ours. Its own loaders guess numbers and dates, which makes
another name of a folder called 007, 1.50, no or 2024-01-01, take the last of two settings of one name, and follow
anchors without end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 20
"""Lists and mappings within each other."""
MOST_VALUES = 20_000
"""With those that aliases repeat."""

_NULL = re.compile("~|null|Null|NULL|")
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_DECIMAL = re.compile(r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?|\.inf)|\.nan")
"""As PyYAML writes numbers; it leaves text such as 1e5 without quotes."""
_SWITCHES = {word: value == "true" for value in ("true", "false") for word in (value, value.title(), value.upper())}


def read_yaml(text: str, *, numbers: bool = False) -> Any:
    """Read one YAML document.

    Args:
        text: the document.
        numbers: values without quotes that are written as numbers become such.

    Returns:
        Text, booleans, None, or lists and dictionaries of them; names in dictionaries are text.

    Raises:
        ValueError: it is not YAML, holds too much, gives a name twice, or has tags.
    """
    import yaml

    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                builder.repeat(str(event.anchor))
            elif isinstance(event, yaml.ScalarEvent):
                builder.add(_scalar(event, numbers), event.anchor, written=event.value)
            elif isinstance(event, yaml.CollectionStartEvent):
                _check_tag(event, ("map", "seq"))
                builder.begin({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor)
            elif isinstance(event, yaml.CollectionEndEvent):
                builder.end()
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML ({' '.join(str(error).split())})") from None
    return builder.document()


def _scalar(event: Any, numbers: bool) -> Any:
    """A value that is not in quotes may be true, false, null or a number; everything else is text."""
    _check_tag(event, ("str",))
    if event.tag is not None or event.style is not None:
        return event.value
    if _NULL.fullmatch(event.value):
        return None
    if numbers and _WHOLE.fullmatch(event.value):
        return int(event.value)
    if numbers and _DECIMAL.fullmatch(event.value):
        return float(event.value.replace(".inf", "inf").replace(".nan", "nan"))
    return _SWITCHES.get(event.value, event.value)


def _check_tag(event: Any, known: tuple[str, ...]) -> None:
    if event.tag not in (None, "!", *(f"tag:yaml.org,2002:{name}" for name in known)):
        raise ValueError(f"not valid YAML (settings have no tags such as {event.tag!r})")


@dataclass(kw_only=True)
class _Node:
    """A list or mapping that is being read; name: of the mapping's next value, once it is known."""

    value: Any
    anchor: str | None
    size: int = 1
    name: str | None = None


@dataclass(kw_only=True)
class _Builder:
    """What was read so far: from the outside to the inside, and by anchor with the number of values."""

    inside: list[_Node] = field(default_factory=lambda: [_Node(value=[], anchor=None)])
    anchored: dict[str, tuple[Any, int]] = field(default_factory=dict)

    def add(self, value: Any, anchor: str | None = None, *, size: int = 1, written: str | None = None) -> None:
        node = self.inside[-1]
        if isinstance(node.value, list):
            node.value.append(value)
        elif node.name is None:
            node.name = self._new_name(node.value, written)
        else:
            node.value[node.name], node.name = value, None
        if anchor:
            self.anchored[anchor] = value, size
        node.size += size
        if node.size > MOST_VALUES:
            raise ValueError(f"over {MOST_VALUES} values, which no file of settings has")

    def repeat(self, anchor: str) -> None:
        if anchor not in self.anchored:
            raise ValueError(f"not valid YAML (*{anchor} stands for nothing that is complete)")
        value, size = self.anchored[anchor]
        self.add(value, size=size)

    def begin(self, value: Any, anchor: str | None) -> None:
        self.anchored.pop(anchor or "", None)
        self.inside.append(_Node(value=value, anchor=anchor))
        if len(self.inside) > DEEPEST:
            raise ValueError("lists or mappings are nested too deeply for a file of settings")

    def end(self) -> None:
        node = self.inside.pop()
        self.add(node.value, node.anchor, size=node.size)

    def document(self) -> Any:
        documents = self.inside[0].value
        if len(documents) > 1:
            raise ValueError("more than one YAML document")
        return documents[0] if documents else None

    def _new_name(self, names: dict[str, Any], written: str | None) -> str:
        if written is None:
            raise ValueError("not valid YAML (a name must be text)")
        if written in names:
            raise ValueError(f"{written} is given twice")
        return written
