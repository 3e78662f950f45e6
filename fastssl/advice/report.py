"""How an advice is shown: lines in a terminal, JSON.

Covers: the result, its lines, its dictionary. Does not cover: finding it (`run.py`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from fastssl.console import new_console, say
from fastssl.inspection.warnings import DataWarning

from .choice import Choice
from .commands import Command
from .conditions import in_words
from .expected import Expected
from .facts import TaskFacts
from .rules import Rule

TITLES = {
    "contrastive": "contrastive pre-training",
    "restoring": "restoring pre-training",
    "hybrid": "contrastive and restoring pre-training together",
    "supervised": "do not pre-train: supervised training from random weights first",
}
READ = {
    "own": "measured by this project",
    "read": "source read",
    "abstract": "abstract read",
    "vendor": "said by its vendor",
}
INDENT = "    "
WIDTH = 100


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to train on some data, and why.

    Attributes:
        data: name of the data.
        facts: that the rules were applied to.
        choice: the method, and the rules that fired.
        commands: that carry it out; they run as printed.
        expected: what they will take; None where that was not measured.
        comparison: the command that lets methods compete instead; None where there is nothing to score them by.
        warnings: of the data, as `fastssl inspect` finds them.
        notes: what to know of it.
    """

    data: str
    facts: TaskFacts
    choice: Choice
    commands: tuple[Command, ...]
    expected: Expected | None
    comparison: Command | None
    warnings: tuple[DataWarning, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Write the advice as JSON knows it.

        Returns:
            The facts, the method, the commands, their time, and every rule that fired, by name.
        """
        choice = self.choice
        return {
            "data": self.data,
            "facts": asdict(self.facts),
            "method": choice.method,
            "stage": choice.stage or None,
            "pretrain": choice.pretrain,
            "weights": dict(choice.weights),
            "commands": [str(command) for command in self.commands],
            "expected": None if self.expected is None else asdict(self.expected),
            "comparison": None if self.comparison is None else str(self.comparison),
            "rules": {
                "for": [asdict(rule) for rule in choice.speak_for],
                "against": [asdict(rule) for rule in choice.speak_against],
                "hints": [asdict(rule) for rule in choice.hints],
            },
            "warnings": [asdict(warning) for warning in self.warnings],
            "notes": list(self.notes),
        }

    def print(self, console: Console | None = None) -> None:
        """Show the advice.

        Args:
            console: where to; standard output by default.
        """
        console = console or new_console()
        stage = f" ({self.choice.stage})" if self.choice.stage else ""
        say(console, "")
        say(console, f" {TITLES[self.choice.method]}{stage}", topic="advice:")
        say(console, *(f"  {command}" for command in self.commands))
        if self.expected is not None:
            say(console, f" {self.expected}", topic="expected:")
        if self.comparison is not None:
            say(console, " the method that the task itself prefers", topic="to find out:")
            say(console, f"  {self.comparison}")
        say(console, *(f"note: {note}" for note in self.notes))
        for title, rules in _sections(self.choice):
            say(console, "", title)
            say(console, *(line for rule in rules for line in rule_lines(rule)))


def rule_lines(rule: Rule) -> Iterator[str]:
    """Return the lines on a rule: what to do, the figures, the source, the condition that it was measured on.

    Args:
        rule: of the table.

    Yields:
        Lines of at most `WIDTH` columns.
    """
    speaks = (
        f" [{'+' if rule.prefer else '-'}{rule.weight} {rule.prefer or rule.avoid}]"
        if rule.prefer or rule.avoid
        else ""
    )
    yield from _wrapped(f"{rule.rule}{speaks}", "  ", INDENT)
    yield from _wrapped(f"{rule.numbers} ({rule.source}; {READ[rule.evidence]})", INDENT, INDENT)
    yield from _wrapped(f"on {rule.condition}; here since {in_words(rule.when)}", INDENT, INDENT)


def fact_lines(facts: TaskFacts) -> list[str]:
    """Return the lines on data that the user should check: the task, labels, balance, what is there twice.

    Args:
        facts: of the data.
    """
    lines = [f"task        {facts.task}"]
    if facts.labels is not None:
        share = f" ({facts.label_share:.0%} of the training images)" if facts.label_share is not None else ""
        smallest = f", {facts.labels_per_class} of the smallest class" if facts.labels_per_class is not None else ""
        lines.append(f"labels      {facts.labels}{share}{smallest}")
    if facts.imbalance is not None:
        lines.append(f"balance     largest class {facts.imbalance:.1f} times the smallest")
    twice = [
        f"{facts.duplicates} in train" * bool(facts.duplicates),
        f"{facts.leaks} across splits" * bool(facts.leaks),
    ]
    alike = f"{facts.redundancy:.0%} of train are copies of another image, or nearly"
    lines.append(f"duplicates  {', '.join(filter(None, twice)) or 'none'}; {alike}")
    if facts.patients is not None:
        lines.append(f"patients    {facts.patients}")
    if facts.modality != "unknown":
        lines.append(f"modality    {facts.modality}")
    return lines


def _sections(choice: Choice) -> list[tuple[str, Sequence[Rule]]]:
    """The groups of rules, each with its heading, where there are any."""
    found = [
        ("why", choice.speak_for),
        ("against it: rules that conflict", choice.speak_against),
        ("also true", choice.hints),
    ]
    return [(title, rules) for title, rules in found if rules]


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False)
