"""What is shown tells nothing of who runs it, and where."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from fastssl.diagnosis.facts import Diagnosis, Facts, Finding, Place
from fastssl.diagnosis.privacy import private_words, without_words

WORDS = {"/home/ada": "~", "node17.example.org": "HOST", "node17": "HOST", "ada": "USER"}


def test_words_are_replaced_in_every_text_at_any_depth() -> None:
    place = Place(name="runs (here)", path="/home/ada/work", free=None, writable=True)
    facts = Facts(system="Linux node17", python="3", fastssl="0", places=(place,), variables={"X": "/scratch/ada/x"})
    whole = Diagnosis(findings=(Finding(kind="hint", text="no room in /home/ada/.cache on node17"),), facts=facts)
    shown = without_words(whole, WORDS)
    assert shown.findings[0].text == "no room in ~/.cache on HOST"
    assert shown.facts.places[0] == Place(name="runs (here)", path="~/work", free=None, writable=True)
    assert (shown.facts.system, shown.facts.variables) == ("Linux HOST", {"X": "/scratch/USER/x"})


def test_a_word_within_a_word_is_none() -> None:
    assert without_words("adaptive node170 /home/adam", WORDS) == "adaptive node170 /home/adam"


def test_this_users_words_are_known_and_longest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/grace")
    monkeypatch.setattr(getpass, "getuser", lambda: "grace")
    monkeypatch.setattr("platform.node", lambda: "cluster-4.example.org")
    words = private_words()
    assert words == {
        "cluster-4.example.org": "HOST",
        "/home/grace": "~",
        "cluster-4": "HOST",
        "grace": "USER",
    }
    assert [len(word) for word in words] == sorted((len(word) for word in words), reverse=True)


def test_names_that_tell_nothing_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    monkeypatch.setattr("platform.node", lambda: "localhost")
    assert private_words() == {str(Path("/root")): "~"}
