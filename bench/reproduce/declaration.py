"""What a table of quality is made of: jobs, scores, columns, claims.

Covers: the records that every table is declared with, and the two kinds of jobs. Does not cover: which tables there are
(`run.py`), running jobs (`jobs.py`), statistics (`outcome.py`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

QUICK = ("--steps", "2")
"""Length of every training under --quick."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What the jobs of a table depend on, beside the seed.

    Attributes:
        imagenet: the weights of ImageNet EfficientNet-Lite0 are installed.
        quick: every job is made as short as it can be.
    """

    imagenet: bool = False
    quick: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """One command of fastssl. All paths are relative to the folder of the table, where the command is run.

    Attributes:
        name: "seed-0/moco"; log and record lie there under this name.
        arguments: of `fastssl`, with the seed, without the folder of data.
        artefact: the file that is there once the job is done.
        needs: names of the jobs that come before.
        run_folder: of a training, which can be continued; "" of an evaluation.
    """

    name: str
    arguments: tuple[str, ...]
    artefact: str
    needs: tuple[str, ...] = ()
    run_folder: str = ""

    @property
    def command(self) -> str:
        """The command as it is typed."""
        return shlex.join(("fastssl", *self.arguments))


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of one seed.

    Attributes:
        row: label of the row.
        column: name of the column.
        value: mean over the draws or trials.
        parts: of each draw or trial; none where the report does not have them.
    """

    row: str
    column: str
    value: float
    parts: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the table.

    Attributes:
        name: its heading.
        digits: after the decimal point.
        scale: what numbers are multiplied by when they are shown; 100 for percent.
        best: which number is the best; "" for none.
        group: columns of one group, whose names begin with it, are shown in a table of their own; "" for one table.
    """

    name: str
    digits: int = 3
    scale: float = 1.0
    best: Literal["highest", "lowest", ""] = "highest"
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the paper, and what decides it.

    Attributes:
        text: the sentence.
        better: the row that it praises.
        worse: the row that it is held against.
        columns: where the two are compared.
        of: "mean", or "deviation": the standard deviation over the draws or trials of a seed.
        lower: the praised row should have the lower number.
        together: the mean over the columns decides; otherwise every column has to agree.
    """

    text: str
    better: str
    worse: str
    columns: tuple[str, ...]
    of: Literal["mean", "deviation"] = "mean"
    lower: bool = False
    together: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of quality.

    Attributes:
        name: what --only takes.
        title: what it shows.
        data: files and folders that it needs, in the folder of data.
        jobs: returns the jobs of a seed, each after those that it needs.
        scores: reads the reports of a seed, whose folder it is given.
        rows: labels, in order; a row without scores is left out.
        columns: in order, likewise.
        references: row -> the row that it is compared with.
        claims: what the paper says.
        published: rows of somebody else's numbers, which compete for nothing.
        notes: what a reader should know.
        uses_imagenet: it has a row of ImageNet EfficientNet-Lite0, if the weights are installed.
        prepare: makes files in the table's folder (second argument) from the folder of data (first), before the jobs.
    """

    name: str
    title: str
    data: tuple[str, ...]
    jobs: Callable[[int, Setup], tuple[Job, ...]]
    scores: Callable[[Path], list[Score]]
    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    references: Mapping[str, str]
    claims: tuple[Claim, ...] = ()
    published: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    uses_imagenet: bool = False
    prepare: Callable[[Path, Path], None] | None = None


def train_job(
    seed: int,
    name: str,
    *options: str,
    setup: Setup,
    length: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    artefact: str = "encoder.safetensors",
) -> Job:
    """Return a training.

    Args:
        seed: of everything random in it.
        name: of its run folder, by which reports call it.
        *options: of `fastssl train`, without its length.
        setup: quick trainings have another length.
        length: --epochs N or --steps N; default: the recipe's own.
        needs: names of jobs of the same seed that come before.
        artefact: the file in the run folder that is there once it is done.
    """
    folder = f"seed-{seed}/{name}"
    return Job(
        name=folder,
        arguments=("train", *options, *(QUICK if setup.quick else length), "--seed", str(seed), "--out", folder),
        artefact=f"{folder}/{artefact}",
        needs=tuple(f"seed-{seed}/{need}" for need in needs),
        run_folder=folder,
    )


def evaluation_job(seed: int, name: str, *options: str, runs: tuple[str, ...], report: str) -> Job:
    """Return an evaluation of runs of the same seed, with a report of its own.

    Args:
        seed: of pre-training. Draws and trials are seeded 10 seed, 10 seed + 1, ...: no two seeds share one.
        name: of the folder of the report; fewer than ten draws or trials may be asked for.
        *options: the command, such as "fewshot", and its options.
        runs: names of the trainings.
        report: name of the report, such as "fewshot".
    """
    command, *rest = options
    folders = [f"seed-{seed}/{run}" for run in runs]
    out = f"seed-{seed}/{name}"
    return Job(
        name=out,
        arguments=(command, *folders, *rest, "--seed", str(10 * seed), "--out", out),
        artefact=f"{out}/report/{report}.json",
        needs=tuple(folders),
    )
