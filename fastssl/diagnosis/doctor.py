"""`fastssl doctor`: what is in the way on this machine, what is switched on and why, which versions are there.

Covers: gathering all facts, whatever of it fails; printing. Does not cover: each kind of facts, judging them
(`checks.py`), the lines (`report.py`).
"""

from __future__ import annotations

import importlib
import json as json_format
import os
import platform
from typing import TYPE_CHECKING, Any

import fastssl
from fastssl.console import new_console, say
from fastssl.distributed.environment import launched_rank

from .checks import find_all
from .facts import Diagnosis, Facts
from .graphics import find_graphics
from .packages import find_packages
from .privacy import private_words, without_words
from .processor import find_processor
from .report import diagnosis_lines
from .resources import find_memory, find_places
from .switches import find_compiler, find_kernels, find_switches, find_threads, usual_runtime
from .variables import shown_variables

if TYPE_CHECKING:
    from rich.console import Console


def doctor(*, compile: bool = False, json: bool = False, console: Console | None = None) -> Diagnosis:
    """Describe this machine: problems first, then what is switched on, and why. Nothing is written or changed.

    Names of users and machines are left out, and the home folder is "~".

    Args:
        compile: try `torch.compile` on a sum as well, which takes some seconds.
        json: print the result as JSON.
        console: where lines go; standard output by default.

    Returns:
        Findings and facts.
    """
    facts = find_facts(compile=compile)
    whole = Diagnosis(findings=find_all(facts), facts=facts)
    result = without_words(whole, private_words())
    if launched_rank() == 0:  # of processes that were started together one speaks
        printed = console or new_console()
        text = json_format.dumps(result.as_dict(), indent=1) if json else None
        say(printed, *(diagnosis_lines(result) if text is None else text.splitlines()))
    return result


def find_facts(*, compile: bool = False) -> Facts:
    """Gather all facts; what PyTorch has to tell is left out where it cannot be imported.

    Args:
        compile: try `torch.compile`.

    Returns:
        The facts, with paths and names as they are.
    """
    packages = find_packages()
    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "fastssl": fastssl.__version__,
        "processor": find_processor(),
        "memory": find_memory(),
        "packages": packages,
        "places": find_places(),
        "variables": shown_variables(os.environ),
    }
    if any(package.name == "torch" and (package.problem or not package.version) for package in packages):
        return Facts(**facts, graphics=find_graphics(None))
    torch = importlib.import_module("torch")
    runtime = usual_runtime()
    return Facts(
        **facts,
        graphics=find_graphics(torch),
        threads=find_threads(),
        switches=find_switches(runtime),
        kernels=find_kernels(runtime),
        compiler=find_compiler(runtime, tried=compile),
    )
