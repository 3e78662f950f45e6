"""Trials, one training each: those that the cache does not hold are run, one after the other.

Covers: what is to be done, the loop over it, progress, what an interruption leaves. Does not cover: which trials there
are and what one of them does (the evaluation's), keeping them (`trial_cache.py`), a training (`early_stopping.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from rich.console import Console

from fastssl.console import say
from fastssl.distributed.leader import by_leader, everyone_here
from fastssl.distributed.world import on_its_own, world

from .trial_cache import TrialCache
from .trial_progress import TrialProgress


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """A trial that is to be done; an evaluation's own specs add what it needs to do it.

    Attributes:
        label: of the encoder, or start, that is trained.
        title: names the trial in lines for a person.
        settings: everything that its result depends on, as JSON holds it; the trial's key in the cache.
        length: epochs or steps that it takes at most.
        unit: whether `length` counts epochs or steps.
        images: images that one epoch or step processes, about; the time left is estimated by it.
    """

    label: str
    title: str
    settings: Mapping[str, Any]
    length: int
    unit: Literal["epoch", "step"]
    images: int


SpecT = TypeVar("SpecT", bound=TrialSpec)
ResultT = TypeVar("ResultT")
Update = Callable[[int, str], None]
"""Called during a trial with the epochs or steps done, and with a few words on how it goes (`TrialProgress.update`)."""


def run_trials(
    specs: Sequence[SpecT],
    cache: TrialCache[ResultT],
    run: Callable[[SpecT, Update], ResultT],
    *,
    summary: str,
    describe: Callable[[ResultT], str],
    console: Console,
) -> list[ResultT]:
    """Return the result of every spec, from the cache where it is there, else by running it.

    Of several processes each runs some of the trials, on its own, and finds those of the others in the cache.

    Args:
        specs: in the order in which they are run.
        cache: receives every trial as soon as it is finished.
        run: does one trial; its second argument is to be called as the trial goes on.
        summary: what the trials are, in a few words, told before the first one.
        describe: says in a few words what a trial found, for the line that is printed after it.
        console: where progress and lines go.

    Returns:
        The results, in the order of `specs`.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM came; finished trials are in the cache, and a line says so. What `run`
            raises passes through, and leaves finished trials in the cache too.
    """
    found = {place: result for place, spec in enumerate(specs) if (result := cache.find(spec.settings)) is not None}
    finished = f"; {len(found)} of them are finished already" if found else ""
    say(console, f"{len(specs)} trials: {summary}{finished}")
    here = world()
    missing = by_leader(lambda: [place for place in range(len(specs)) if place not in found])  # as it is now, for all
    to_do = [(place, specs[place]) for place in missing[here.rank :: here.size]]
    work = sum(spec.length * spec.images for _, spec in to_do)
    try:
        with TrialProgress(console, trials=len(specs), done=len(found), work=work) as progress:
            for place, spec in to_do:
                progress.begin(spec.title, length=spec.length, unit=spec.unit, images=spec.images)
                with on_its_own():
                    found[place] = run(spec, progress.update)
                cache.add(spec.settings, found[place], spec.label)
                progress.end(describe(found[place]))
    except KeyboardInterrupt:
        say(console, "stopped: finished trials are kept; the same command goes on from there")
        raise
    everyone_here()
    if here.size > 1:
        cache.read_again()
    return [found[place] if place in found else cache.result(spec.settings) for place, spec in enumerate(specs)]
