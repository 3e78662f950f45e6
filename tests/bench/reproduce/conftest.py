"""Made-up scores of a small table of three seeds: one encoder is better than random init, one only steadier."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.reproduce.declaration import Claim, Column, Score, Setup, Table

RANDOM, GOOD, STEADY, PUBLISHED = "random init", "good", "steady", "published"


def no_jobs(seed: int, setup: Setup) -> tuple:
    return ()


def no_scores(folder: Path) -> list[Score]:
    return []


@pytest.fixture
def table() -> Table:
    return Table(
        name="small",
        title="A small table",
        data=("images.npz",),
        jobs=no_jobs,
        scores=no_scores,
        rows=(RANDOM, GOOD, STEADY, PUBLISHED),
        columns=(Column(name="ACC", digits=1, scale=100), Column(name="gap", best="lowest"), Column(name="never")),
        references={GOOD: RANDOM, STEADY: RANDOM},
        claims=(
            Claim(text="good is better", better=GOOD, worse=RANDOM, columns=("ACC",)),
            Claim(text="steady is steadier", better=STEADY, worse=RANDOM, columns=("ACC",), of="deviation", lower=True),
        ),
        published=(PUBLISHED,),
        notes=("made up",),
    )


@pytest.fixture
def scores() -> dict[int, list[Score]]:
    """Seed -> its scores; the number of a seed is the mean over its parts."""
    found = {}
    for seed, shift in ((0, 0.00), (1, 0.01), (2, -0.02)):
        found[seed] = [
            Score(row=RANDOM, column="ACC", value=0.50 + shift, parts=(0.40 + shift, 0.60 + shift)),
            Score(row=GOOD, column="ACC", value=0.70 + 2 * shift, parts=(0.60 + 2 * shift, 0.80 + 2 * shift)),
            Score(row=STEADY, column="ACC", value=0.50 - shift, parts=(0.49 - shift * 1.5, 0.51 - shift * 0.5)),
            Score(row=PUBLISHED, column="ACC", value=0.90),
            Score(row=RANDOM, column="gap", value=0.3 + shift),
            Score(row=GOOD, column="gap", value=0.1 - shift),
        ]
    return found
