"""What a run folder holds, read for a report.

Covers: finding the runs in what was named, and reading their settings, data, logs and evaluations. Does not cover:
opening encoders and images (`fastssl.reports.run_images`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastssl.errors import CheckpointError, ConfigError, FastSSLError
from fastssl.evaluation.shared.candidates import name_of, run_folder_of
from fastssl.evaluation.shared.report_folder import REPORT
from fastssl.models.encoder_file import read_spec
from fastssl.training.metrics_log import METRICS, SPEED
from fastssl.training.run_folder import ENCODER
from fastssl.training.stored_settings import COMMAND, CONFIG, read_facts, read_settings

from .evaluation_files import (
    AlignedFile,
    FewshotFile,
    FinetuneFile,
    ProbeFile,
    SegmentFile,
    StageScoresFile,
)
from .run_logs import LoggedColumn, read_log
from .stored_file import read_file, read_json

OVERLAYS = "overlays"
"""Folder of segmentation overlays in that of a report."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """All that is on disk of a run, of a recipe, or of a report in a folder of its own.

    Attributes:
        label: names it in the report.
        path: as it was given, or found.
        folder: that its report lies in.
        settings: of the run, with the epochs or minutes that its steps are; empty where there are none.
        facts: comments above them: why they are so, and the command that asked for the run.
        data: what was read, as `data.json` has it; empty where there is none.
        metrics: name -> column of `metrics.jsonl`.
        speed: name -> column of `speed.jsonl`.
        probe: result of `fastssl probe`, or None; likewise the others.
        fewshot: of `fastssl fewshot`.
        finetune: of `fastssl finetune`.
        frozen: of `fastssl finetune --frozen`.
        segment: of `fastssl segment`.
        aligned: of `--recipe aligned`.
        scores: of the stage's own heads.
    """

    label: str
    path: Path
    folder: Path
    settings: Mapping[str, Any]
    facts: Mapping[str, str]
    data: Mapping[str, Any]
    metrics: Mapping[str, LoggedColumn]
    speed: Mapping[str, LoggedColumn]
    probe: ProbeFile | None = None
    fewshot: FewshotFile | None = None
    finetune: FinetuneFile | None = None
    frozen: FinetuneFile | None = None
    segment: SegmentFile | None = None
    aligned: AlignedFile | None = None
    scores: StageScoresFile | None = None

    @property
    def stage(self) -> str:
        """The stage that was trained; "" of a recipe, and where that is not known."""
        return "" if self.settings.get("recipe") else str(self.settings.get("stage") or "")

    @property
    def encoder_path(self) -> Path | None:
        """Where the encoder is; None where there is none, and of a recipe, which has those of its stages."""
        if self.settings.get("recipe"):
            return None
        path = self.path if self.path.is_file() else self.path / ENCODER
        return self.path if path.is_file() else None

    @property
    def command(self) -> str:
        """The command line that trained it, as it was asked for; "" where that is not known."""
        return self.facts.get(COMMAND, "")

    @property
    def overlays(self) -> tuple[Path, ...]:
        """The segmentation overlays, by name."""
        return tuple(sorted((self.folder / REPORT / OVERLAYS).glob("*/*.png")))


def find_records(paths: Iterable[Path]) -> tuple[RunRecord, ...]:
    """Read the runs that were named, and those inside of them: the stages of a recipe.

    Args:
        paths: of run folders, of an evaluation's `--out`, or of encoder files.

    Returns:
        Their records, labelled by name, those inside of another by their path in it; by path where names are alike.

    Raises:
        ConfigError: none is named, or one twice.
        CheckpointError: there is nothing to report in one.
    """
    named = list(paths)
    if not named:
        raise ConfigError(["runs: give at least one run folder or encoder file"])
    repeated = [path for path, count in Counter(path.resolve() for path in named).items() if count > 1]
    if repeated:
        raise ConfigError([f"run {str(repeated[0])!r}: given twice"])
    found: dict[Path, RunRecord] = {}
    for path in named:
        if path.is_file() and read_spec(path) is None:
            raise CheckpointError(f"{path}: no encoder file that fastssl wrote")
        if not path.is_file() and not _holds_anything(path):
            raise CheckpointError(f"{path}: no run, encoder file or evaluation here to report on")
        found.setdefault(path.resolve(), read_record(path))
        for place in _runs_inside(path):
            found.setdefault(place.resolve(), replace(read_record(place), label=place.relative_to(path).as_posix()))
    records = list(found.values())
    alike = {label for label, count in Counter(record.label for record in records).items() if count > 1}
    return tuple(replace(one, label=str(one.path)) if one.label in alike else one for one in records)


def read_record(path: Path) -> RunRecord:
    """Read one run.

    Args:
        path: of its folder, or of an encoder file.

    Returns:
        What is there; settings that cannot be read are as good as none.
    """
    folder = run_folder_of(path)
    report = folder / REPORT
    try:
        settings = read_settings(folder)
    except FastSSLError:
        settings = {}
    stage = str(settings.get("stage") or "")
    data = read_json(folder / "data.json") or read_json(report / "data.json")
    return RunRecord(
        label=name_of(path),
        path=path,
        folder=folder,
        settings=settings,
        facts=read_facts(folder),
        data=data if isinstance(data, dict) else {},
        metrics=read_log(folder / METRICS),
        speed=read_log(folder / SPEED),
        probe=read_file(report / "probe.json", ProbeFile),
        fewshot=read_file(report / "fewshot.json", FewshotFile),
        finetune=read_file(report / "finetune.json", FinetuneFile),
        frozen=read_file(report / "finetune-frozen.json", FinetuneFile),
        segment=read_file(report / "segment.json", SegmentFile),
        aligned=read_file(report / "aligned.json", AlignedFile),
        scores=read_file(report / f"{stage}.json", StageScoresFile) if stage.isidentifier() else None,
    )


def _holds_anything(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in (CONFIG, ENCODER, REPORT))


def _runs_inside(path: Path) -> list[Path]:
    """Runs in the folder of a run or a recipe, those of a recipe inside of it as well, as they were begun."""
    if not path.is_dir():
        return []
    configs = [config for config in (*path.glob(f"*/{CONFIG}"), *path.glob(f"*/*/{CONFIG}")) if config.is_file()]
    return [config.parent for config in sorted(configs, key=lambda config: (config.stat().st_mtime, config))]
