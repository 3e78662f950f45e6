"""`fastssl report`: one HTML file of all that is known of some runs.

Covers: from run folders to the file. Does not cover: reading them (`reading/`), the sections (`sections/`), the page
(`page.py`).
"""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from fastssl.config import coerce_config
from fastssl.config.command_line import command_line
from fastssl.config.report import ReportConfig
from fastssl.console import new_console, say
from fastssl.distributed.environment import launched_rank
from fastssl.errors import ConfigError, FastSSLError
from fastssl.evaluation.shared.candidates import Runs, run_paths
from fastssl.evaluation.shared.report_folder import REPORT
from fastssl.files import write_atomically
from fastssl.runtime import usual_torch_state

from .blocks import Lines, ReportSection
from .page import TileSheet, render_page
from .projection import check_projection
from .reading.run_record import RunRecord, find_records
from .run_images import RunImages, open_images
from .sections.aligned import aligned_section
from .sections.data_sets import data_section
from .sections.feature_map import choose_map_images, map_section
from .sections.fewshot import fewshot_section
from .sections.finetune import finetune_section
from .sections.neighbours import neighbours_section
from .sections.overview import data_name, overview_section
from .sections.probe import probe_section
from .sections.segment import segment_section
from .sections.settings import commands_section, report_title, settings_section
from .sections.training import training_section
from .sections.views import views_section

FILE = "index.html"


@usual_torch_state()
def report(
    runs: Runs, config: ReportConfig | None = None, /, *, console: Console | None = None, **settings: Any
) -> Path:
    """Write one HTML file of what was trained on what, how it went, what it is worth and what it looks like.

    All numbers are read from what training and evaluations wrote; nothing is trained or evaluated. What has not been
    measured is left out, with the command that measures it. The file needs no network and no other file.

    Args:
        runs: run folders, folders of recipes, of which every stage is shown, or encoder files.
        config: the settings.
        console: where it is said; standard output by default.
        **settings: fields of `ReportConfig`, in place of `config`.

    Returns:
        The path of the file.

    Raises:
        CheckpointError: there is nothing to report on.
        ConfigError: settings that cannot be used.
        OSError: the file cannot be written.
        TypeError: both `config` and `settings` are given.
    """
    config = coerce_config(ReportConfig, config, settings)
    paths = run_paths(runs)
    records = find_records(paths)
    out = _destination(config, records[0])
    if launched_rank():  # of processes that were started together one reads and writes
        return out
    console = console or new_console()
    check_projection(config.projection)
    page = make_page(records, config, console, command_line("report", config, paths))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, page)
    say(console, f"report in {out}")
    if config.open:
        webbrowser.open(out.resolve().as_uri())
    return out


def make_page(
    records: Sequence[RunRecord],
    config: ReportConfig,
    console: Console,
    command: str,
    now: Callable[[], datetime] = datetime.now,
) -> str:
    """Fill the page of a report.

    Args:
        records: of the runs.
        config: the settings.
        console: where progress of features is shown.
        command: the command line of the report.
        now: tells the date.

    Returns:
        HTML.
    """
    images, problems = open_images(records, config, console) if config.map else (None, ())
    sections = [overview_section(records), aligned_section(records), data_section(records, images, problems)]
    sections += [training_section(records), probe_section(records), fewshot_section(records)]
    sections += [finetune_section(records, frozen=frozen) for frozen in (False, True)]
    sections.append(segment_section(records))
    sheet = None
    if config.map:
        if images is not None and images.candidates:
            drawn, sheet = _drawn(images, config)
            sections += drawn
        sections.append(views_section(records, config, console))
    sections += [settings_section(records), commands_section(records, command, now())]
    data = dict.fromkeys(filter(None, (data_name(record) for record in records)))
    return render_page(report_title(records), ", ".join(data), sections, sheet)


def _drawn(images: RunImages, config: ReportConfig) -> tuple[list[ReportSection], TileSheet | None]:
    """The map and the neighbours; where an encoder is damaged, a line that says so."""
    try:
        shown = choose_map_images(images, config.points, config.seed)
        sheet = TileSheet(uri=shown.sheet, columns=shown.columns)
        return [map_section(images, shown, config), neighbours_section(images)], sheet
    except FastSSLError as error:
        problem = Lines(lines=(f"No map is drawn: {error}",))
        return [ReportSection(anchor="map", title="A map of the features", blocks=(problem,))], None


def _destination(config: ReportConfig, first: RunRecord) -> Path:
    """Where the file goes; refused before any work is done for it."""
    if config.out is None:
        return first.folder / REPORT / FILE
    if config.out.is_dir() or config.out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError([f"out={str(config.out)!r}: give the name of an .html file"])
    if not config.out.parent.is_dir():
        raise ConfigError([f"out={str(config.out)!r}: there is no folder {config.out.parent}"])
    return config.out
