"""What is tried: a command, a fault in it, the command that goes on, and what must then be there.

Covers: small trainings from an array and from a folder, a probe, a few-shot comparison with its plots. Does not cover:
the faults themselves (`sabotage.py`), processes (`child.py`).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from fastssl.errors import CheckpointError
from fastssl.training.checkpoint import check_sound, checkpoints_in
from fastssl.training.run_folder import holds_run

from . import sabotage
from .child import Ended, Sabotage, finish, run, start

TRAIN = (
    *("train", "--encoder", "test_resnet", "--batch-size", "16", "--queue-size", "40", "--bn-splits", "2"),
    *("--steps", "20", "--checkpoint-every", "3", "--size", "16", "--device", "cpu", "--threads", "1", "--out", "run"),
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "train": (*TRAIN, "--data", "images.npz"),
    "train, with a pack": (*TRAIN, "--data", "folder"),
    "probe": ("probe", "run", "--device", "cpu"),
    "fewshot": ("fewshot", "run", "--device", "cpu", "--shots", "1", "--seeds", "2", "--imagenet", "none"),
}
"""What is run, by what is being done when the fault comes."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What an undisturbed command leaves.

    Args:
        outcome: file -> content.
        seconds: how long it took.
        calls: of the operating system, as `sabotage.CALLS` lists them.
    """

    outcome: dict[str, bytes]
    seconds: float
    calls: int


@dataclass(kw_only=True)
class Tally:
    """What was tried of one kind.

    Args:
        tried: how often.
        hit: how often the fault came before the command had ended.
        failures: what was not as it must be, a line each.
    """

    tried: int = 0
    hit: int = 0
    failures: list[str] = field(default_factory=list)


class Harness:
    """Tries faults in folders below `root`, each on a fresh copy of the same data."""

    def __init__(self, root: Path, seed: int = 0) -> None:
        self._root, self._random, self._count = root, random.Random(seed), 0
        self._data = root / "data"
        _make_data(self._data)
        self._references: dict[str, Reference] = {}
        self.tallies: dict[str, Tally] = {}

    def reference(self, name: str) -> Reference:
        """What a command of `COMMANDS` leaves undisturbed; it is run once."""
        if name not in self._references:
            folder = self._fresh(name)
            ended = run(COMMANDS[name], folder, sabotage.counting)
            if ended.status:
                raise RuntimeError(f"{name} does not run: {ended.printed}")
            calls = int((folder / "happened.txt").read_text())
            self._references[name] = Reference(outcome=_outcome(name, folder), seconds=ended.seconds, calls=calls)
        return self._references[name]

    def kill_by_time(self, name: str) -> None:
        """SIGKILL at a random moment."""
        seconds = self._random.uniform(0.0, self.reference(name).seconds)
        self._try(f"SIGKILL at any moment of {name}", name, sabotage.killed_after(seconds), (-9,))

    def kill_by_call(self, name: str) -> None:
        """SIGKILL at a random change of the disk."""
        number, before = self._random.randint(1, self.reference(name).calls), self._random.random() < 0.5
        kind = f"SIGKILL at a change of the disk in {name}"
        self._try(kind, name, sabotage.killed_at_call(number, before=before), (-9,))

    def fill_disk(self, name: str) -> None:
        """A limit between two kilobytes and two megabytes on every file; what is printed is a file here, too."""
        limit = int(10 ** self._random.uniform(3.3, 6.3))
        self._try(f"disk full in {name}", name, sabotage.file_size_limited(limit), (2,))

    def break_loader(self) -> None:
        """A batch that cannot be made."""
        number = self._random.randint(1, 22)
        self._try("a batch cannot be read", "train", sabotage.failing_loader(number), (2,))

    def set_clock_back(self) -> None:
        """The time of day goes back; nothing may come of it."""
        self._try("the clock goes back", "train", sabotage.clock_going_back, (0,))

    def write_nowhere(self, name: str) -> None:
        """A folder that may not be written, for a user who is not root."""
        folder = self._fresh(name)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / "printed.txt").touch()
        (folder / "printed.txt").chmod(0o666)
        folder.chmod(0o555)
        tally = self._tally(f"read-only folder in {name}")
        ended = run(COMMANDS[name], folder, sabotage.as_nobody)
        folder.chmod(0o755)
        tally.hit += 1
        shown = name == "probe" and ended.status == 0 and "test AUC" in ended.printed
        if not shown:
            self._check_refusal(tally, ended, (2,))

    def damage_newest(self) -> None:
        """A byte of the newest checkpoint changes after a stop."""
        folder = self._fresh("train")
        run((*COMMANDS["train"], "--stop-after", "11"), folder)
        newest = checkpoints_in(folder / "run" / "checkpoints")[0]
        file = self._random.choice(sorted(newest.iterdir()))
        content = bytearray(file.read_bytes())
        content[self._random.randrange(len(content))] ^= 0xFF
        file.write_bytes(content)
        tally = self._tally("the newest checkpoint is damaged")
        tally.hit += 1
        ended = self._recover("train", folder, tally)
        if newest.name not in ended.printed.replace("\n", ""):
            tally.failures.append(f"{newest.name} is not named: {ended.printed[-300:]}")

    def run_twice(self) -> None:
        """Two runs into one folder: one trains as if alone, the other is refused in one line."""
        folder, began = self._fresh("train"), time.monotonic()
        tally = self._tally("two runs into one folder")
        first = start(COMMANDS["train"], folder)
        while not (folder / "run" / ".run.lock").exists() and time.monotonic() - began < 60:
            time.sleep(0.002)
        time.sleep(self._random.uniform(0, 0.3))
        second = self._root / f"second-{self._count}"
        second.mkdir()
        refused = run((*COMMANDS["train"][:-3], str(folder / "run"), "--data", str(folder / "images.npz")), second)
        ended = finish(first, folder, began)
        tally.hit += 1
        self._check_refusal(tally, refused, (2,))
        if ended.status or _outcome("train", folder) != self.reference("train").outcome:
            tally.failures.append(f"the first run was disturbed ({ended.status}): {ended.printed[-300:]}")

    def _try(self, kind: str, name: str, fault: Sabotage, expected: Sequence[int]) -> None:
        reference, folder, tally = self.reference(name), self._fresh(name), self._tally(kind)
        ended = run(COMMANDS[name], folder, fault)
        if ended.status != 0 or 0 in expected:
            tally.hit += 1
            self._check_refusal(tally, ended, expected)
        self._check_checkpoints(tally, folder)
        if ended.status == 0 and _outcome(name, folder) == reference.outcome:
            return
        self._recover(name, folder, tally)

    def _recover(self, name: str, folder: Path, tally: Tally) -> Ended:
        """The same command, with --resume where a run has begun, must end as the undisturbed one."""
        training = COMMANDS[name][0] == "train"
        goes_on = ("--resume",) if training and holds_run(folder / "run") else ()
        ended = run((*COMMANDS[name], *goes_on), folder)
        if ended.status:
            tally.failures.append(f"going on ended with {ended.status}: {ended.printed[-400:]}")
        elif _outcome(name, folder) != self.reference(name).outcome:
            tally.failures.append(f"another outcome in {folder}")
        if left := list(_remains(folder)):
            tally.failures.append(f"left behind in {folder}: {', '.join(left[:3])}")
        return ended

    def _check_refusal(self, tally: Tally, ended: Ended, expected: Sequence[int]) -> None:
        if ended.status not in expected:
            tally.failures.append(f"status {ended.status}, not {list(expected)}: {ended.printed[-400:]}")
        if "Traceback" in ended.printed:
            tally.failures.append(f"a traceback: {ended.printed[-600:]}")
        errors = [line for line in ended.printed.splitlines() if line.startswith("fastssl: error")]
        if ended.status == 2 and len(errors) != 1:
            tally.failures.append(f"{len(errors)} lines of error: {ended.printed[-400:]}")

    def _check_checkpoints(self, tally: Tally, folder: Path) -> None:
        """Every checkpoint that had been put in place is still there, or a newer one, and what is there is sound."""
        there = checkpoints_in(folder / "run" / "checkpoints") or checkpoints_in(
            folder / "run" / ".begun" / "checkpoints"
        )
        sound = [path.name for path in there if _is_sound(path)]
        if len(sound) < len(there):
            tally.failures.append(f"a checkpoint that is not whole has a whole one's name in {folder}")
        happened = folder / "happened.txt"
        begun = holds_run(folder / "run")  # before that, what is written goes with its folder
        finished = happened.read_text().split() if begun and happened.is_file() else []
        if finished and not (sound and max(sound) >= max(finished)):
            tally.failures.append(f"{max(finished)} was finished and is lost in {folder} (there: {sound})")

    def _fresh(self, name: str) -> Path:
        self._count += 1
        folder = self._root / f"{self._count:04d}"
        shutil.copytree(self._data, folder)
        if not COMMANDS[name][0].startswith("train"):
            trained = self._root / "trained"
            if not trained.exists():
                ended = run(COMMANDS["train"], self._made(trained))
                if ended.status:
                    raise RuntimeError(ended.printed)
            shutil.copytree(trained / "run", folder / "run")
        return folder

    def _made(self, folder: Path) -> Path:
        shutil.copytree(self._data, folder)
        return folder

    def _tally(self, kind: str) -> Tally:
        tally = self.tallies.setdefault(kind, Tally())
        tally.tried += 1
        return tally


def _make_data(folder: Path) -> None:
    """The same 60 labelled images as an array and as a folder of classes."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (60, 16, 16), dtype=np.uint8)
    folder.mkdir(parents=True)
    arrays = {}
    for split, rows in (("train", slice(0, 40)), ("val", slice(40, 50)), ("test", slice(50, 60))):
        arrays |= {f"{split}_images": images[rows], f"{split}_labels": np.arange(60)[rows] % 2}
    np.savez(folder / "images.npz", **arrays)
    for index, image in enumerate(images):
        place = folder / "folder" / "ab"[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index:02d}.png")


def _is_sound(checkpoint: Path) -> bool:
    try:
        check_sound(checkpoint)
    except CheckpointError:
        return False
    return True


def _outcome(name: str, folder: Path) -> dict[str, bytes]:
    """The files that a command is run for; empty where they are not there yet."""
    run_folder = folder / "run"
    try:
        if COMMANDS[name][0] != "train":
            report = json.loads((run_folder / "report" / f"{name}.json").read_text())
            return {name: json.dumps({key: value for key, value in report.items() if key != "folder"}).encode()}
        newest = checkpoints_in(run_folder / "checkpoints")[0]
        files = [*newest.iterdir(), run_folder / "encoder.safetensors", run_folder / "metrics.jsonl"]
        return {file.relative_to(run_folder).as_posix(): file.read_bytes() for file in files}
    except (OSError, IndexError, ValueError):
        return {}


def _remains(folder: Path) -> Iterator[str]:
    """Temporary files and folders of the run that are still there; those of the cache go with the next pack."""
    for path in (folder / "run").rglob(".*"):
        if path.name != ".trials.lock" and not path.name.endswith(".lock"):
            yield os.fspath(path.relative_to(folder))
