"""The method follows from what the rules weigh, and conflicts are kept."""

from __future__ import annotations

from fastssl.advice.choice import Choice, choose
from fastssl.advice.facts import TaskFacts
from fastssl.advice.rules import Rule, read_methods


def rule(name: str, evidence: str, *, prefer: str = "", avoid: str = "", stage: str = "") -> Rule:
    return Rule(
        id=name,
        when={"channels": 1},
        rule="So.",
        evidence=evidence,  # type: ignore[arg-type]
        numbers="1",
        source="s",
        condition="c",
        prefer=prefer,
        avoid=avoid,
        stage=stage,
    )


def choose_by(rules: list[Rule], facts: TaskFacts) -> Choice:
    return choose(rules, read_methods(), facts)


FACTS = TaskFacts(task="classification", images=100, size=28, channels=1)


def test_own_measurements_outweigh_two_abstracts_and_both_sides_are_kept() -> None:
    rules = [rule("a", "abstract", prefer="contrastive"), rule("b", "vendor", prefer="contrastive")]
    own = rule("c", "own", prefer="supervised")
    found = choose_by([*rules, own, rule("d", "read")], FACTS)
    assert (found.method, found.stage, found.pretrain) == ("supervised", "", False)
    assert found.weights == {"contrastive": 2, "restoring": 0, "hybrid": 0, "supervised": 3}
    assert found.speak_for == (own,)
    assert found.speak_against == tuple(rules)
    assert [one.id for one in found.hints] == ["d"]


def test_what_a_rule_avoids_counts_against_it() -> None:
    found = choose_by([rule("a", "read", prefer="contrastive"), rule("b", "own", avoid="contrastive")], FACTS)
    assert found.weights["contrastive"] == -1
    assert found.method == "restoring"
    assert [one.id for one in found.speak_against] == ["a"]


def test_where_nothing_fires_the_usual_method_of_the_task_is_taken() -> None:
    assert choose_by([], FACTS).method == "contrastive"
    assert choose_by([], TaskFacts(task="segmentation", images=9, size=64, channels=3)).method == "restoring"
    assert choose_by([], TaskFacts(task="mixed", images=9, size=64, channels=3)).method == "hybrid"


def test_a_rule_on_a_stage_decides_within_the_method_that_was_chosen_only() -> None:
    small = rule("small", "own", stage="simclr")
    found = choose_by([rule("a", "read", prefer="contrastive"), small], FACTS)
    assert (found.method, found.stage) == ("contrastive", "simclr")
    assert small in found.speak_for
    found = choose_by([rule("a", "read", prefer="hybrid"), small], FACTS)
    assert (found.method, found.stage) == ("hybrid", "tower")
    assert found.hints == (small,)
