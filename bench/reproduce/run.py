"""Make the project's tables of quality again: `python -m bench.reproduce.run --only TABLE`, from the repository root.

Covers: the command line: which tables, seeds and folders; what is there and what is done; stopping and going on. Does
not cover: the tables themselves (`probe.py`, `fast.py`, `mtcp.py`, `tower.py`, `chase.py`, `vae.py`), speed.

Jobs run one after another. Ctrl-C, SIGTERM or a power cut lose no more than what came after the last checkpoint: the
same command goes on. A table's JSON is written after every seed that is done.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.program import leave
from bench.reproduce import chase, fast, mtcp, probe, tower, vae
from bench.reproduce.code_version import code_version
from bench.reproduce.declaration import Job, Setup, Table
from bench.reproduce.jobs import Runner, run_jobs
from fastssl.locks import try_lock

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results" / "quality"
DECLARED = (probe, fast, mtcp, tower, chase, vae)
TABLES = {table.name: table for module in DECLARED for table in module.TABLES}
SEEDS, QUICK_SEEDS = (0, 1, 2), (0, 1)
INTERRUPTED = 130
NO_IMAGENET = "ImageNet EfficientNet-Lite0 is left out: its weights are not installed"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for.

    Attributes:
        tables: to make.
        seeds: of pre-training.
        setup: what jobs depend on.
        data_root: where data lie.
        work: holds a folder for each table.
        results: where the JSON goes.
        strict: what another version of the code has made is not taken.
        code: version of the code.
    """

    tables: tuple[Table, ...]
    seeds: tuple[int, ...]
    setup: Setup
    data_root: Path
    work: Path
    results: Path
    strict: bool
    code: str

    def runner(self, table: Table) -> Runner:
        """Return what runs the jobs of a table."""
        return Runner(
            folder=self.work / table.name,
            data_root=self.data_root,
            code=self.code,
            strict=self.strict,
            say=lambda text: print(f"{table.name}/{text}", flush=True),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: its words; None for those of this process.

    Returns:
        The exit status: 0; 1 where data are missing or a job failed; 130 after Ctrl-C or SIGTERM. Bad arguments end the
        process with 2.
    """
    parsed = _parser().parse_args(arguments)
    request = _request(parsed)
    if parsed.list:
        for table in request.tables:
            _show(table, request)
        return 0
    try:
        with _signals_interrupt():
            complete = [_make(table, request) for table in request.tables]
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    return 0 if all(complete) else 1


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and the end of a terminal do inside the block what Ctrl-C does."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.reproduce.run", description=str(__doc__).splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=TABLES, metavar="TABLE", help=f"of {', '.join(TABLES)}")
    parser.add_argument("--seeds", nargs="+", type=whole_number, help="of pre-training (default: 0 1 2; quick: 0 1)")
    parser.add_argument("--data-root", type=Path, help="folder of the data (default: FASTSSL_DATA, or ../shared/data)")
    parser.add_argument("--work", type=Path, default=Path("runs/reproduce"), help="folder of runs (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of JSON (bench/results/quality)")
    parser.add_argument("--list", action="store_true", help="show the tables, their jobs and which are done")
    parser.add_argument("--quick", action="store_true", help="a few steps of everything; results stay below --work")
    parser.add_argument("--strict", action="store_true", help="run again what another version of the code has made")
    return parser


def whole_number(text: str) -> int:
    """Evaluations are seeded by ten times it, which has to stay below 2^32."""
    value = int(text)
    if not 0 <= value < 2**32 // 10 - 1:
        raise argparse.ArgumentTypeError(f"{value}: give a whole number from 0")
    return value


def _request(parsed: argparse.Namespace) -> Request:
    from fastssl.models.imagenet import LITE0, is_at_hand

    work = (parsed.work / "quick" if parsed.quick else parsed.work).resolve()
    beside = ROOT.parent / "shared" / "data"
    data_root = parsed.data_root or Path(os.environ.get("FASTSSL_DATA", beside))
    return Request(
        tables=tuple(TABLES[name] for name in dict.fromkeys(parsed.only or TABLES)),
        seeds=tuple(dict.fromkeys(parsed.seeds or (QUICK_SEEDS if parsed.quick else SEEDS))),
        setup=Setup(imagenet=is_at_hand(LITE0), quick=parsed.quick),
        data_root=data_root.expanduser().resolve(),
        work=work,
        results=work / "results" if parsed.quick else parsed.results,
        strict=parsed.strict,
        code=code_version(),
    )


def missing_data(table: Table, data_root: Path) -> str:
    """Return a line that says which data of a table are not there; "" where all are."""
    missing = [name for name in table.data if not (data_root / name).exists()]
    if not missing:
        return ""
    return f"{table.name}: no {' and no '.join(missing)} in {data_root}; give --data-root, or set FASTSSL_DATA"


def _show(table: Table, request: Request) -> None:
    runner = request.runner(table)
    print(f"{table.name}: {table.title}")
    if problem := missing_data(table, request.data_root):
        print(f"  {problem}")
    for seed in request.seeds:
        for job in table.jobs(seed, request.setup):
            print(f"  [{'x' if runner.is_done(job) else ' '}] {job.name}: {job.command}")


def _make(table: Table, request: Request) -> bool:
    """Run the jobs of a table; returns whether all are done."""
    runner = request.runner(table)
    if problem := missing_data(table, request.data_root):
        print(problem, file=sys.stderr)
        return False
    try:
        runner.folder.mkdir(parents=True, exist_ok=True)
        with (runner.folder / ".lock").open("a") as lock:
            if try_lock(lock.fileno()) is False:
                print(f"{table.name}: another process makes it in {runner.folder}", file=sys.stderr)
                return False
            return _make_in(table, runner, request)
    except OSError as error:  # as on a full disk
        print(f"{table.name}: {error}", file=sys.stderr)
        return False


def _make_in(table: Table, runner: Runner, request: Request) -> bool:
    """Make a table in a folder that is this process's own."""
    if table.prepare is not None:
        table.prepare(request.data_root, runner.folder)
    complete = True
    for seed in request.seeds:
        if run_jobs(runner, table.jobs(seed, request.setup)):
            print(f"{table.name}: seed {seed} is done; {_write(table, runner, request)}", flush=True)
        else:
            complete = False
    return complete


def done_seeds(table: Table, runner: Runner, request: Request) -> dict[int, tuple[Job, ...]]:
    """Return the jobs of those seeds, asked for now or earlier, all of whose jobs are done."""
    folders = [path.name.removeprefix("seed-") for path in runner.folder.glob("seed-*")]
    seeds = sorted({*request.seeds, *(int(name) for name in folders if name.isdecimal())})
    jobs = {seed: table.jobs(seed, request.setup) for seed in seeds}
    return {seed: own for seed, own in jobs.items() if all(map(runner.is_done, own))}


def _write(table: Table, runner: Runner, request: Request) -> Path:
    """Sum up all seeds that are done."""
    from bench.reproduce.outcome import outcome, write_outcome  # imports what reading the environment needs

    done = done_seeds(table, runner, request)
    scores = {seed: table.scores(runner.folder / f"seed-{seed}") for seed in done}
    records = [(job, runner.record(job)) for own in done.values() for job in own]
    jobs = [
        {"name": job.name, "command": job.command, "code": record["code"], "seconds": record["seconds"]}
        for job, record in records
    ]
    notes = [NO_IMAGENET] if table.uses_imagenet and not request.setup.imagenet else []
    notes += ["quick: a few steps of everything, these numbers say nothing"] if request.setup.quick else []
    return write_outcome(outcome(table, scores, jobs, notes), request.results)


if __name__ == "__main__":
    leave(main)
