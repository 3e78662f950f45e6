"""Inputs that are nearly right: valid ones with a few bytes changed, cut, repeated or mixed.

Covers: a hypothesis strategy and the same from a random generator. Does not cover: valid inputs (`targets/`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

_NUMBERS = (0, 1, 2, 4, 7, 8, 16, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_WORDS = [
    "0",
    "-1",
    "1e999",
    "nan",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[[[[",
    '"',
    "'",
    "\\",
    "../",
    "/",
    "~",
    "=1+1",
    "99999999999999999999",
    "train",
    "|O",
    ",",
]
_TEXTS = (*(word.encode() for word in _WORDS), b"\n", b"\r\n", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf")


def mutate(content: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change an input in one to five places.

    Args:
        content: the input.
        others: inputs that parts may come from.
        rng: chooses.
    """
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        _CHANGES[rng.randrange(len(_CHANGES))](made, others, rng)
    return bytes(made)


def mutated(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Make a strategy of inputs that are nearly right, and of some that are not.

    Args:
        seeds: valid inputs.
    """
    near = st.builds(
        lambda content, number: mutate(content, seeds, random.Random(number)),
        st.sampled_from(list(seeds)),
        st.integers(0, 2**32),
    )
    return near | near | near | st.binary(max_size=200)


def _place(made: bytearray, rng: random.Random) -> int:
    """Anywhere, and more often near the beginning, where headers are."""
    end = len(made) + 1
    return rng.randrange(min(end, 64)) if rng.random() < 0.4 else rng.randrange(end)


def _flip(made: bytearray, _: Sequence[bytes], rng: random.Random) -> None:
    if made:
        made[_place(made, rng) % len(made)] ^= 1 << rng.randrange(8)


def _set(made: bytearray, _: Sequence[bytes], rng: random.Random) -> None:
    if made:
        made[_place(made, rng) % len(made)] = rng.randrange(256)


def _number(made: bytearray, _: Sequence[bytes], rng: random.Random) -> None:
    width, place = rng.choice((1, 2, 4, 8)), _place(made, rng)
    order = rng.choice(("little", "big"))
    made[place : place + width] = (rng.choice(_NUMBERS) % (1 << 8 * width)).to_bytes(width, order)


def _text(made: bytearray, _: Sequence[bytes], rng: random.Random) -> None:
    place, text = _place(made, rng), rng.choice(_TEXTS)
    made[place : place + rng.choice((0, len(text)))] = text


def _cut(made: bytearray, _: Sequence[bytes], rng: random.Random) -> None:
    del made[_place(made, rng) :]


def _drop(made: bytearray, _: Sequence[bytes], rng: random.Random) -> None:
    place = _place(made, rng)
    del made[place : place + rng.choice((1, 2, 4, 16, 100))]


def _repeat(made: bytearray, _: Sequence[bytes], rng: random.Random) -> None:
    place, length = _place(made, rng), rng.choice((1, 4, 32, 200))
    made[place:place] = made[place : place + length] * rng.choice((1, 2, 50))


def _mix(made: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    other, place = rng.choice(list(others)), _place(made, rng)
    begin = rng.randrange(len(other) + 1)
    made[place : place + rng.choice((0, 16, 1000))] = other[begin : begin + rng.choice((4, 16, 1000))]


_CHANGES = (_flip, _set, _number, _text, _cut, _drop, _repeat, _mix)
