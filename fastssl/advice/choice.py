"""What follows from the rules that fire: one method, and what speaks for and against it.

Covers: weighing rules, conflicts among them. Does not cover: the rules (`rules.py`), commands (`commands.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .facts import TaskFacts
from .rules import METHODS, Method, Rule

USUAL: Mapping[str, str] = {
    "classification": "contrastive",
    "segmentation": "restoring",
    "detection": "restoring",
    "mixed": "hybrid",
}
"""Task -> the method that is taken where the rules weigh the same."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The method that rules lead to.

    Attributes:
        method: one of `METHODS`; "supervised" is the advice not to pre-train.
        stage: that trains by it; "" where nothing is pre-trained.
        options: of `fastssl train`, by the names of the settings.
        weights: method -> what the rules count for it, less what they count against it.
        speak_for: the rules that prefer it, or its stage.
        speak_against: the rules that prefer another one, or avoid it: conflicts.
        hints: the rules that decide nothing.
    """

    method: str
    stage: str
    options: Mapping[str, Any]
    weights: Mapping[str, int]
    speak_for: tuple[Rule, ...]
    speak_against: tuple[Rule, ...]
    hints: tuple[Rule, ...]

    @property
    def pretrain(self) -> bool:
        """Whether to pre-train at all."""
        return self.method != "supervised"


def choose(rules: Sequence[Rule], methods: Mapping[str, Method], facts: TaskFacts) -> Choice:
    """Weigh the rules that fire.

    Args:
        rules: the table.
        methods: how each method is trained.
        facts: of the data.

    Returns:
        The method that counts most; where two count the same, the usual one of the task, else the first of `METHODS`.
    """
    fired = [rule for rule in rules if rule.fires(facts)]
    weights = {
        method: sum(rule.weight for rule in fired if rule.prefer == method)
        - sum(rule.weight for rule in fired if rule.avoid == method)
        for method in METHODS
    }
    method = max(METHODS, key=lambda one: (weights[one], one == USUAL[facts.task]))
    stages = methods[method].stages
    fitting = [rule for rule in fired if rule.stage in stages]
    stage = max(fitting, key=lambda rule: rule.weight).stage if fitting else next(iter(stages), "")
    speak_for = tuple(rule for rule in fired if rule.prefer == method or (rule.stage and rule.stage == stage))
    against = tuple(rule for rule in fired if rule.avoid == method or rule.prefer not in ("", method))
    decided = {rule.id for rule in (*speak_for, *against)}
    return Choice(
        method=method,
        stage=stage,
        options=methods[method].options,
        weights=weights,
        speak_for=speak_for,
        speak_against=against,
        hints=tuple(rule for rule in fired if rule.id not in decided),
    )
