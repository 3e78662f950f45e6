"""Who runs: commands from the raw file to a score, by name.

Covers: fastssl's recipe, its ablations and its stages as they are by default, and lightly as the baseline. Does not
cover: timing them (`run.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness.machine import multiplies_bf16
from bench.speedrun.targets import Target

FASTSSL = (sys.executable, "-m", "fastssl")
DRAWS = 10


@dataclass(frozen=True)
class Entrant:
    """An entrant. about: in a few words. train: (data, seed, folder) -> commands; `run` below the folder is trained.

    probes: training ends with the linear probe. lightly: its one command prints its score itself.
    """

    about: str
    train: Callable[[Path, int, Path], list[list[str]]]
    run: str = ""
    probes: bool = False
    lightly: bool = False

    def commands(self, target: Target, data: Path, seed: int, folder: Path) -> list[list[str]]:
        """From the raw file to the score."""
        training = self.train(data, seed, folder)
        if self.lightly:
            return [[*training[-1], "--shots", str(target.shots)]]
        trained = str(folder / self.run)
        if target.metric == "fewshot":
            shots = ["--shots", str(target.shots), "--seeds", str(DRAWS), "--size", "28"]
            return [*training, [*FASTSSL, "fewshot", trained, *shots]]
        return (
            training if self.probes else [*training, [*FASTSSL, "probe", trained, "--size", "28", "--imagenet", "none"]]
        )

    def score(self, target: Target, folder: Path, output: str) -> float:
        """The test score, from the report, or from the last line of what a baseline printed."""
        if self.lightly:
            return float(json.loads(output.splitlines()[-1])["score"])
        report = folder / self.run / "report"
        label = (folder / self.run).name
        if target.metric == "fewshot":
            rows = json.loads((report / "fewshot.json").read_text(encoding="utf-8"))["rows"]
            (row,) = (row for row in rows if row["encoder"] == label and row["shots"] == target.shots)
            return float(row["acc"]["mean"])
        rows = json.loads((report / "probe.json").read_text(encoding="utf-8"))["rows"]
        (row,) = (row for row in rows if row["features"] == "trained" and row["classifier"] == "linear")
        return float(row["auc"])


def fastssl(*legs: Sequence[str]) -> Callable[[Path, int, Path], list[list[str]]]:
    """`fastssl train` with the settings of each leg; one that follows another starts from its weights."""

    def commands(data: Path, seed: int, folder: Path) -> list[list[str]]:
        earlier = [folder.with_name(f"{folder.name}-leg-{number}") for number in range(len(legs) - 1)]
        starts = [[], *(["--init", str(leg)] for leg in earlier)]
        shared = ("--data", str(data), "--seed", str(seed), "--quiet")
        return [
            [*FASTSSL, "train", *settings, *shared, *start, "--out", str(out)]
            for settings, start, out in zip(legs, starts, [*earlier, folder], strict=True)
        ]

    return commands


def lightly(*settings: str) -> Callable[[Path, int, Path], list[list[str]]]:
    """The script that does the same with lightly's parts and scikit-learn."""

    def commands(data: Path, seed: int, folder: Path) -> list[list[str]]:
        script = str(Path(__file__).with_name("run_lightly.py"))
        faster = ["--bf16"] if multiplies_bf16() else []
        return [[sys.executable, script, str(data), "--seed", str(seed), *settings, *faster]]

    return commands


def recipe(about: str, *settings: str) -> Entrant:
    return Entrant(about, fastssl(("--recipe", "fast", *settings)), run="simclr", probes=True)


def stage(about: str, *settings: str) -> Entrant:
    return Entrant(about, fastssl(settings))


SIMCLR = ("--stage", "simclr", "--steps")
SHARP = ("--temperature", "0.1", "--strength", "0.5")
ENTRANTS = {
    "lightly": Entrant("lightly's SimCLR, 300 steps of 128", lightly("--steps", "300"), lightly=True),
    "moco": stage("MoCo, 30 epochs (1080 steps)", "--stage", "moco", "--epochs", "30"),
    "simclr-long": stage("SimCLR, 30 epochs (1080 steps)", "--stage", "simclr", "--epochs", "30"),
    "simclr": stage("SimCLR, 300 steps of 128", *SIMCLR, "300"),
    "simclr-200": stage("SimCLR, 200 steps", *SIMCLR, "200"),
    "simclr-500": stage("SimCLR, 500 steps", *SIMCLR, "500"),
    "simclr-growing": Entrant(
        "SimCLR, images that grow: 150 steps at 16 px, then 100 at 28 px",
        fastssl((*SIMCLR, "150", "--size", "16"), (*SIMCLR, "100")),
    ),
    "simclr-24px": stage("SimCLR, 300 steps, trained on 24 px", *SIMCLR, "300", "--size", "24"),
    "simclr-sharp": stage("SimCLR, 300 steps, temperature 0.1, jitter 0.5", *SIMCLR, "300", *SHARP),
    "fast": recipe("recipe fast"),
}
